#!/usr/bin/env python3
"""Prompts as lm-evaluation-harness writes them, for `vectors/harness_prompts.json`.

    pip download --no-deps lm-eval==0.4.13 && unzip lm_eval-0.4.13-*.whl -d lm   # and: pip install jinja2 pyyaml
    python3 harness_prompts.py lm > ../vectors/harness_prompts.json

Questions are made up here. Their text goes through the tasks' own functions and Jinja templates, read from the package's files; the few-shot
delimiter and target delimiter are the package's defaults.
"""
import importlib.util
import json
import pathlib
import sys

import jinja2
import yaml

root = pathlib.Path(sys.argv[1]) / "lm_eval/tasks"


def function(path, name):
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), root / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def task(path):
    return yaml.load((root / path).read_text(), Loader)


# As lm_eval.utils.apply_template sets Jinja up.
jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
medqa = function("medqa/preprocess_medqa.py", "doc_to_text")
medmcqa = function("medmcqa/utils_medmcqa.py", "doc_to_text")
pubmedqa = function("pubmedqa/preprocess_pubmedqa.py", "doc_to_text")
headqa = jinja.from_string(task("headqa/headqa_en.yaml")["doc_to_text"])
mmlu = jinja.from_string(task("mmlu/default/_default_template_yaml")["doc_to_text"])
described = {name: task(f"mmlu/default/mmlu_{name}.yaml")["description"] for name in ("anatomy", "college_biology", "professional_medicine")}

four = ["Vitamin B12 {see text}", "Iron", "Folic acid: 5 mg", "None of the above."]
plain = "A 62-year-old woman is tired.\nHer tongue is smooth. What is missing?"
spaced = "  Which of these\nis a vitamin? \n"
out = []


def add(benchmark, source, question, options, answer, text, choices):
    letters = dict(zip("ABCDE", options))
    row = {"id": f"{benchmark}-1", "source": source, "question": question, "options": letters, "answer_idx": answer}
    out.append({"row": row, "text": text, "choices": choices})


for question in (plain, spaced):
    add("medqa", "step1", question, four, "A", medqa({"sent1": question, **{f"ending{i}": o for i, o in enumerate(four)}}), list("ABCD"))
    add("medmcqa", "medmcqa", question, four, "B",
        medmcqa({"question": question, **dict(zip(("opa", "opb", "opc", "opd"), four))}), list("ABCD"))
    add("headqa", "Cuaderno_2017_1_Q", question, four, "C", headqa.render(qtext=question), four)
    for name, description in described.items():
        add("mmlu", name, question, four, "D", description + mmlu.render(question=question, choices=four), list("ABCD"))
contexts = ["Background. 93 patients.", "Results:\nall of them."]
add("pubmedqa", "2014", "\n".join(contexts) + "\nDoes it help?", ["yes", "no", "maybe"], "A",
    pubmedqa({"CONTEXTS": contexts, "QUESTION": "Does it help?"}), task("pubmedqa/pubmedqa.yaml")["doc_to_choice"])
json.dump({"lm_eval": "0.4.13", "items": out}, sys.stdout, ensure_ascii=False, indent=1)
print()

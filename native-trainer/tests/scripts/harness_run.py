#!/usr/bin/env python3
"""A whole evaluation by lm-evaluation-harness, for `fixtures/harness_run`: model, questions, and what the harness says of them.

    pip install torch transformers accelerate datasets lm_eval==0.4.13 && python3 harness_run.py ../fixtures ../../../www/questions

Made with lm_eval 0.4.13, transformers 4.40.2 and torch 1.12.1 on the processor, in 32-bit floats. The model is random and tiny; its vocabulary is that of
`harness_vocabulary.json`, whose tokenizer here puts a begin token before a text. The tasks are the harness's own (`medqa_4options`, `headqa_es`) on
the questions of a local file in place of a downloaded one, without examples; of headqa also `acc_mutual_info` is asked. Each runs as the harness does by
itself and with `add_bos_token=False`. Several texts are longer than the model, so cutting is part of it.
"""
import json
import pathlib
import sys

import lm_eval
import torch
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

fixtures, questions = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
out = fixtures / "harness_run"
folder = out / "model"
folder.mkdir(parents=True, exist_ok=True)

vocabulary = json.loads((fixtures / "harness_vocabulary.json").read_text())
# Older versions write a merge as one text.
vocabulary["model"]["merges"] = [merge if isinstance(merge, str) else " ".join(merge) for merge in vocabulary["model"]["merges"]]
core = Tokenizer.from_str(json.dumps(vocabulary))
begin, end = core.token_to_id("<s>"), core.token_to_id("</s>")
core.post_processor = TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", begin)])
tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=False)
tokenizer.save_pretrained(folder)

torch.manual_seed(9)
config = LlamaConfig(vocab_size=core.get_vocab_size(), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                     max_position_embeddings=512, initializer_range=0.3, bos_token_id=begin, eos_token_id=end, torch_dtype="float32")
model = LlamaForCausalLM(config).eval()
model.save_pretrained(folder, safe_serialization=True)

tasks = pathlib.Path(lm_eval.__file__).parent / "tasks"


def chosen(name, take):
    lines = [json.loads(line) for line in (questions / name).read_text().splitlines()]
    return [line for line in lines if len(line["options"]) == 4 and len(line["answer_idx"]) == 1][:take]


def run(task, docs, changes, settings):
    name = {"medqa_4options": "medqa/medqa.yaml", "headqa_es": "headqa/headqa_es.yaml"}[task]
    spec = load_yaml(tasks / name, resolve_func=True, recursive=True)
    spec.update({"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": {"test": str(docs)}}, "training_split": None, "validation_split": None, **changes})
    lm = HFLM(pretrained=model, tokenizer=tokenizer, device="cpu", batch_size=1, max_length=config.max_position_embeddings, **settings)
    result = lm_eval.simple_evaluate(model=lm, tasks=[ConfigurableTask(config=spec)], log_samples=True, bootstrap_iters=0)
    metrics = {key.split(",")[0]: value for key, value in result["results"][task].items() if isinstance(value, float)}
    samples = sorted(result["samples"][task], key=lambda sample: sample["doc_id"])
    # With acc_mutual_info every choice is scored once more, alone.
    return {"metrics": metrics, "log_likelihoods": [[float(reply[0][0]) for reply in sample["resps"]] for sample in samples]}


medqa, headqa = chosen("medqa-en.jsonl", 5), chosen("headqa-es.jsonl", 5)
with open(out / "medqa.jsonl", "w") as file:
    file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in medqa)
with open(out / "headqa.jsonl", "w") as file:
    file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in headqa)
place = {letter: index for index, letter in enumerate("ABCD")}
for_medqa = [{"sent1": q["question"], "label": place[q["answer_idx"]], **{f"ending{i}": q["options"][letter] for letter, i in place.items()}} for q in medqa]
for_headqa = [{"qtext": q["question"], "ra": place[q["answer_idx"]] + 1, "answers": [{"aid": i + 1, "atext": q["options"][letter]} for letter, i in place.items()]} for q in headqa]
import tempfile
work = pathlib.Path(tempfile.mkdtemp())
(work / "medqa.json").write_text("\n".join(json.dumps(doc) for doc in for_medqa))
(work / "headqa.json").write_text("\n".join(json.dumps(doc) for doc in for_headqa))
also = {"metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in ["acc", "acc_norm", "acc_mutual_info"]]}
expected = {"lm_eval": "0.4.13", "runs": []}
for begin_token, settings in [("model", {}), ("no", {"add_bos_token": False})]:
    expected["runs"].append({"data": "medqa", "begin_token": begin_token, **run("medqa_4options", work / "medqa.json", {}, settings)})
    expected["runs"].append({"data": "headqa", "begin_token": begin_token, **run("headqa_es", work / "headqa.json", also, settings)})
(out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
print(json.dumps([{**r, "log_likelihoods": len(r["log_likelihoods"])} for r in expected["runs"]], indent=1))

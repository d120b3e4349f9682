"""Makes the fixtures beside this script with libraries that we did not write. Run by hand when a case is added:

    pip install sentencepiece==0.2.* tokenizers==0.23.* tiktoken==0.* transformers==5.* jinja2==3.*
    python make_fixtures.py TEXTS [TEMPLATES]

TEXTS: a folder of UTF-8 text files that may be used for anything (the fixtures were made from the TICO-19 translations, CC0).
TEMPLATES: a folder of *.jinja files; what they render goes to templates_conformance.json, the templates themselves are not copied.

* sentencepiece.json: a SentencePiece BPE vocabulary with byte fallback, and SentencePiece's own ids.
* byte_level.json: a tokenizer.json (byte-level BPE, the cut of Llama 3), and the ids of tiktoken for the same vocabulary.
* templates.json: templates of our own, and what Jinja 2 in transformers' setting renders.
"""

import datetime
import glob
import io
import json
import os
import sys

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXTS = [
    "",
    " ",
    "  ",
    "\n",
    "\t\n \r\n  x",
    "a",
    "Hello world",
    " Hello  world ",
    "The patient's fever lasted 3 days; we'Re not sure it'll return.",
    "¿Cuál es el tratamiento de elección? Fiebre de 39,5 °C",
    "Quel est l'agent pathogène ? Réponse : B, D",
    "Какой возбудитель вызывает коронавирусную инфекцию?",
    "新型冠状病毒的潜伏期是多少天？",
    "患者は５０歳の男性。発熱と咳が3日間続く。",
    "123456789 0 12 1234",
    "🦙🦙 😶‍🌫️ ½ ﬁ é é",
    "                      indented",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "<s> is not </s> special here <0x41>",
    "!!!???...\n\n\n---",
    "\u00a0nbsp\u3000ideographic\u200bzero",
    "\u0001\u007f\ufffd",
]


def write(name, value):
    path = os.path.join(HERE, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1, sort_keys=False)
        file.write("\n")
    print(path, os.path.getsize(path), "bytes")


def corpus(folder):
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.txt"), recursive=True)):
        with open(path, encoding="utf-8") as file:
            yield from file.read().splitlines()


def sentence_piece(folder):
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus(folder)),
        model_writer=model,
        model_type="bpe",
        vocab_size=900,
        byte_fallback=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
        add_dummy_prefix=True,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())

    def kind(id):
        if processor.is_unknown(id):
            return 2
        if processor.is_control(id):
            return 3
        return 6 if processor.is_byte(id) else 1

    ids = range(processor.get_piece_size())
    write(
        "sentencepiece.json",
        {
            "tokens": [processor.id_to_piece(id) for id in ids],
            "scores": [processor.get_score(id) for id in ids],
            "token_type": [kind(id) for id in ids],
            "cases": [{"text": text, "ids": processor.encode(text)} for text in TEXTS],
        },
    )


def byte_level(folder):
    import tiktoken
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    special = ["<|begin|>", "<|end|>", "<|pad|>"]
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        corpus(folder),
        trainers.BpeTrainer(
            vocab_size=900, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 0)])

    # tiktoken has its own engine; it needs the bytes of every token, and ranks that grow with the merges.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spelled = {chr(byte): byte for byte in printable}
    shifted = [byte for byte in range(256) if byte not in printable]
    spelled.update({chr(0x100 + place): byte for place, byte in enumerate(shifted)})
    ranks = {bytes(spelled[character] for character in text): id for text, id in tokenizer.get_vocab().items() if text not in special}
    reference = tiktoken.Encoding("fixture", pat_str=LLAMA3, mergeable_ranks=ranks, special_tokens={text: id for id, text in enumerate(special)})
    control = "before<|end|> after <|begin|>"
    write(
        "byte_level.json",
        {
            "tokenizer": json.loads(tokenizer.to_str()),
            "cases": [{"text": text, "ids": reference.encode_ordinary(text)} for text in [*TEXTS, control]],
            "with_special": {"text": control, "ids": reference.encode(control, allowed_special="all")},
        },
    )


TOOL = {
    "type": "function",
    "function": {
        "name": "dose",
        "description": "Dose <mg> & interval for a 'drug'",
        "parameters": {"type": "object", "properties": {"drug": {"type": "string"}, "kg": {"type": "number"}}, "required": ["drug"]},
    },
}
USER = {"role": "user", "content": "  Which <b>vitamin</b> & dose?\nA: 1 mg\nB: é 語 🦙 \n"}
ASSISTANT = {"role": "assistant", "content": "\n\nB. Because…\n"}
CASES = {
    "one question": {"messages": [USER]},
    "one question, no answer begun": {"messages": [USER], "add_generation_prompt": False},
    "system": {"messages": [{"role": "system", "content": " You are a physician. "}, USER]},
    "several turns": {"messages": [USER, ASSISTANT, {"role": "user", "content": "Why?"}]},
    "several turns, ended": {"messages": [USER, ASSISTANT], "add_generation_prompt": False},
    "roles that do not alternate": {"messages": [USER, USER]},
    "thoughts": {"messages": [USER, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nB"}, USER]},
    "thoughts at the end": {"messages": [USER, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nB"}], "add_generation_prompt": False},
    "no thinking": {"messages": [USER], "extra": {"enable_thinking": False}},
    "a date by name": {"messages": [USER], "extra": {"date_string": "01 Jan 2026"}},
    "today": {"messages": [USER], "now": [2026, 11, 22, 9, 5, 7]},
    "tools": {
        "messages": [
            {"role": "system", "content": "Use tools."},
            USER,
            {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "dose", "arguments": {"drug": "é", "kg": 70.5}}}]},
            {"role": "tool", "content": "5 mg"},
        ],
        "extra": {"tools": [TOOL]},
    },
}
OWN = {
    "methods": "{% for m in messages %}{{ m.role.upper() }}|{{ m['content'].strip().split('\\n')|length }}|{{ m.content.startswith(' ') }}"
    "|{{ m.content.rstrip().endswith('🦙') }}|{{ m.content.replace('A', 'Ä').title() }}|{% for k, v in m.items() %}{{ k }}={{ v | trim }};{% endfor %}\n{% endfor %}",
    "blocks": "  {% if add_generation_prompt %}\n    yes\n  {% else %}\n    no\n  {% endif %}\nend {{- bos_token }} {{ eos_token -}} \n",
    "loops": "{% set ns = namespace(n=0) %}{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{% set ns.n = ns.n + 1 %}"
    "{% if ns.n > 2 %}{% break %}{% endif %}{{ loop.index0 }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %} {{ messages[::-1][0].role }} {{ messages[1:]|length }}",
    "json": "{{ messages | tojson }}\n{{ messages | tojson(indent=2) }}\n{{ tools | tojson }} {{ {'b': 1, 'a': [none, true, 0.5]} | tojson }}",
    "refusal": "{% if messages|length > 1 %}{{ raise_exception('one message only') }}{% endif %}{{ messages[0]['content'] | trim }}",
    "undefined": "[{{ nothing }}][{{ messages[0].nothing }}]{% if nothing is defined %}x{% endif %}{{ 'none' if tools is none }}{{ nothing | default('d') }}",
    "macro": "{% macro turn(m, last=false) %}<{{ m.role }}{{ '!' if last }}>{{ caller() if caller }}{% endmacro %}{% for m in messages %}{{ turn(m, loop.last) }}{% endfor %}"
    "{{ 'a' ~ 1 ~ 'b' }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 'x' * 3 }} {{ 'role' in messages[0] }} {{ messages | map(attribute='role') | join('+') }}",
}


def render(source, case):
    from transformers.utils.chat_template_utils import _compile_jinja_template

    template = _compile_jinja_template(source)
    # Only there when a case says what time it is.
    template.environment.globals.pop("strftime_now", None)
    template.globals.pop("strftime_now", None) if hasattr(template.globals, "pop") else None
    values = {"tools": None, "documents": None, "bos_token": "<bos>", "eos_token": "<eos>", **case.get("extra", {})}
    if "now" in case:
        moment = datetime.datetime(*case["now"])
        values["strftime_now"] = moment.strftime
    try:
        return {"text": template.render(messages=case["messages"], add_generation_prompt=case.get("add_generation_prompt", True), **values)}
    except Exception as error:  # what a template refuses is an expectation too
        return {"error": str(error)}


def main():
    os.makedirs(HERE, exist_ok=True)
    sentence_piece(sys.argv[1])
    byte_level(sys.argv[1])
    rendered = {name: {case: render(source, CASES[case]) for case in CASES} for name, source in OWN.items()}
    write("templates.json", {"cases": CASES, "templates": OWN, "rendered": rendered})
    if len(sys.argv) > 2:
        found = {}
        for path in sorted(glob.glob(os.path.join(sys.argv[2], "*.jinja"))):
            with open(path, encoding="utf-8") as file:
                source = file.read()
            found[os.path.basename(path)] = {case: render(source, CASES[case]) for case in CASES}
        write("templates_conformance.json", found)


main()

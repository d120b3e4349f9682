"""Makes a small corpus in six languages: input.py FOLDER; and beside it `tokenizer`, whose tokens are bytes. The same in every run."""

import json
import pathlib
import sys

WORDS = {
    "en": "cancer treatment patient diagnosis disease infection symptoms vaccine virus blood cell tissue hormone surgery clinical".split(),
    "zh": "癌症 治疗 患者 诊断 疾病 感染 症状 疫苗 病毒 血液 细胞 组织 激素 手术 临床".split(),
    "ja": "がん 治療 患者 診断 疾患 感染 症状 ワクチン ウイルス 血液 細胞 組織 ホルモン 手術 臨床".split(),
    "fr": "cancer traitement patient diagnostic maladie infection symptômes vaccin virus sang cellule tissu hormone chirurgie clinique".split(),
    "ru": "рак лечение пациент диагноз болезнь инфекция симптомы вакцина вирус кровь клетка ткань гормон хирургия клинический".split(),
    "es": "cáncer tratamiento paciente diagnóstico enfermedad infección síntomas vacuna virus sangre célula tejido hormona cirugía clínico".split(),
}


def text(language, seed):
    words, state, out = WORDS[language], seed, []
    for _ in range(80):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(words[(state >> 33) % len(words)])
    return " ".join(out)


root = pathlib.Path(sys.argv[1])
for number, language in enumerate(WORDS):
    folder = root / "web" / language
    folder.mkdir(parents=True, exist_ok=True)
    for file in range(40):
        # Every tenth is a copy.
        (folder / f"{file:03}.txt").write_text(text(language, 1000 * number + (file if file % 10 else 0)), encoding="utf-8")
    with open(folder / "lines.jsonl", "w", encoding="utf-8") as lines:
        for line in range(40):
            lines.write(json.dumps({"text": text(language, 1000 * number + 500 + line)}, ensure_ascii=False) + "\n")

# Bytes that are no letter of their own are written as letters from 256 on, as byte-level vocabularies do.
plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
other = [byte for byte in range(256) if byte not in plain]
names = {byte: chr(byte) for byte in plain} | {byte: chr(256 + place) for place, byte in enumerate(other)}
vocabulary = {names[byte]: byte for byte in range(256)} | {"<|end|>": 256}
end = {"id": 256, "content": "<|end|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
tokenizer = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None,
    "decoder": byte_level, "model": {"type": "BPE", "dropout": None, "unk_token": None, "vocab": vocabulary, "merges": []},
}
folder = root.parent / "tokenizer"
folder.mkdir(exist_ok=True)
(folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
(folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>"}), encoding="utf-8")

"""Makes a small corpus in six languages: input.py FOLDER. The same in every run."""

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

#!/usr/bin/env python3
"""Writes tests/fixtures/rating: made-up questions, the ratings of three raters, and what SciPy, krippendorff and NLTK say of them.

    pip install scipy==1.17.1 krippendorff==0.9.0 nltk==3.10.4 rouge-score==0.1.2 numpy==2.4.6 && python3 ratings.py

Texts are words without punctuation, so that every tokenizer agrees about them. Raters skip questions; ties are frequent.
"""
import hashlib, json, pathlib, random
import krippendorff, numpy
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge_score import rouge_scorer
from scipy import stats

here = pathlib.Path(__file__).parent.parent / "fixtures" / "rating"
here.mkdir(parents=True, exist_ok=True)
rnd = random.Random(11)
WORDS = "insulin lowers the glucose of blood and cells take it up while liver makes less so acidosis ends when fluid returns".split()
SOURCES = ["stored rationale", "model A", "model B"]
RATERS = {"first": 0.0, "second": 0.2, "third": 0.45}

questions = []
for i in range(16):
    stem, options = f"Question number {i}?", [["A", "yes"], ["B", "no"]]
    reference = " ".join(rnd.sample(WORDS, 9))
    # A question's hash: SHA-256 of the compact JSON of stem, options and key.
    digest = hashlib.sha256(json.dumps([stem, options, "A"], separators=(",", ":")).encode()).hexdigest()
    language = "English" if i % 4 else "French"
    worse = lambda share: " ".join(rnd.choice(WORDS) if rnd.random() < share else w for w in reference.split())
    texts = dict(zip(SOURCES, [reference, worse(0.25), worse(0.6)]))
    questions.append({"id": f"q{i}", "question": stem, "options": dict(options), "answer_idx": "A", "rationale": reference, "language": language,
                      "hash": digest, "texts": texts})
(here / "questions.jsonl").write_text("".join(json.dumps({k: v for k, v in q.items() if k not in ("hash", "texts")}) + "\n" for q in questions))

said = {}  # rater -> hash -> source -> score
for rater, gap in RATERS.items():
    lines = [json.dumps({"mmedkit_ratings": 1, "study": "f1" * 32, "seed": 5, "sources": SOURCES, "questions": len(questions), "rater": rater,
                         "scale": "rationale.1", "started": "2026-11-23T06:00:00Z", "software": "ratings.py"})]
    said[rater] = {}
    for q in rnd.sample(questions, len(questions)):
        if rnd.random() < gap:
            continue
        common = lambda t: len(set(t.split()) & set(q["rationale"].split()))
        score = {s: max(1, min(5, round(common(t) / 2) + rnd.choice([-1, 0, 0, 1]))) for s, t in q["texts"].items()}
        said[rater][q["hash"]] = score
        shown = rnd.sample(SOURCES, 3)
        lines.append(json.dumps({"question_hash": q["hash"], "language": q["language"],
                                 "ratings": [{"source": s, "score": score[s], "text": q["texts"][s]} for s in shown], "milliseconds": 1000.0}))
    (here / f"{rater}.jsonl").write_text("\n".join(lines) + "\n")


def group(name, chosen):
    asked = [q for q in chosen if any(q["hash"] in s for s in said.values())]
    rows = []
    for source in SOURCES:
        scores, ranks, counts = [], [], [0] * 5
        for q in asked:
            of = [s[q["hash"]] for s in said.values() if q["hash"] in s]
            scores.append(numpy.mean([s[source] for s in of]))
            # rankdata gives 1 to the smallest: turn the scores round.
            ranks.append(numpy.mean([stats.rankdata([-s[x] for x in SOURCES])[SOURCES.index(source)] for s in of]))
            for s in of:
                counts[s[source] - 1] += 1
        n, se = len(scores), float(stats.sem(scores))
        low, high = stats.t.interval(0.95, n - 1, loc=numpy.mean(scores), scale=se)
        rows.append({"source": source, "questions": n, "ratings": sum(counts), "score": float(numpy.mean(scores)), "stderr": se,
                     "low": max(1.0, float(low)), "high": min(5.0, float(high)), "rank": float(numpy.mean(ranks)), "counts": counts})
    data = [[float(s[q["hash"]][source]) if q["hash"] in s else numpy.nan for q in asked for source in SOURCES] for s in said.values()]
    return {"name": name, "questions": len(asked), "by_several": sum(sum(q["hash"] in s for s in said.values()) > 1 for q in asked),
            "alpha": float(krippendorff.alpha(reliability_data=data, level_of_measurement="ordinal")), "sources": rows}


scorer = rouge_scorer.RougeScorer(["rouge1", "rougeL"])
people, columns = [], {"BLEU-1": [], "BLEU-4": [], "ROUGE-1": [], "ROUGE-L": []}
for q in questions:
    of = [s[q["hash"]] for s in said.values() if q["hash"] in s]
    for source in SOURCES[1:] if of else []:
        text, reference = q["texts"][source].split(), q["rationale"].split()
        people.append(numpy.mean([s[source] for s in of]))
        bleu = lambda n: sentence_bleu([reference], text, weights=[1 / n] * n, smoothing_function=SmoothingFunction().method1)
        rouge = scorer.score(q["rationale"], q["texts"][source])
        for name, value in zip(columns, [bleu(1), bleu(4), rouge["rouge1"].fmeasure, rouge["rougeL"].fmeasure]):
            columns[name].append(round(value, 12))
taus = []
for name, values in columns.items():
    tau = stats.kendalltau(values, people, method="asymptotic")
    taus.append({"metric": name, "n": len(values), "tau_b": float(tau.statistic), "p": float(tau.pvalue)})
languages = [group(name, [q for q in questions if q["language"] == name]) for name in ("English", "French")]
(here / "expected.json").write_text(json.dumps({"all": group("all", questions), "languages": languages, "correlations": taus}, indent=1) + "\n")

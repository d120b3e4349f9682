#!/usr/bin/env python3
"""Pairs of texts cut into tokens by lm-evaluation-harness, for `fixtures/harness_pairs.json` and the vocabulary beside it.

    pip download --no-deps lm-eval==0.4.13 && unzip lm_eval-0.4.13-*.whl -d lm   # and: pip install tokenizers==0.23.3 requests tqdm numpy pyyaml jinja2
    PYTHONPATH=lm python3 harness_pairs.py ../fixtures

A byte-level BPE vocabulary is trained here on a few sentences, so that merges run over the border of context and continuation; the cutting is
`lm_eval.api.model.TemplateLM._encode_pair`, unchanged, with that vocabulary and no special tokens.
"""
import json
import pathlib
import sys

from lm_eval.api.model import TemplateLM
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

out = pathlib.Path(sys.argv[1])
texts = ["Question: What is missing?\nA. Iron\nB. Folic acid\nAnswer: A", "Answer: B Answer: Iron. Answer: yes no maybe",
         "La réponse est A. Le patient a de la fièvre.", "答案：A。正解はＢである。", "Ответ: да, нет, болезнь печени"] * 20
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=420, special_tokens=["<s>", "</s>"],
                                                         initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
tokenizer.save(str(out / "harness_vocabulary.json"), pretty=False)


class Cutter(TemplateLM):
    """Nothing but the vocabulary."""
    backend = "causal"
    __abstractmethods__ = frozenset()

    def __init__(self):
        pass

    def tok_encode(self, string, add_special_tokens=None, **kwargs):
        return tokenizer.encode(string, add_special_tokens=False).ids


Cutter.__abstractmethods__ = frozenset()
cut = Cutter()
pairs = []
for context in ["Question: What is missing?\nAnswer:", "Answer: ", "Answer:\n\n", "Answer:\t \n", "答案：", "La réponse est", "Ответ:", "Answer: Ir", "q\u00a0", "a\u3000"]:
    for continuation in [" A", "A", " Iron", "on", " да", "да", "réponse", "Ａ", " no\nB. Folic", "  two"]:
        before, after = cut._encode_pair(context, continuation)
        pairs.append({"context": context, "continuation": continuation, "context_tokens": before, "continuation_tokens": after})
(out / "harness_pairs.json").write_text(json.dumps({"lm_eval": "0.4.13", "pairs": pairs}, ensure_ascii=False, indent=0) + "\n")
print(len(pairs), "pairs;", sum(not p["continuation_tokens"] for p in pairs), "without a token of their own")

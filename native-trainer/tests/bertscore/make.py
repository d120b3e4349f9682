#!/usr/bin/env python3
"""Writes a tiny random BERT (config.json, model.safetensors, tokenizer.json, tokenizer_config.json) into `tiny` and what the Python package
bert_score says with it into expected.json.

    pip install bert_score==0.3.13 'transformers==4.57.6' torch && python3 make.py

The weights are named as those of bert-base-multilingual-cased are (`bert.` before, LayerNorm.gamma and beta), so that reading them is
tested too. Texts: six languages, empty ones, one longer than the model reads, and special tokens spelled out.
"""
import json, os, pathlib, random
import torch
from bert_score import BERTScorer
from safetensors.torch import load_file, save_file
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

here = pathlib.Path(__file__).parent
folder = here / "tiny"
folder.mkdir(exist_ok=True)
sentences = [
    "The patient should be treated with insulin because of the acidosis.",
    "Insulin treats the acidosis of this patient.",
    "Le patient doit être traité par insuline.",
    "El paciente debe recibir insulina por la acidosis.",
    "Пациенту следует назначить инсулин.",
    "该患者应使用胰岛素治疗。",
    "この患者にはインスリンを投与する。",
    "Fever, cough and fever again: 38.5 °C.",
]
tokens = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
tokens.train_from_iterator(sentences, vocab_size=330, min_frequency=1, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
vocabulary = folder / "vocab.txt"
vocabulary.write_text("".join(f"{t}\n" for t, _ in sorted(tokens.get_vocab().items(), key=lambda x: x[1])), encoding="utf-8")
tokenizer = BertTokenizerFast(vocab_file=str(vocabulary), do_lower_case=False, model_max_length=48)
torch.manual_seed(7)
config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48,
                    max_position_embeddings=48, initializer_range=0.4)
model = BertForMaskedLM(config).eval()
with torch.no_grad():  # biases and norms that are not the identity, or a missing one would not be seen
    for name, value in model.named_parameters():
        if name.endswith("bias"):
            value.normal_(0, 0.3)
        elif "LayerNorm.weight" in name:
            value.normal_(1, 0.2)
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)

pairs = [[a, b] for a in sentences for b in sentences if (hash((len(a), len(b))) % 3 == 0 or a == b)]
pairs += [["", sentences[0]], [sentences[0], "  "], ["[SEP] insulin [CLS]", "insulin"], [" ".join(sentences), sentences[1]],
          [sentences[0], " ".join(reversed(sentences))], ["unseen Ω words", "seen words"]]
out = []
for layer in (0, 2, 3):
    # The package's own default is the slow tokenizer, whose ids are the same; the fast one is what tokenizer.json is.
    scorer = BERTScorer(model_type=str(folder), num_layers=layer, batch_size=7, use_fast_tokenizer=True, device="cpu")
    f1 = scorer.score([a for a, _ in pairs], [b for _, b in pairs])[2]
    out.append({"layer": layer, "f1": [round(float(x), 7) for x in f1]})

weights = load_file(folder / "model.safetensors")
renamed = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v.clone()
           for k, v in weights.items() if k.startswith("bert.")}
save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
for extra in ("generation_config.json", "special_tokens_map.json", "vocab.txt"):
    (folder / extra).unlink(missing_ok=True)
(here / "expected.json").write_text(json.dumps({"pairs": pairs, "layers": out}, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

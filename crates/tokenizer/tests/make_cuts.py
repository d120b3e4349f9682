"""Makes `fixtures/cuts.json`: the words into which every known cut parts some texts, by Hugging Face's `tokenizers` (its own engine, Oniguruma).

    pip install tokenizers==0.23.*
    python make_cuts.py

Patterns are written down here once more, from where their families publish them, not from `src/pre.rs`:

* `llama3`, `qwen2`, `tekken`: `pre_tokenizer` of the models' `tokenizer.json` (meta-llama/Meta-Llama-3-8B, Qwen/Qwen2-7B, mistralai/Mistral-Nemo-Base-2407).
* `gpt2`: openai/gpt-2, `src/encoder.py`; the digits before it (`smollm`, `starcoder`, `refact`, `command-r`): HuggingFaceTB/SmolLM-135M, `tokenizer.json`.
* `deepseek-*`: `tokenizer.json` of deepseek-ai/deepseek-llm-7b-base, deepseek-coder-6.7b-base and DeepSeek-V3; the first one's digits as in llama.cpp.
* `default`, and which name means which cut: llama.cpp, `src/llama-vocab.cpp`.

Characters outside ASCII are escaped here: some of them do not survive normalisation, which editors and tools apply unasked.
"""

import json
import os

from tokenizers import Regex, pre_tokenizers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = WORDS % "{1,3}"
QWEN2 = WORDS % ""
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# The cased letters of Unicode 7 or so, as ranges.
DEEPSEEK_LETTERS = (
    r"\s?[A-Za-z"
    "\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386"
    "\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba"
    "\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d"
    "\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc"
    "\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184"
    "\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06"
    "\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"
    "\U000118a0-\U000118df\U0001e900-\U0001e943"
    "]+"
)
DEEPSEEK_PUNCTUATION = "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"
DEEPSEEK_CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
DEEPSEEK3_CJK = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
DEEPSEEK3_TEXT = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)
CUTS = {
    "llama-bpe": [LLAMA3],
    "qwen2": [QWEN2],
    "gpt-2": [GPT2],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "dbrx": [LLAMA3],
    "tekken": [TEKKEN],
    "smollm": [r"\p{N}", GPT2],
    "deepseek-llm": ["[\r\n]", DEEPSEEK_LETTERS, DEEPSEEK_PUNCTUATION, r"\s+$", DEEPSEEK_CJK, r"\p{N}+"],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_CJK, r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", DEEPSEEK3_CJK, DEEPSEEK3_TEXT],
}
TEXTS = [
    "The patient's fever of 38.5 lasted 3 days; WE'LL see if it'd return, he'S fine.",
    "A 67-year-old man: BP 160/95 mmHg, HbA1c 7,8%.\nOptions: [A] yes {B} no ^C` \\D\\ | E~ <F>=G+H $5",
    "\u00bfCu\u00e1l es el tratamiento de elecci\u00f3n en una ni\u00f1a de 5 a\u00f1os? \u00a1Fiebre de 39,5 \u00b0C!",
    "Quel est l\u2019agent pathog\u00e8ne\u00a0? \u00ab\u00a0Streptococcus\u00a0\u00bb \u2014 r\u00e9ponse\u00a0: B, D\u2026 l'\u0153il d'une femme",
    "\u041a\u0430\u043a\u043e\u0439 \u0432\u043e\u0437\u0431\u0443\u0434\u0438\u0442\u0435\u043b\u044c \u0432\u044b\u0437\u044b\u0432\u0430\u0435\u0442 COVID-19? \u00ab\u041e\u0442\u0432\u0435\u0442\u00bb \u2116 12; \u0451\u043b\u043a\u0430 \u0431\u0443\u0301\u0434\u0435\u0442",
    "\u65b0\u578b\u51a0\u72b6\u75c5\u6bd2\u7684\u6f5c\u4f0f\u671f\u662f\u591a\u5c11\u5929\uff1f\uff08\u5355\u9009\uff09A\uff0e14\u5929\u3002\u201c\u6b63\u786e\u201d\u2018\u662f\u2019\uff01",
    "\u60a3\u8005\u306f\uff15\uff10\u6b73\u306e\u7537\u6027\u3002\u767a\u71b1\u3068\u54b3\u304c3\u65e5\u9593\u7d9a\u304f\u3002\u30a2\u30b9\u30d4\u30ea\u30f3\uff08100\uff4d\uff47\uff09\u3001\u7d4c\u904e\u89b3\u5bdf\u30fb\u30c6\u30b9\u30c8\u3005",
    "\ud55c\uad6d\uc5b4 \ubb38\uc7a5, \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    # Letters that normalisation would replace, among their neighbours: polytonic Greek, Kelvin, Angstrom and Ohm signs, ligatures.
    "\u1fd0\u1fd3\u1fdb \u1f5f\u1f7d\u1fbe \u03b1\u1fbd 5\u212a x\u212bA \u2126m \ufb01x \u0130\u0131 \u01c5 \u00df \u00b5m _a_ \u0149",
    "0 12 123 1234 12345 123456789 1,234.5 \u0663\u0664\u0665 \u00bd\u00b2 \u2167 x1y22z333 \u2460",
    "\U0001f999\U0001f999 \U0001f636\u200d\U0001f32b\ufe0f \U0001f1eb\U0001f1f7ok \u2764\ufe0f!? e\u0301 \u00e9 \u200bzero\u00adsoft",
    "  two  spaces \t tab\t\tx \n\n\nlines \r\n crlf\r\n\r\n   end   ",
    "    def f(x):\n\t\treturn x**2 # comment\n\n\n  \n}",
    "\u00a0nbsp\u3000ideographic\u2003em \u3000\u3001",
    "!!! ... ---\n--- ?!\n\n(((x))) \"quoted\" 'single' it''s '' 'LL 've",
    "CamelCaseWord HTTPServer \u00c9COLE \u00e9Cole XMLhttp iPhone/Android and/or\n/path",
    "x",
    " ",
    "\n",
    "   ",
]


def pieces(patterns, text):
    """The text in order, cut by one pattern after the other; matches and gaps are pieces."""
    steps = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns])
    return [piece for piece, _ in steps.pre_tokenize_str(text)]


cuts = {name: [pieces(patterns, text) for text in TEXTS] for name, patterns in CUTS.items()}
for found in cuts.values():
    assert ["".join(words) for words in found] == TEXTS
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures/cuts.json")
with open(path, "w", encoding="utf-8") as file:
    # ASCII, for the reason above; a line for each text.
    body = ",\n".join(
        f" {json.dumps(name)}: [\n" + ",\n".join("  " + json.dumps(words, separators=(",", ":")) for words in found) + "\n ]" for name, found in cuts.items()
    )
    file.write("{\n" + body + "\n}\n")
print(path, os.path.getsize(path), "bytes")

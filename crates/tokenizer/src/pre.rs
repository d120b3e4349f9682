//! How the families of byte-level BPE cut text into words before merging.
//!
//! GGUF names the cut (`tokenizer.ggml.pre`); `tokenizer.json` spells it out. Patterns are those that the models' own `tokenizer.json` files
//! publish, in the order in which they cut; names and grouping follow llama.cpp's `llama-vocab.cpp`, so that a file means the same here and there.
//! Cutting is by regular expression, each match and each gap a piece of its own.

use serde_json::Value;

/// A way to cut, and the two habits that go with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Pre {
    /// Names in GGUF files; the first is the one that we write.
    pub names: &'static [&'static str],
    /// Cuts, one after the other.
    pub patterns: &'static [&'static str],
    /// A word that is a token is that token, whatever the merges say.
    pub ignore_merges: bool,
    /// Whether a begin-of-sequence token is put first where the file does not say.
    pub add_bos: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
// The letters that DeepSeek LLM's first cut names: cased letters of the scripts that have case.
const DEEPSEEK_LETTERS: &str = r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+";
const DEEPSEEK_PUNCTUATION: &str = r"\s?[!-/:-~！-／：-～‘-‟　-。]+";
const DEEPSEEK_CJK: &str = r"[一-龥ࠀ-一가-퟿]+";
const DEEPSEEK3_CJK: &str = r"[一-龥぀-ゟ゠-ヿ]+";
const DEEPSEEK3_TEXT: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;

/// Every cut that we know.
pub const PRES: [Pre; 10] = [
    Pre {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "lfm2"],
        patterns: &[LLAMA3],
        ignore_merges: true,
        add_bos: true,
    },
    Pre {
        names: &["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"],
        patterns: &[QWEN2],
        ignore_merges: false,
        add_bos: false,
    },
    Pre {
        names: &["gpt-2", "phi-2", "mpt", "olmo"],
        patterns: &[GPT2],
        ignore_merges: false,
        add_bos: false,
    },
    Pre {
        names: &["default"],
        patterns: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
        ignore_merges: false,
        add_bos: false,
    },
    Pre {
        names: &["dbrx", "smaug-bpe"],
        patterns: &[LLAMA3],
        ignore_merges: false,
        add_bos: false,
    },
    Pre {
        names: &["tekken"],
        patterns: &[TEKKEN],
        ignore_merges: true,
        add_bos: true,
    },
    Pre {
        names: &["smollm", "starcoder", "refact", "command-r"],
        patterns: &[r"\p{N}", GPT2],
        ignore_merges: false,
        add_bos: false,
    },
    Pre {
        names: &["deepseek-llm"],
        patterns: &["[\r\n]", DEEPSEEK_LETTERS, DEEPSEEK_PUNCTUATION, r"\s+$", DEEPSEEK_CJK, r"\p{N}+"],
        ignore_merges: false,
        add_bos: false,
    },
    Pre {
        names: &["deepseek-coder"],
        patterns: &["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_CJK, r"\p{N}"],
        ignore_merges: false,
        add_bos: false,
    },
    Pre {
        names: &["deepseek-v3"],
        patterns: &[r"\p{N}{1,3}", DEEPSEEK3_CJK, DEEPSEEK3_TEXT],
        ignore_merges: false,
        add_bos: false,
    },
];

/// The cut of new vocabularies: contractions, words of any script, numbers of at most three digits.
pub fn for_training() -> &'static Pre {
    &PRES[0]
}

/// The cut that a GGUF file names.
pub fn by_name(name: &str) -> Option<&'static Pre> {
    PRES.iter().find(|pre| pre.names.contains(&name))
}

/// All names, for messages.
pub fn names() -> String {
    PRES.iter().flat_map(|pre| pre.names).copied().collect::<Vec<_>>().join(", ")
}

/// The cut that a `pre_tokenizer` of `tokenizer.json` spells out, or what stands in the way.
pub(crate) fn by_json(pre_tokenizer: &Value, ignore_merges: bool) -> Result<&'static Pre, String> {
    let single = [pre_tokenizer.clone()];
    let steps: &[Value] = match pre_tokenizer["type"].as_str() {
        Some("Sequence") => pre_tokenizer["pretokenizers"].as_array().map_or(&[], Vec::as_slice),
        _ => &single,
    };
    let mut patterns = Vec::new();
    for step in steps {
        match step["type"].as_str() {
            Some("Split") if step["behavior"] == "Isolated" && step["invert"] != true => {
                let pattern = step["pattern"]["Regex"]
                    .as_str()
                    .ok_or_else(|| format!("it cuts at {}", step["pattern"]))?;
                patterns.push(spell_out_case(pattern));
            }
            // A split that keeps matches and drops nothing is the same cut when the pattern matches everything.
            Some("Split") if step["behavior"] == "Removed" && step["invert"] == true => {
                let pattern = step["pattern"]["Regex"]
                    .as_str()
                    .ok_or_else(|| format!("it cuts at {}", step["pattern"]))?;
                patterns.push(spell_out_case(pattern));
            }
            Some("Digits") if step["individual_digits"] == true => patterns.push(r"\p{N}".to_owned()),
            Some("ByteLevel") if step["add_prefix_space"] == true => return Err("it puts a space before the text".to_owned()),
            Some("ByteLevel") => {
                if step["use_regex"] != false {
                    patterns.push(GPT2.to_owned());
                }
            }
            other => return Err(format!("GGUF has no name for its pre-tokenizer {}", other.unwrap_or("(none)"))),
        }
    }
    PRES.iter()
        .find(|pre| {
            pre.ignore_merges == ignore_merges
                && pre.patterns.len() == patterns.len()
                && pre.patterns.iter().zip(&patterns).all(|(a, b)| a == b)
        })
        .ok_or_else(|| format!("GGUF has no name for its pre-tokenizer with the patterns {patterns:?} (ignore_merges: {ignore_merges})"))
}

/// One spelling for the case-insensitive contractions.
fn spell_out_case(pattern: &str) -> String {
    pattern.replace(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])",
    )
}

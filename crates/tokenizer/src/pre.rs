//! How the families of byte-level BPE cut text into words before merging.
//!
//! GGUF names the cut (`tokenizer.ggml.pre`); `tokenizer.json` spells it out. Patterns are those that the models' own `tokenizer.json` files
//! publish, in the order in which they cut; names and grouping follow llama.cpp's `llama-vocab.cpp`, so that a file means the same here and there.
//! Cutting is by regular expression, each match and each gap a piece of its own.
//!
//! What must hold: patterns are ASCII here, with other characters escaped. Some characters of DeepSeek's do not survive normalisation, which editors and
//! tools apply unasked, and a range that begins or ends with another character is another range. `tests/make_cuts.py` has the reference cuts.

use serde_json::Value;

use crate::{Result, pipeline};

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
// The letters that DeepSeek LLM's second cut names: those that have case, as far as Unicode knew them then.
const DEEPSEEK_LETTERS: &str = r"\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+";
const DEEPSEEK_PUNCTUATION: &str = r"\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+";
const DEEPSEEK_CJK: &str = r"[\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+";
const DEEPSEEK3_CJK: &str = r"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+";
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

impl Pre {
    /// The words that merges never cross, in order.
    pub fn cut<'a>(&self, text: &'a str) -> Result<Vec<&'a str>> {
        pipeline::cut(self, text)
    }
}

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
pub(crate) fn by_json(pre_tokenizer: &Value, ignore_merges: bool) -> std::result::Result<&'static Pre, String> {
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
                patterns.push(spelling(pattern));
            }
            // A split that keeps matches and drops nothing is the same cut when the pattern matches everything.
            Some("Split") if step["behavior"] == "Removed" && step["invert"] == true => {
                let pattern = step["pattern"]["Regex"]
                    .as_str()
                    .ok_or_else(|| format!("it cuts at {}", step["pattern"]))?;
                patterns.push(spelling(pattern));
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

/// The one spelling of patterns here: case-insensitive contractions written out, characters outside ASCII escaped.
fn spelling(pattern: &str) -> String {
    let plain = pattern.replace(
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])",
    );
    let mut spelled = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '\0'..='\x7f' => spelled.push(character),
            _ => spelled += &format!("\\x{{{:X}}}", u32::from(character)),
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tokenizer_json_with_its_literal_characters_is_recognised() {
        let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        let steps = [
            split(r"\p{N}{1,3}"),
            split("[\u{4E00}-\u{9FA5}\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+"),
            split(DEEPSEEK3_TEXT),
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}),
        ];
        let whole = json!({"type": "Sequence", "pretokenizers": steps});
        assert_eq!(by_json(&whole, false).unwrap().names[0], "deepseek-v3");
        assert!(by_json(&whole, true).is_err());
    }
}

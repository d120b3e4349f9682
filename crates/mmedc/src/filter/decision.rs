//! What a rule of the medical filter found in a text, and what follows.

use std::fmt;

use serde::Serialize;

use crate::Language;

/// Which words had been counted when the decision fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Stage {
    /// `mmedc`, languages with spaces: the long words sufficed, short ones were not counted.
    #[serde(rename = "long")]
    Long,
    /// `mmedc`, languages with spaces: long words and whole tokens.
    #[serde(rename = "long+short")]
    LongShort,
    /// Every word: `mmedc` for Chinese and Japanese, `mmedkit` always.
    #[serde(rename = "all")]
    All,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Long => "long",
            Stage::LongShort => "long+short",
            Stage::All => "all",
        })
    }
}

/// Counts of one text, and the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Code points of the text.
    pub chars: u64,
    /// Distinct words found.
    pub unique_hits: u64,
    /// Code points of all words found.
    pub hit_chars: u64,
    /// `hit_chars / chars`; 0 for an empty text.
    pub density: f64,
    pub keep: bool,
    pub stage: Stage,
}

impl Decision {
    /// Decides by the two thresholds.
    pub fn new(chars: u64, unique_hits: u64, hit_chars: u64, stage: Stage, mkc: u64, dens: f64) -> Decision {
        let density = if chars == 0 { 0.0 } else { hit_chars as f64 / chars as f64 };
        Decision {
            chars,
            unique_hits,
            hit_chars,
            density,
            keep: chars > 0 && unique_hits >= mkc && density >= dens,
            stage,
        }
    }

    /// The line of a document that this decided about; see [`line`].
    pub fn to_json(&self, file: &str, language: Language) -> String {
        line(
            file,
            Some(language),
            self.chars,
            Some(self),
            self.keep,
            Some(&self.stage.to_string()),
        )
    }
}

/// One line of a decision file: `file, lang, chars, unique_hits, hit_chars, density, keep, stage`, the density rounded to six digits, spaced as
/// Python's `json.dumps` does, so that files can be compared as text. What is not known is null: the language that nothing declares, and the
/// counts of a document that no rule looked at.
pub fn line(file: &str, language: Option<Language>, chars: u64, counted: Option<&Decision>, keep: bool, stage: Option<&str>) -> String {
    let null = || "null".to_owned();
    let text = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "{{\"file\": {}, \"lang\": {}, \"chars\": {chars}, \"unique_hits\": {}, \"hit_chars\": {}, \"density\": {}, \"keep\": {keep}, \"stage\": {}}}",
        text(file),
        language.map_or_else(null, |language| text(language.code())),
        counted.map_or_else(null, |decision| decision.unique_hits.to_string()),
        counted.map_or_else(null, |decision| decision.hit_chars.to_string()),
        counted.map_or_else(null, |decision| python(round6(decision.density))),
        stage.map_or_else(null, text)
    )
}

/// Python writes 2.5e-05 where Rust writes 0.000025; six digits need no other exponents.
fn python(density: f64) -> String {
    if density == 0.0 || density >= 1e-4 {
        return format!("{density:?}");
    }
    let text = format!("{density:e}");
    let (digits, exponent) = text.split_once("e-").expect("below one");
    format!("{digits}e-{exponent:0>2}")
}

/// Nearest number with six digits after the point, as Python's `round(x, 6)`.
pub fn round6(value: f64) -> f64 {
    format!("{value:.6}").parse().expect("a number that was just written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_not_kept_even_without_thresholds() {
        let decision = Decision::new(0, 0, 0, Stage::All, 0, 0.0);
        assert!(!decision.keep);
        assert_eq!(decision.density, 0.0);
    }

    #[test]
    fn thresholds_are_inclusive() {
        assert!(Decision::new(100, 5, 4, Stage::LongShort, 5, 0.04).keep);
        assert!(!Decision::new(100, 4, 4, Stage::LongShort, 5, 0.04).keep);
        assert!(!Decision::new(101, 5, 4, Stage::LongShort, 5, 0.04).keep);
    }

    #[test]
    fn what_is_not_known_is_null() {
        assert_eq!(
            line("a.txt", None, 7, None, false, Some("quality: gopher_short_doc")),
            "{\"file\": \"a.txt\", \"lang\": null, \"chars\": 7, \"unique_hits\": null, \"hit_chars\": null, \"density\": null, \"keep\": false, \"stage\": \"quality: gopher_short_doc\"}"
        );
    }

    /// Each line as Python 3.11 writes it: `json.dumps({..., "density": round(hit / chars, 6), ...})`.
    #[test]
    fn lines_are_pythons() {
        for (hit, chars, expected) in [
            (0, 10, "0.0"),
            (1, 3, "0.333333"),
            (1, 40_000, "2.5e-05"),
            (1, 1_000_000, "1e-06"),
            (1, 10_000, "0.0001"),
            (476, 8993, "0.05293"),
            (1, 10_000_000, "0.0"),
            (7, 7, "1.0"),
        ] {
            let line = Decision::new(chars, 1, hit, Stage::Long, 5, 0.04).to_json("a\"b/é.txt", Language::Fr);
            let head =
                format!("{{\"file\": \"a\\\"b/é.txt\", \"lang\": \"fr\", \"chars\": {chars}, \"unique_hits\": 1, \"hit_chars\": {hit}, ");
            assert_eq!(
                line,
                format!("{head}\"density\": {expected}, \"keep\": false, \"stage\": \"long\"}}")
            );
        }
    }
}

//! Quality heuristics under the field's names. Off unless a configuration turns them on: the medical filter does most of their work, and
//! their thresholds were found on English web pages.
//!
//! - *Gopher quality* and *Gopher repetition*: Rae et al., "Scaling Language Models", 2021, arXiv:2112.11446, appendix A and Table A1.
//! - *FineWeb quality*: Penedo et al., "The FineWeb Datasets", 2024, arXiv:2406.17557, section 3.6.
//!
//! Names, order and formulas are those of `datatrove`, held against it in `tests/quality.rs`. Words are what white space parts; in
//! Chinese and Japanese every character that is no white space. Rules about the length of words do not look at these two, and the rule about stop
//! words, whose list is English, looks at English alone.

mod fineweb;
mod gopher_quality;
mod gopher_repetition;
mod runs;

use serde::{Deserialize, Serialize};

use crate::{Counts, Document, Language, Step, Verdict};
pub use fineweb::FineWebQuality;
pub use gopher_quality::{GopherQuality, STOP_WORDS};
pub use gopher_repetition::GopherRepetition;

/// The step: the groups that are there are applied in this order, and the first rule that fails names the reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quality {
    pub gopher_repetition: Option<GopherRepetition>,
    pub gopher_quality: Option<GopherQuality>,
    pub fineweb_quality: Option<FineWebQuality>,
}

impl Quality {
    /// All groups with the papers' thresholds.
    pub fn all() -> Quality {
        Quality {
            gopher_repetition: Some(GopherRepetition::default()),
            gopher_quality: Some(GopherQuality::default()),
            fineweb_quality: Some(FineWebQuality::default()),
        }
    }

    /// The first rule that a text fails.
    pub fn failed_rule(&self, text: &str, language: Option<Language>) -> Option<&'static str> {
        let words = words(text, language);
        if let Some(rules) = &self.gopher_repetition
            && let Some(rule) = rules.failed_rule(text, &words)
        {
            return Some(rule);
        }
        if let Some(rules) = &self.gopher_quality
            && let Some(rule) = rules.failed_rule(text, &words, language)
        {
            return Some(rule);
        }
        self.fineweb_quality.as_ref().and_then(|rules| rules.failed_rule(text, &words))
    }
}

impl Step for Quality {
    fn name(&self) -> &'static str {
        "quality"
    }

    fn apply(&self, document: &mut Document, _: &mut Counts) -> Verdict {
        match self.failed_rule(&document.text, document.language) {
            None => Verdict::Keep,
            Some(rule) => Verdict::Drop(rule.into()),
        }
    }
}

fn is_unparted(language: Option<Language>) -> bool {
    matches!(language, Some(Language::Zh | Language::Ja))
}

/// What counts as a word.
fn words(text: &str, language: Option<Language>) -> Vec<&str> {
    if !is_unparted(language) {
        return text.split_whitespace().collect();
    }
    text.char_indices()
        .filter(|(_, char)| !char.is_whitespace())
        .map(|(at, char)| &text[at..at + char.len_utf8()])
        .collect()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_on_by_default() {
        assert_eq!(Quality::default().failed_rule("", None), None);
        assert_eq!(Quality::default().failed_rule("### ### ###", Some(Language::En)), None);
    }

    #[test]
    fn han_and_kana_are_words_by_the_character() {
        assert_eq!(words("肺 炎、", Some(Language::Zh)), ["肺", "炎", "、"]);
        assert_eq!(words("肺 炎、", None), ["肺", "炎、"]);
        let text = "患者は発熱を訴えた。".repeat(10);
        assert_eq!(Quality::all().failed_rule(&text, Some(Language::Ja)), Some("top_2_gram"));
    }
}

//! Keyword lists with their thresholds, one set a language.
//!
//! What must hold: an empty word would be found everywhere and is refused; a word that stands in both lists, or twice in one, counts once.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Language;

/// The lists of MMedC; their licence is their own, see `data/mmedc-keywords/NOTICE.md`.
const MMEDC: &str = include_str!("../../data/mmedc-keywords/keywords.json");

/// Two lists of words and the two thresholds of one language, as the authors keep them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KeywordList {
    /// Distinct words that a text must hold at least (the paper's MKC).
    pub hit_times_threshold: u64,
    /// Share of its characters that must belong to words at least (the paper's DENS), in 0..=1.
    pub hit_ratio_threshold: f64,
    pub medical_biology_words: Vec<String>,
    pub medical_words: Vec<String>,
}

impl KeywordList {
    /// All entries of both lists, duplicates included.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.medical_biology_words.iter().chain(&self.medical_words).map(String::as_str)
    }
}

/// Keyword lists by language.
#[derive(Clone, Debug, PartialEq)]
pub struct Keywords {
    lists: BTreeMap<Language, KeywordList>,
}

/// Why a keyword file is refused.
#[derive(Debug, thiserror::Error)]
pub enum KeywordError {
    #[error("{file}: not a keyword file ({reason})")]
    NotKeywords { file: String, reason: String },
    #[error("{file}: {language}.{list}[{index}] is empty; an empty word is found in every text, remove it")]
    EmptyWord {
        file: String,
        language: Language,
        list: &'static str,
        index: usize,
    },
    #[error("{file}: {language}.hit_ratio_threshold is {value}; it is a share, from 0 to 1")]
    BadRatio { file: String, language: Language, value: f64 },
    #[error("{file}: {language} has no words")]
    NoWords { file: String, language: Language },
}

impl Keywords {
    /// The lists that MMedC was filtered with.
    pub fn mmedc() -> Keywords {
        Keywords::from_json("mmedc-keywords/keywords.json", MMEDC.as_bytes()).expect("the embedded lists are sound, a test reads them")
    }

    /// Reads an object from language codes to [`KeywordList`]s; `file` names it in errors.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Keywords, KeywordError> {
        let lists: BTreeMap<Language, KeywordList> = serde_json::from_slice(json).map_err(|e| KeywordError::NotKeywords {
            file: file.into(),
            reason: e.to_string(),
        })?;
        for (&language, list) in &lists {
            for (name, words) in [
                ("medical_biology_words", &list.medical_biology_words),
                ("medical_words", &list.medical_words),
            ] {
                if let Some(index) = words.iter().position(|word| word.trim().is_empty()) {
                    return Err(KeywordError::EmptyWord {
                        file: file.into(),
                        language,
                        list: name,
                        index,
                    });
                }
            }
            if !(0.0..=1.0).contains(&list.hit_ratio_threshold) {
                return Err(KeywordError::BadRatio {
                    file: file.into(),
                    language,
                    value: list.hit_ratio_threshold,
                });
            }
            if list.words().next().is_none() {
                return Err(KeywordError::NoWords {
                    file: file.into(),
                    language,
                });
            }
        }
        Ok(Keywords { lists })
    }

    /// The list of a language, if there is one.
    pub fn get(&self, language: Language) -> Option<&KeywordList> {
        self.lists.get(&language)
    }

    /// Languages that have a list.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.lists.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn with_words(words: &str) -> String {
        format!(
            r#"{{"en":{{"hit_times_threshold":2,"hit_ratio_threshold":0.1,"medical_biology_words":{words},"medical_words":["liver"]}}}}"#
        )
    }

    /// Sizes and thresholds as the table of the authors' lists has them: distinct words after lower-casing, MKC, DENS.
    #[test]
    fn the_lists_of_mmedc_are_whole() {
        let keywords = Keywords::mmedc();
        for (language, distinct, mkc, dens) in [
            (Language::En, 167, 5, 0.04),
            (Language::Zh, 183, 5, 0.05),
            (Language::Ja, 146, 5, 0.05),
            (Language::Fr, 172, 4, 0.04),
            (Language::Ru, 171, 4, 0.02),
            (Language::Es, 188, 4, 0.04),
        ] {
            let list = keywords.get(language).unwrap();
            assert_eq!(
                list.words().map(str::to_lowercase).collect::<BTreeSet<_>>().len(),
                distinct,
                "{language}"
            );
            assert_eq!((list.hit_times_threshold, list.hit_ratio_threshold), (mkc, dens), "{language}");
        }
    }

    #[test]
    fn an_empty_word_is_refused_by_place() {
        for bad in [r#"["heart", ""]"#, r#"["heart", " \t"]"#] {
            let error = Keywords::from_json("k.json", with_words(bad).as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("k.json: en.medical_biology_words[1] is empty"), "{error}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let ratio = with_words(r#"["heart"]"#).replace("0.1", "4");
        assert!(matches!(
            Keywords::from_json("k", ratio.as_bytes()),
            Err(KeywordError::BadRatio { .. })
        ));
        let none = with_words("[]").replace("[\"liver\"]", "[]");
        assert!(matches!(
            Keywords::from_json("k", none.as_bytes()),
            Err(KeywordError::NoWords { .. })
        ));
        for bad in ["", "[]", r#"{"de":{}}"#, r#"{"en":{"hit_times_threshold":-1}}"#] {
            assert!(
                matches!(Keywords::from_json("k", bad.as_bytes()), Err(KeywordError::NotKeywords { .. })),
                "{bad}"
            );
        }
    }
}

//! A text with what must be known about it.
//!
//! The id is made of where the text came from, so that the same input gives the same ids on every run and on any number of tasks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The six languages of MMedC. Serialised as the codes of ISO 639-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    En,
    Zh,
    Ja,
    Fr,
    Ru,
    Es,
}

impl Language {
    /// In the order of the paper's tables.
    pub const ALL: [Language; 6] = [Language::En, Language::Zh, Language::Ja, Language::Fr, Language::Ru, Language::Es];

    /// ISO 639-1.
    pub fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh",
            Language::Ja => "ja",
            Language::Fr => "fr",
            Language::Ru => "ru",
            Language::Es => "es",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Language {
    type Err = String;

    /// The two-letter code.
    fn from_str(text: &str) -> Result<Self, String> {
        Language::ALL
            .into_iter()
            .find(|language| language.code() == text)
            .ok_or_else(|| format!("{text:?} is none of en, zh, ja, fr, ru, es"))
    }
}

/// One text of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// [`Document::make_id`].
    pub id: String,
    pub text: String,
    /// As declared by its folder, column or configuration; none where nothing says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// What the statistics count by, e.g. `web`, `textbooks`, or the data set's name.
    pub source: String,
    /// Licence as its provider states it; empty where nobody does.
    #[serde(default)]
    pub license: String,
    /// Path of the file inside the input, with `/` on every system; behind the input's name, where it has one.
    pub file: String,
    /// Place inside the file: line, row or page, from 0.
    pub position: u64,
}

impl Document {
    /// 128 bits in hexadecimal of the SHA-256 of `source`, `file` and `position`.
    pub fn make_id(source: &str, file: &str, position: u64) -> String {
        let mut hash = Sha256::new();
        for part in [source.as_bytes(), &[0], file.as_bytes(), &[0], position.to_string().as_bytes()] {
            hash.update(part);
        }
        hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The same text as a document of the input `name`, where several inputs hold files of the same name.
    pub fn of_input(mut self, name: &str) -> Document {
        self.file = format!("{name}/{}", self.file);
        self.id = Document::make_id(&self.source, &self.file, self.position);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_a_place() {
        let id = Document::make_id("web", "fr/a.jsonl", 3);
        assert_eq!(id.len(), 32);
        assert_eq!(id, Document::make_id("web", "fr/a.jsonl", 3));
        assert_ne!(id, Document::make_id("web", "fr/a.jsonl", 4));
        assert_ne!(Document::make_id("ab", "c", 0), Document::make_id("a", "bc", 0));
    }

    #[test]
    fn languages_go_there_and_back() {
        for language in Language::ALL {
            assert_eq!(language.code().parse(), Ok(language));
            assert_eq!(serde_json::to_string(&language).unwrap(), format!("\"{language}\""));
        }
        assert!("de".parse::<Language>().is_err());
    }
}

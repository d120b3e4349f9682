//! The six languages of MMedBench: their file stems, codes and own names.
//!
//! What must hold: [`Language::name`] is the word the prompts and the benchmark's file names use, so it never changes.

use serde::{Deserialize, Serialize};

/// A language of the benchmark. Serialised as its English name (`"Japanese"`), as in the benchmark's file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    English,
    Chinese,
    Japanese,
    French,
    Russian,
    Spanish,
}

impl Language {
    /// All six, in the order of the paper's tables.
    pub const ALL: [Language; 6] = [
        Language::English,
        Language::Chinese,
        Language::Japanese,
        Language::French,
        Language::Russian,
        Language::Spanish,
    ];

    /// English name, as in file names and prompts.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Chinese => "Chinese",
            Language::Japanese => "Japanese",
            Language::French => "French",
            Language::Russian => "Russian",
            Language::Spanish => "Spanish",
        }
    }

    /// ISO 639-1 code, for the `lang` attribute of a page.
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh",
            Language::Japanese => "ja",
            Language::French => "fr",
            Language::Russian => "ru",
            Language::Spanish => "es",
        }
    }

    /// The language's name for itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Chinese => "中文",
            Language::Japanese => "日本語",
            Language::French => "Français",
            Language::Russian => "Русский",
            Language::Spanish => "Español",
        }
    }

    /// From an English name or an ISO 639-1 code, whatever its case.
    pub fn parse(text: &str) -> Option<Language> {
        let text = text.trim();
        Language::ALL
            .into_iter()
            .find(|l| l.name().eq_ignore_ascii_case(text) || l.code().eq_ignore_ascii_case(text))
    }

    /// From a file's name: the stem is the language (`Test/Japanese.jsonl`), or one of its parts is (`headqa-es.jsonl`, `test_French.jsonl`).
    pub fn from_file_name(path: &str) -> Option<Language> {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        Language::parse(stem).or_else(|| stem.split(['-', '_', '.', ' ']).rev().find_map(Language::parse))
    }

    /// A guess for a file of the student's own whose name says nothing: by script, and among the languages in Latin letters by
    /// their commonest short words and marks. English where nothing speaks for another.
    pub fn guess(text: &str) -> Language {
        let (mut kana, mut han, mut cyrillic) = (0usize, 0usize, 0usize);
        for c in text.chars() {
            match c {
                '\u{3040}'..='\u{30ff}' => kana += 1,
                '\u{4e00}'..='\u{9fff}' => han += 1,
                '\u{0400}'..='\u{04ff}' => cyrillic += 1,
                _ => {}
            }
        }
        if kana > 0 && kana + han > cyrillic {
            return Language::Japanese;
        }
        if han > 0 && han > cyrillic {
            return Language::Chinese;
        }
        if cyrillic > 0 {
            return Language::Russian;
        }
        let lower = text.to_lowercase();
        let count = |words: &[&str], marks: &[char]| {
            lower.split(|c: char| !c.is_alphabetic()).filter(|w| words.contains(w)).count()
                + lower.chars().filter(|c| marks.contains(c)).count()
        };
        let french = count(
            &["le", "les", "des", "une", "est", "du", "et", "dans", "qui", "au"],
            &['è', 'ê', 'à', 'ç', 'œ', 'ù'],
        );
        let spanish = count(
            &["el", "los", "las", "una", "es", "del", "y", "con", "por", "que"],
            &['ñ', '¿', '¡', 'ó', 'í', 'á'],
        );
        let english = count(&["the", "of", "and", "is", "with", "which", "in", "to", "an", "following"], &[]);
        match (french > english, spanish > english) {
            (true, _) if french >= spanish => Language::French,
            (_, true) => Language::Spanish,
            _ => Language::English,
        }
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_give_the_language() {
        assert_eq!(Language::from_file_name("MMedBench/Test/Japanese.jsonl"), Some(Language::Japanese));
        assert_eq!(Language::from_file_name("C:\\data\\french.JSONL"), Some(Language::French));
        assert_eq!(Language::from_file_name("headqa-es.jsonl"), Some(Language::Spanish));
        assert_eq!(Language::from_file_name("questions.jsonl"), None);
    }

    #[test]
    fn text_gives_the_language_where_the_name_does_not() {
        for (text, language) in [
            ("Which of the following is the best treatment for this patient?", Language::English),
            ("与外分泌腺相比，最符合内分泌腺特征的是", Language::Chinese),
            ("この頭痛の特徴はどれか。", Language::Japanese),
            (
                "Indiquer, parmi les protéines, celle dont la concentration plasmatique est diminuée",
                Language::French,
            ),
            ("Заболевание вызывает структурные изменения печени?", Language::Russian),
            (
                "¿Cómo se aumenta la fuerza eluyente de la fase móvil en cromatografía?",
                Language::Spanish,
            ),
        ] {
            assert_eq!(Language::guess(text), language, "{text}");
        }
    }
}

//! How much text: documents, characters, bytes and tokens, by source and language.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::Language;

/// A language, or none: `und` as in BCP 47. In the order of the paper's tables, none last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageTag {
    En,
    Zh,
    Ja,
    Fr,
    Ru,
    Es,
    Und,
}

impl LanguageTag {
    /// Of a document's language.
    pub fn of(language: Option<Language>) -> LanguageTag {
        match language {
            Some(Language::En) => LanguageTag::En,
            Some(Language::Zh) => LanguageTag::Zh,
            Some(Language::Ja) => LanguageTag::Ja,
            Some(Language::Fr) => LanguageTag::Fr,
            Some(Language::Ru) => LanguageTag::Ru,
            Some(Language::Es) => LanguageTag::Es,
            None => LanguageTag::Und,
        }
    }

    /// ISO 639-1, or `und`.
    pub fn code(self) -> &'static str {
        match self {
            LanguageTag::En => "en",
            LanguageTag::Zh => "zh",
            LanguageTag::Ja => "ja",
            LanguageTag::Fr => "fr",
            LanguageTag::Ru => "ru",
            LanguageTag::Es => "es",
            LanguageTag::Und => "und",
        }
    }

    /// From its code.
    pub fn parse(code: &str) -> Option<LanguageTag> {
        let all = Language::ALL.map(|language| LanguageTag::of(Some(language)));
        all.into_iter().chain([LanguageTag::Und]).find(|tag| tag.code() == code)
    }

    /// English name.
    pub fn name(self) -> &'static str {
        match self {
            LanguageTag::En => "English",
            LanguageTag::Zh => "Chinese",
            LanguageTag::Ja => "Japanese",
            LanguageTag::Fr => "French",
            LanguageTag::Ru => "Russian",
            LanguageTag::Es => "Spanish",
            LanguageTag::Und => "undetermined",
        }
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    pub documents: u64,
    /// Unicode code points.
    pub characters: u64,
    /// Of UTF-8.
    pub bytes: u64,
    /// 0 where no tokenizer was given.
    #[serde(default)]
    pub tokens: u64,
}

impl Tally {
    /// One document, without tokens.
    pub fn of(text: &str) -> Tally {
        Tally {
            documents: 1,
            characters: text.chars().count() as u64,
            bytes: text.len() as u64,
            tokens: 0,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.documents += other.documents;
        self.characters += other.characters;
        self.bytes += other.bytes;
        self.tokens += other.tokens;
    }
}

impl<'a> Sum<&'a Tally> for Tally {
    fn sum<I: Iterator<Item = &'a Tally>>(tallies: I) -> Tally {
        tallies.fold(Tally::default(), |mut sum, tally| {
            sum += *tally;
            sum
        })
    }
}

/// Adds amounts key by key.
pub fn merge<K: Ord + Clone>(ours: &mut BTreeMap<K, Tally>, theirs: &BTreeMap<K, Tally>) {
    for (key, tally) in theirs {
        *ours.entry(key.clone()).or_default() += *tally;
    }
}

/// Amounts by source, then language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BySource(pub BTreeMap<String, BTreeMap<LanguageTag, Tally>>);

impl BySource {
    /// Adds an amount.
    pub fn add(&mut self, source: &str, language: LanguageTag, tally: &Tally) {
        // Most documents come from a known source: no string is made for them.
        match self.0.get_mut(source) {
            Some(languages) => *languages.entry(language).or_default() += *tally,
            None => drop(self.0.insert(source.into(), BTreeMap::from([(language, *tally)]))),
        }
    }

    pub fn merge(&mut self, other: &BySource) {
        for (source, languages) in &other.0 {
            merge(self.0.entry(source.clone()).or_default(), languages);
        }
    }

    pub fn total(&self) -> Tally {
        self.0.values().flat_map(BTreeMap::values).sum()
    }

    /// Sums over sources.
    pub fn by_language(&self) -> BTreeMap<LanguageTag, Tally> {
        let mut sums = BTreeMap::new();
        for languages in self.0.values() {
            merge(&mut sums, languages);
        }
        sums
    }
}

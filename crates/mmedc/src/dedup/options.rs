//! What counts as a copy.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Settings of the whole search; stored in every file it writes, and files of different settings are never mixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Find texts of the same normal form.
    pub exact: bool,
    /// Find texts that are nearly the same.
    pub near: bool,
    /// Bands of a signature.
    pub bands: usize,
    /// Values of a band.
    pub rows: usize,
    /// Length of the runs that are compared, in words.
    pub word_ngram: usize,
    /// The same in characters, for texts written without spaces. Eight characters of Chinese are about five words.
    pub char_ngram: usize,
    /// A copy in another declared language is a copy.
    pub across_languages: bool,
    /// A copy in another source is a copy.
    pub across_sources: bool,
    /// Sources whose copies stay, best first; all others come after them.
    pub prefer: Vec<String>,
    /// Of the hash functions.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            exact: true,
            near: true,
            bands: 14,
            rows: 8,
            word_ngram: 5,
            char_ngram: 8,
            across_languages: true,
            across_sources: true,
            prefer: Vec::new(),
            seed: 1,
        }
    }
}

impl Options {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<()> {
        let problem = if !self.exact && !self.near {
            "deduplication: neither exact nor near copies are asked for"
        } else if self.bands == 0 || self.rows == 0 || self.bands.saturating_mul(self.rows) > 4096 {
            "deduplication: bands and rows must be at least 1, and their product at most 4096"
        } else if !(1..=100).contains(&self.word_ngram) || !(1..=100).contains(&self.char_ngram) {
            "deduplication: word_ngram and char_ngram must be between 1 and 100"
        } else {
            return Ok(());
        };
        Err(Error::Refused(problem.to_owned()))
    }

    /// Probability that two texts of this Jaccard similarity share at least one band.
    pub fn candidate_probability(&self, similarity: f64) -> f64 {
        1.0 - (1.0 - similarity.powi(self.rows as i32)).powi(self.bands as i32)
    }

    /// Place of a source among the preferred ones.
    pub(super) fn priority(&self, source: &str) -> u32 {
        self.prefer.iter().position(|name| name == source).unwrap_or(self.prefer.len()) as u32
    }

    /// As stored in files.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }
}

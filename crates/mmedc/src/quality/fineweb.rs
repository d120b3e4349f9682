//! *FineWeb quality*: lines end as sentences do, and are neither mostly short nor repeated.

use serde::{Deserialize, Serialize};

use super::chars;
use super::runs::duplicates;

/// Thresholds of FineWeb's own rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FineWebQuality {
    /// Share of lines that end with a terminal mark, at least.
    pub line_punct_thr: f64,
    /// Share of lines of at most `short_line_length` characters, at most.
    pub short_line_thr: f64,
    pub short_line_length: usize,
    /// Share of characters in lines that stood before, at most.
    pub char_duplicates_ratio: f64,
    /// Line breaks a word, at most.
    pub new_line_ratio: f64,
}

impl Default for FineWebQuality {
    fn default() -> Self {
        FineWebQuality {
            line_punct_thr: 0.12,
            short_line_thr: 0.67,
            short_line_length: 30,
            char_duplicates_ratio: 0.01,
            new_line_ratio: 0.3,
        }
    }
}

/// Marks that end a sentence in the six languages.
const TERMINAL: [char; 12] = ['.', '!', '?', '…', '"', '\'', '”', '’', '»', '。', '！', '？'];

impl FineWebQuality {
    pub(super) fn failed_rule(&self, text: &str, words: &[&str]) -> Option<&'static str> {
        let lines: Vec<&str> = text.split('\n').filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            return Some("empty");
        }
        let share = |n: usize| n as f64 / lines.len() as f64;
        if share(lines.iter().filter(|line| line.ends_with(TERMINAL)).count()) < self.line_punct_thr {
            return Some("line_punct_ratio");
        }
        if share(lines.iter().filter(|line| chars(line) <= self.short_line_length).count()) > self.short_line_thr {
            return Some("short_line_ratio");
        }
        let breaks = text.matches('\n').count();
        let (_, repeated) = duplicates(lines.iter().copied());
        if repeated as f64 / (chars(text) - breaks) as f64 > self.char_duplicates_ratio {
            return Some("char_dup_ratio");
        }
        if breaks as f64 / words.len().max(1) as f64 > self.new_line_ratio {
            return Some("list_ratio");
        }
        None
    }
}

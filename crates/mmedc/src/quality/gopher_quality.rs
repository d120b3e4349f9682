//! *Gopher quality*: a text has as many words, of such lengths, with so few symbols as prose has.

use serde::{Deserialize, Serialize};

use super::{chars, is_unparted};
use crate::Language;

/// Thresholds of Gopher's rules on quality. Defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GopherQuality {
    pub min_doc_words: usize,
    pub max_doc_words: usize,
    pub min_avg_word_length: f64,
    pub max_avg_word_length: f64,
    /// Of `#`, and of ellipses.
    pub max_symbol_word_ratio: f64,
    pub max_bullet_lines_ratio: f64,
    pub max_ellipsis_lines_ratio: f64,
    /// Share of words with a letter that a text has at least.
    pub min_alpha_words_ratio: f64,
    /// Distinct ones of [`STOP_WORDS`].
    pub min_stop_words: usize,
}

impl Default for GopherQuality {
    fn default() -> Self {
        GopherQuality {
            min_doc_words: 50,
            max_doc_words: 100_000,
            min_avg_word_length: 3.0,
            max_avg_word_length: 10.0,
            max_symbol_word_ratio: 0.1,
            max_bullet_lines_ratio: 0.9,
            max_ellipsis_lines_ratio: 0.3,
            min_alpha_words_ratio: 0.8,
            min_stop_words: 2,
        }
    }
}

/// The paper's list.
pub const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

impl GopherQuality {
    pub(super) fn failed_rule(&self, text: &str, words: &[&str], language: Option<Language>) -> Option<&'static str> {
        let real: Vec<&&str> = words.iter().filter(|word| word.chars().any(char::is_alphanumeric)).collect();
        if real.len() < self.min_doc_words {
            return Some("gopher_short_doc");
        }
        if real.len() > self.max_doc_words {
            return Some("gopher_long_doc");
        }
        let all = words.len().max(1) as f64;
        if !is_unparted(language) && !real.is_empty() {
            let average = real.iter().map(|word| chars(word)).sum::<usize>() as f64 / real.len() as f64;
            if average < self.min_avg_word_length {
                return Some("gopher_below_avg_threshold");
            }
            if average > self.max_avg_word_length {
                return Some("gopher_above_avg_threshold");
            }
        }
        if text.matches('#').count() as f64 / all > self.max_symbol_word_ratio {
            return Some("gopher_too_many_hashes");
        }
        if (text.matches("...").count() + text.matches('…').count()) as f64 / all > self.max_symbol_word_ratio {
            return Some("gopher_too_many_ellipsis");
        }
        let lines: Vec<&str> = text.lines().collect();
        let share = |test: &dyn Fn(&str) -> bool| lines.iter().filter(|line| test(line)).count() as f64 / lines.len().max(1) as f64;
        if share(&|line| line.trim_start().starts_with(['•', '-'])) > self.max_bullet_lines_ratio {
            return Some("gopher_too_many_bullets");
        }
        if share(&|line| line.trim_end().ends_with("...") || line.trim_end().ends_with('…')) > self.max_ellipsis_lines_ratio {
            return Some("gopher_too_many_end_ellipsis");
        }
        let alphabetic = words.iter().filter(|word| word.chars().any(char::is_alphabetic)).count();
        if (alphabetic as f64 / all) < self.min_alpha_words_ratio {
            return Some("gopher_below_alpha_threshold");
        }
        if language == Some(Language::En) {
            let mut found = [false; STOP_WORDS.len()];
            for word in words {
                if let Some(place) = STOP_WORDS.iter().position(|stop| stop == word) {
                    found[place] = true;
                }
            }
            if found.iter().filter(|found| **found).count() < self.min_stop_words {
                return Some("gopher_enough_stop_words");
            }
        }
        None
    }
}

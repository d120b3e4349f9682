//! Quality heuristics under the field's names. Off unless a configuration turns them on: the medical filter does most of their work, and
//! their thresholds were found on English web pages.
//!
//! - *Gopher quality* and *Gopher repetition*: Rae et al., "Scaling Language Models", 2021, arXiv:2112.11446, appendix A and Table A1.
//! - *FineWeb quality*: Penedo et al., "The FineWeb Datasets", 2024, arXiv:2406.17557, section 3.6.
//!
//! Names, order and formulas are those of `datatrove`, held against it in `tests/quality.rs`. Words are what white space parts; in
//! Chinese and Japanese every character that is no white space. Rules about the length of words do not look at these two, and the rule about stop
//! words, whose list is English, looks at English alone.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::{Counts, Document, Language, Step, Verdict};

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

/// Thresholds of Gopher's rules on repetition: shares above which a text is dropped. Defaults are Table A1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GopherRepetition {
    pub dup_line_frac: f64,
    pub dup_para_frac: f64,
    pub dup_line_char_frac: f64,
    pub dup_para_char_frac: f64,
    /// Share of characters in the most frequent n-gram, for n = 2, 3, 4.
    pub top_n_grams: [f64; 3],
    /// Share of characters in n-grams that stood before, for n = 5 to 10.
    pub dup_n_grams: [f64; 6],
}

impl Default for GopherRepetition {
    fn default() -> Self {
        GopherRepetition {
            dup_line_frac: 0.3,
            dup_para_frac: 0.3,
            dup_line_char_frac: 0.2,
            dup_para_char_frac: 0.2,
            top_n_grams: [0.20, 0.18, 0.16],
            dup_n_grams: [0.15, 0.14, 0.13, 0.12, 0.11, 0.10],
        }
    }
}

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

/// Elements that stood before, and their characters.
fn duplicates<'a>(elements: impl Iterator<Item = &'a str>) -> (usize, usize) {
    let mut seen = HashSet::new();
    elements
        .filter(|&element| !seen.insert(element))
        .fold((0, 0), |(n, length), element| (n + 1, length + chars(element)))
}

/// Items between runs of at least `n` line breaks, as `re.split("\n{n,}", text)` gives them.
fn split_at_breaks(text: &str, n: usize) -> Vec<&str> {
    let (mut items, mut start, mut at) = (Vec::new(), 0, 0);
    let bytes = text.as_bytes();
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        let from = at + found;
        let run = bytes[from..].iter().take_while(|&&byte| byte == b'\n').count();
        if run >= n {
            items.push(&text[start..from]);
            start = from + run;
        }
        at = from + run;
    }
    items.push(&text[start..]);
    items
}

impl GopherRepetition {
    fn failed_rule(&self, text: &str, words: &[&str]) -> Option<&'static str> {
        let length = chars(text) as f64;
        if length == 0.0 {
            return Some("empty");
        }
        let paragraphs = split_at_breaks(text.trim(), 2);
        let (n, repeated) = duplicates(paragraphs.iter().copied());
        if n as f64 / paragraphs.len() as f64 > self.dup_para_frac {
            return Some("dup_para_frac");
        }
        if repeated as f64 / length > self.dup_para_char_frac {
            return Some("dup_para_char_frac");
        }
        let lines = split_at_breaks(text, 1);
        let (n, repeated) = duplicates(lines.iter().copied());
        if n as f64 / lines.len() as f64 > self.dup_line_frac {
            return Some("dup_line_frac");
        }
        if repeated as f64 / length > self.dup_line_char_frac {
            return Some("dup_line_char_frac");
        }
        let lengths: Vec<usize> = words.iter().map(|word| chars(word)).collect();
        let words = &number(words);
        for (i, &most) in self.top_n_grams.iter().enumerate() {
            if top_n_gram(words, &lengths, 2 + i).is_some_and(|n| n as f64 / length > most) {
                return Some(["top_2_gram", "top_3_gram", "top_4_gram"][i]);
            }
        }
        for (i, &most) in self.dup_n_grams.iter().enumerate() {
            if repeated_n_grams(words, &lengths, 5 + i) as f64 / length > most {
                return Some(
                    [
                        "duplicated_5_n_grams",
                        "duplicated_6_n_grams",
                        "duplicated_7_n_grams",
                        "duplicated_8_n_grams",
                        "duplicated_9_n_grams",
                        "duplicated_10_n_grams",
                    ][i],
                );
            }
        }
        None
    }
}

/// Every distinct word as a number, so that n-grams compare fast.
fn number(words: &[&str]) -> Vec<u32> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    words
        .iter()
        .map(|word| {
            let next = numbers.len() as u32;
            *numbers.entry(word).or_insert(next)
        })
        .collect()
}

/// Names an n-gram; two different ones share a name once in 2^64 pairs.
fn name(gram: &[u32]) -> u128 {
    xxh3_128(bytemuck::cast_slice(gram))
}

/// Characters of all occurrences of the most frequent n-gram, spaces inside it included; of equally frequent ones the first.
fn top_n_gram(words: &[u32], lengths: &[usize], n: usize) -> Option<usize> {
    let mut counts: HashMap<u128, (usize, usize)> = HashMap::new();
    for (at, gram) in words.windows(n).enumerate() {
        counts.entry(name(gram)).or_insert((0, at)).0 += 1;
    }
    let &(count, at) = counts.values().max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))?;
    Some(count * (lengths[at..at + n].iter().sum::<usize>() + n - 1))
}

/// Characters of n-grams that stood before, each word in one of them at most.
fn repeated_n_grams(words: &[u32], lengths: &[usize], n: usize) -> usize {
    let mut seen: HashSet<u128> = HashSet::new();
    let (mut at, mut repeated) = (0, 0);
    while at + n <= words.len() {
        if seen.insert(name(&words[at..at + n])) {
            at += 1;
        } else {
            repeated += lengths[at..at + n].iter().sum::<usize>();
            at += n;
        }
    }
    repeated
}

impl GopherQuality {
    fn failed_rule(&self, text: &str, words: &[&str], language: Option<Language>) -> Option<&'static str> {
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
            let seen: HashSet<&str> = words.iter().copied().collect();
            if STOP_WORDS.iter().filter(|word| seen.contains(**word)).count() < self.min_stop_words {
                return Some("gopher_enough_stop_words");
            }
        }
        None
    }
}

impl FineWebQuality {
    fn failed_rule(&self, text: &str, words: &[&str]) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_on_by_default() {
        assert_eq!(Quality::default().failed_rule("", None), None);
        assert_eq!(Quality::default().failed_rule("### ### ###", Some(Language::En)), None);
    }

    #[test]
    fn splits_like_the_patterns() {
        assert_eq!(split_at_breaks("a\nb\n\nc\n\n\nd", 2), ["a\nb", "c", "d"]);
        assert_eq!(split_at_breaks("a\nb\n\nc\n", 1), ["a", "b", "c", ""]);
        assert_eq!(split_at_breaks("", 1), [""]);
    }

    #[test]
    fn han_and_kana_are_words_by_the_character() {
        assert_eq!(words("肺 炎、", Some(Language::Zh)), ["肺", "炎", "、"]);
        assert_eq!(words("肺 炎、", None), ["肺", "炎、"]);
        let text = "患者は発熱を訴えた。".repeat(10);
        assert_eq!(Quality::all().failed_rule(&text, Some(Language::Ja)), Some("top_2_gram"));
    }
}

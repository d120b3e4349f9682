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
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::units::mix;
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
    let mut seen: HashSet<u64, BuildHasherDefault<Hashed>> = HashSet::default();
    elements
        .filter(|element| !seen.insert(xxh3_64(element.as_bytes())))
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
        let mut runs = Runs::of_words(words);
        for (i, &most) in self.top_n_grams.iter().enumerate() {
            runs.lengthen();
            if runs.most_frequent(&lengths).is_some_and(|n| n as f64 / length > most) {
                return Some(["top_2_gram", "top_3_gram", "top_4_gram"][i]);
            }
        }
        for (i, &most) in self.dup_n_grams.iter().enumerate() {
            runs.lengthen();
            if runs.repeated(&lengths) as f64 / length > most {
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

/// The n-grams of a text that occur more than once, for growing n.
///
/// An n-gram can only repeat where both (n-1)-grams in it do, and is equal to another where both are. In text of the usual kind few runs of
/// four words repeat, so that the longer n cost next to nothing.
struct Runs {
    n: usize,
    /// By the first word: which n-gram, or [`ONCE`].
    groups: Vec<u32>,
    /// By n-gram: how often it occurs, and where first.
    counts: Vec<(u32, u32)>,
}

/// An n-gram that occurs once.
const ONCE: u32 = u32::MAX;

impl Runs {
    /// Runs of one word. Two different words share a hash once in 2^64 pairs.
    fn of_words(words: &[&str]) -> Runs {
        Runs::group(1, words.iter().map(|word| Some(xxh3_64(word.as_bytes()))))
    }

    /// From n to n + 1.
    fn lengthen(&mut self) {
        let key = |pair: &[u32]| match *pair {
            [first, second] if first != ONCE && second != ONCE => Some(mix(u64::from(first) << 32 | u64::from(second))),
            _ => None,
        };
        *self = Runs::group(self.n + 1, self.groups.windows(2).map(key));
    }

    /// Equal keys are equal n-grams; none is one that occurs once.
    fn group(n: usize, keys: impl ExactSizeIterator<Item = Option<u64>>) -> Runs {
        let mut numbers: HashMap<u64, u32, BuildHasherDefault<Hashed>> = HashMap::default();
        let mut counts: Vec<(u32, u32)> = Vec::new();
        let mut groups = Vec::with_capacity(keys.len());
        for (key, at) in keys.zip(0..) {
            groups.push(match key {
                None => ONCE,
                Some(key) => {
                    let number = *numbers.entry(key).or_insert_with(|| {
                        counts.push((0, at));
                        counts.len() as u32 - 1
                    });
                    counts[number as usize].0 += 1;
                    number
                }
            });
        }
        for group in &mut groups {
            if *group != ONCE && counts[*group as usize].0 == 1 {
                *group = ONCE;
            }
        }
        Runs { n, groups, counts }
    }

    /// Characters of all occurrences of the most frequent n-gram, spaces inside it included; of equally frequent ones the first.
    fn most_frequent(&self, lengths: &[usize]) -> Option<usize> {
        if self.groups.is_empty() {
            return None;
        }
        // Where nothing repeats, the first one is the most frequent.
        let (count, at) = self
            .counts
            .iter()
            .copied()
            .fold((1, 0), |most, (count, at)| if count > most.0 { (count, at) } else { most });
        let at = at as usize;
        Some(count as usize * (lengths[at..at + self.n].iter().sum::<usize>() + self.n - 1))
    }

    /// Characters of n-grams that stood before, each word in one of them at most.
    fn repeated(&self, lengths: &[usize]) -> usize {
        let mut seen = vec![false; self.counts.len()];
        let (mut at, mut repeated) = (0, 0);
        while at < self.groups.len() {
            let group = self.groups[at];
            if group != ONCE && std::mem::replace(&mut seen[group as usize], true) {
                repeated += lengths[at..at + self.n].iter().sum::<usize>();
                at += self.n;
            } else {
                at += 1;
            }
        }
        repeated
    }
}

/// For keys that are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers")
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
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

    /// The definitions, word for word.
    fn plain(words: &[&str], n: usize) -> (Option<usize>, usize) {
        let length = |gram: &[&str]| gram.iter().map(|word| chars(word)).sum::<usize>();
        let mut counts: Vec<(&[&str], usize)> = Vec::new();
        for gram in words.windows(n) {
            match counts.iter_mut().find(|(other, _)| *other == gram) {
                Some((_, count)) => *count += 1,
                None => counts.push((gram, 1)),
            }
        }
        let most = counts.iter().map(|(_, count)| *count).max();
        let top = most.and_then(|most| counts.iter().find(|(_, count)| *count == most));
        let (mut seen, mut at, mut repeated) = (HashSet::new(), 0, 0);
        while at + n <= words.len() {
            if seen.insert(&words[at..at + n]) {
                at += 1;
            } else {
                repeated += length(&words[at..at + n]);
                at += n;
            }
        }
        (top.map(|(gram, count)| count * (length(gram) + n - 1)), repeated)
    }

    #[test]
    fn runs_are_counted_as_by_their_definition() {
        let vocabulary = ["a", "bb", "ccc", "дд", "肺"];
        let mut state = 1u64;
        for case in 0..300 {
            // From one word, where everything repeats, to five.
            let kinds = 1 + case % vocabulary.len();
            let words: Vec<&str> = (0..case % 61)
                .map(|_| {
                    state = mix(state + 1);
                    vocabulary[state as usize % kinds]
                })
                .collect();
            let lengths: Vec<usize> = words.iter().map(|word| chars(word)).collect();
            let mut runs = Runs::of_words(&words);
            for n in 2..=10 {
                runs.lengthen();
                assert_eq!(
                    (runs.most_frequent(&lengths), runs.repeated(&lengths)),
                    plain(&words, n),
                    "{n} of {words:?}"
                );
            }
        }
    }

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

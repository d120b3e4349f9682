//! The filter that made MMedC, to the letter.
//!
//! Languages with spaces: a word is *long* with more than 10 characters, or with more than 5 and a space in it. Long words are searched as
//! substrings of the lower-cased text, and if they alone pass both thresholds the text is kept. Otherwise short words count too, but only
//! as whole items of Python's `text.split()`, so that "cancer," is not "cancer". Chinese and Japanese: every word as a substring, in its
//! own case. Each word is counted without overlapping itself, but words may overlap each other and then count each. What must hold: the
//! decisions of the authors' code, mistakes included; [`super::mmedkit`] mends them.
//!
//! One automaton over all words passes the text once; whether a short word is a whole token is looked up where it is found.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::decision::{Decision, Stage};
use super::keywords::KeywordList;
use super::python_text::{is_space, is_token, lower};
use crate::Language;

/// The rule for one language.
pub struct MmedcRule {
    automaton: AhoCorasick,
    words: Vec<Word>,
    spaced: bool,
    mkc: u64,
    dens: f64,
}

struct Word {
    chars: u64,
    long: bool,
}

#[derive(Default)]
struct Tally {
    unique: u64,
    chars: u64,
}

impl MmedcRule {
    /// Compiles a list.
    pub fn new(language: Language, list: &KeywordList) -> MmedcRule {
        let spaced = !matches!(language, Language::Zh | Language::Ja);
        let distinct: BTreeSet<String> = list
            .words()
            .map(|word| if spaced { lower(word) } else { word.to_string() })
            .collect();
        let (mut patterns, mut words) = (Vec::new(), Vec::new());
        for pattern in distinct {
            let chars = pattern.chars().count() as u64;
            let long = !spaced || chars > 10 || (chars > 5 && pattern.contains(' '));
            // No item of a split holds white space.
            if long || !pattern.contains(is_space) {
                patterns.push(pattern);
                words.push(Word { chars, long });
            }
        }
        MmedcRule {
            automaton: AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::DFA))
                .build(&patterns)
                .expect("a few hundred words are far below the automaton's limits"),
            words,
            spaced,
            mkc: list.hit_times_threshold,
            dens: list.hit_ratio_threshold,
        }
    }

    /// Counts and decides.
    pub fn decide(&self, text: &str) -> Decision {
        let chars = text.chars().count() as u64;
        let lowered;
        let text = if self.spaced {
            lowered = lower(text);
            &lowered
        } else {
            text
        };
        // Where the last counted occurrence of each word ended, from 1; 0 where there was none.
        let mut ends = vec![0usize; self.words.len()];
        let (mut long, mut short) = (Tally::default(), Tally::default());
        for found in self.automaton.find_overlapping_iter(text) {
            let index = found.pattern().as_usize();
            let (word, end) = (&self.words[index], &mut ends[index]);
            if *end > 0 && found.start() < *end {
                continue;
            }
            if !word.long && !is_token(text, found.start(), found.end()) {
                continue;
            }
            let tally = if word.long { &mut long } else { &mut short };
            tally.unique += u64::from(*end == 0);
            tally.chars += word.chars;
            *end = found.end();
        }
        if !self.spaced {
            return Decision::new(chars, long.unique, long.chars, Stage::All, self.mkc, self.dens);
        }
        let first = Decision::new(chars, long.unique, long.chars, Stage::Long, self.mkc, self.dens);
        if first.keep {
            return first;
        }
        Decision::new(
            chars,
            long.unique + short.unique,
            long.chars + short.chars,
            Stage::LongShort,
            self.mkc,
            self.dens,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str], mkc: u64, dens: f64) -> KeywordList {
        KeywordList {
            hit_times_threshold: mkc,
            hit_ratio_threshold: dens,
            medical_biology_words: words.iter().map(|word| word.to_string()).collect(),
            medical_words: Vec::new(),
        }
    }

    fn decide(language: Language, words: &[&str], text: &str) -> (u64, u64, Stage) {
        let decision = MmedcRule::new(language, &list(words, 1, 0.5)).decide(text);
        (decision.unique_hits, decision.hit_chars, decision.stage)
    }

    /// The plainest form of the rule, one word after the other: what the one pass above must equal.
    fn plain(language: Language, list: &KeywordList, text: &str) -> Decision {
        let spaced = !matches!(language, Language::Zh | Language::Ja);
        let chars = text.chars().count() as u64;
        let text = if spaced { text.to_lowercase() } else { text.to_string() };
        let words: BTreeSet<String> = list
            .words()
            .map(|word| if spaced { word.to_lowercase() } else { word.to_string() })
            .collect();
        let (mut unique, mut hit) = (0, 0);
        let is_long = |word: &str| {
            let n = word.chars().count();
            !spaced || n > 10 || (n > 5 && word.contains(' '))
        };
        for word in words.iter().filter(|word| is_long(word)) {
            let n = text.matches(word.as_str()).count() as u64;
            unique += u64::from(n > 0);
            hit += n * word.chars().count() as u64;
        }
        let stage = if spaced { Stage::Long } else { Stage::All };
        let first = Decision::new(chars, unique, hit, stage, list.hit_times_threshold, list.hit_ratio_threshold);
        if first.keep || !spaced {
            return first;
        }
        for word in words.iter().filter(|word| !is_long(word)) {
            let n = text.split(is_space).filter(|token| token == word).count() as u64;
            unique += u64::from(n > 0);
            hit += n * word.chars().count() as u64;
        }
        Decision::new(
            chars,
            unique,
            hit,
            Stage::LongShort,
            list.hit_times_threshold,
            list.hit_ratio_threshold,
        )
    }

    #[test]
    fn short_words_are_whole_tokens_and_long_ones_are_substrings() {
        let words = ["cancer", "inflammation", "side effect"];
        assert_eq!(decide(Language::En, &words, "Cancer cancer, (cancer) cancers").0, 1);
        assert_eq!(
            decide(Language::En, &words, "neuroinflammations xxxxxxxxxx"),
            (1, 12, Stage::LongShort)
        );
        assert_eq!(decide(Language::En, &words, "side effects"), (1, 11, Stage::Long));
        assert_eq!(decide(Language::En, &words, "side  effects"), (0, 0, Stage::LongShort));
    }

    #[test]
    fn short_words_are_not_counted_once_long_ones_suffice() {
        let words = ["cancer", "chemotherapy"];
        assert_eq!(decide(Language::En, &words, "chemotherapy cancer"), (1, 12, Stage::Long));
        assert_eq!(
            decide(Language::En, &words, "chemotherapy of cancer at last"),
            (2, 18, Stage::LongShort)
        );
    }

    #[test]
    fn a_word_does_not_overlap_itself_but_others() {
        assert_eq!(decide(Language::Zh, &["病病", "病毒"], "病病病病毒"), (2, 6, Stage::All));
        assert_eq!(decide(Language::Ja, &["DNA", "dna"], "DNAとdnaとDna"), (2, 6, Stage::All));
    }

    #[test]
    fn duplicates_count_once() {
        let once = decide(Language::Es, &["Salud"], "salud y salud");
        assert_eq!(decide(Language::Es, &["Salud", "salud", "SALUD"], "salud y salud"), once);
        assert_eq!(once, (1, 10, Stage::LongShort));
    }

    #[test]
    fn an_empty_text_is_decided() {
        for language in Language::ALL {
            assert!(!MmedcRule::new(language, &list(&["x"], 0, 0.0)).decide("").keep);
        }
    }

    /// Random texts of a small alphabet, where words meet, overlap and end in every kind of white space.
    #[test]
    fn one_pass_equals_the_plain_form() {
        let words = ["aa", "aba", "ab ab", "b", "aababaababa", "ab\u{1f}ab", "БА", "病a", "a病a"];
        let pieces = [
            "a",
            "b",
            "A",
            "ab",
            " ",
            "\u{1f}",
            "\u{3000}",
            "病",
            "Б",
            "а",
            "aba",
            ",",
            "aababaababa",
            "\n",
            "İ",
        ];
        let mut state = 7u64;
        let mut next = |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % n
        };
        for round in 0..3000 {
            let text: String = (0..next(60)).map(|_| pieces[next(pieces.len())]).collect();
            let list = list(&words, 1 + next(4) as u64, next(5) as f64 / 5.0);
            for language in [Language::En, Language::Zh] {
                let ours = MmedcRule::new(language, &list).decide(&text);
                assert_eq!(ours, plain(language, &list, &text), "round {round}, {language}: {text:?}");
            }
        }
    }
}

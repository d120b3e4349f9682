//! The filter of MMedC with its known faults mended; the lists and thresholds are the same.
//!
//! - A short word ends where letters and digits end, so that "cancer," counts; it begins there too.
//! - Words count in their inflected forms ([`super::inflect`]), each word of a phrase by itself; forms of one word are one word.
//! - A long word (as in [`super::mmedc`]) still counts inside others: that is how the authors find compounds.
//! - Every character counts once: of overlapping words the one that begins first, of those the longest; so the density is a true share.
//! - All words count before the verdict. Chinese and Japanese are searched as they are, with Latin letters in either case.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::decision::{Decision, Stage};
use super::inflect::{Stem, fold, stems};
use super::keywords::KeywordList;
use crate::Language;

/// Between two words of a phrase; more than this much white space parts them.
const WIDEST_GAP: usize = 8;

/// The rule for one language.
pub struct MmedkitRule {
    language: Language,
    automaton: AhoCorasick,
    /// For each pattern of the automaton, what it may be the beginning of.
    candidates: Vec<Vec<Candidate>>,
    words: usize,
    spaced: bool,
    mkc: u64,
    dens: f64,
}

/// A keyword that begins with the stem which was found.
struct Candidate {
    /// Forms of one keyword share a number.
    word: usize,
    endings: &'static [&'static str],
    /// The further words of a phrase.
    rest: Vec<Vec<Stem>>,
    /// Of a long word the whole of it, which also counts inside another word.
    inside: Option<String>,
}

struct Hit {
    start: usize,
    end: usize,
    word: usize,
}

impl MmedkitRule {
    /// Compiles a list.
    pub fn new(language: Language, list: &KeywordList) -> MmedkitRule {
        let spaced = !matches!(language, Language::Zh | Language::Ja);
        let mut words: BTreeMap<Vec<Vec<Stem>>, usize> = BTreeMap::new();
        let mut patterns: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut candidates: Vec<Vec<Candidate>> = Vec::new();
        for keyword in list.words().map(|word| fold(language, word)) {
            let phrase: Vec<Vec<Stem>> = if spaced {
                keyword.split_whitespace().map(|word| stems(language, word)).collect()
            } else {
                vec![stems(language, &keyword)]
            };
            let next = words.len();
            let word = *words.entry(phrase.clone()).or_insert(next);
            let chars = keyword.chars().count();
            let long = spaced && (chars > 10 || (chars > 5 && keyword.contains(' ')));
            let (first, rest) = phrase.split_first().expect("no keyword is empty");
            for stem in first {
                let pattern = *numbers.entry(stem.stem.clone()).or_insert_with(|| {
                    patterns.push(stem.stem.clone());
                    candidates.push(Vec::new());
                    patterns.len() - 1
                });
                candidates[pattern].push(Candidate {
                    word,
                    endings: stem.endings,
                    rest: rest.to_vec(),
                    inside: (long && keyword.starts_with(&stem.stem)).then(|| keyword.clone()),
                });
            }
        }
        MmedkitRule {
            language,
            automaton: AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::DFA))
                .build(&patterns)
                .expect("a few hundred words are far below the automaton's limits"),
            candidates,
            words: words.len(),
            spaced,
            mkc: list.hit_times_threshold,
            dens: list.hit_ratio_threshold,
        }
    }

    /// Counts and decides.
    pub fn decide(&self, text: &str) -> Decision {
        let chars = text.chars().count() as u64;
        let text = fold(self.language, text);
        let mut hits: Vec<Hit> = Vec::new();
        for found in self.automaton.find_overlapping_iter(&text) {
            let (start, end) = (found.start(), found.end());
            let begins_word = !self.spaced || begins_word(&text, start);
            for candidate in &self.candidates[found.pattern().as_usize()] {
                if let Some(end) = self.end_of(candidate, &text, start, end, begins_word) {
                    hits.push(Hit {
                        start,
                        end,
                        word: candidate.word,
                    });
                }
            }
        }
        // Leftmost first, of those the longest, of those the first in the list.
        hits.sort_by(|a, b| (a.start, b.end, a.word).cmp(&(b.start, a.end, b.word)));
        let mut seen = vec![false; self.words];
        let (mut unique, mut hit_chars, mut free) = (0, 0, 0);
        for hit in hits.iter().filter(|hit| hit.end > hit.start) {
            if hit.start < free {
                continue;
            }
            free = hit.end;
            hit_chars += text[hit.start..hit.end].chars().count() as u64;
            unique += u64::from(!std::mem::replace(&mut seen[hit.word], true));
        }
        Decision::new(chars, unique, hit_chars, Stage::All, self.mkc, self.dens)
    }

    /// Where the keyword that begins with the stem at `start..end` ends, if it stands there.
    fn end_of(&self, candidate: &Candidate, text: &str, start: usize, end: usize, begins_word: bool) -> Option<usize> {
        if !self.spaced {
            return Some(end);
        }
        let whole = || -> Option<usize> {
            let mut end = word_end(text, end, candidate.endings)?;
            for alternatives in &candidate.rest {
                let next = gap_end(text, end)?;
                end = alternatives
                    .iter()
                    .filter(|stem| text[next..].starts_with(stem.stem.as_str()))
                    .find_map(|stem| word_end(text, next + stem.stem.len(), stem.endings))?;
            }
            Some(end)
        };
        let inside = || {
            let keyword = candidate.inside.as_ref()?;
            text[start..].starts_with(keyword.as_str()).then(|| start + keyword.len())
        };
        if !begins_word && candidate.inside.is_none() {
            return None;
        }
        whole().or_else(inside)
    }
}

fn begins_word(text: &str, at: usize) -> bool {
    match at.checked_sub(1).map(|before| text.as_bytes()[before]) {
        None => true,
        Some(byte) if byte.is_ascii() => !byte.is_ascii_alphanumeric(),
        Some(_) => !text[..at].chars().next_back().is_some_and(char::is_alphanumeric),
    }
}

/// Where the word ends that goes on at `at`, if what is left of it is one of the endings.
fn word_end(text: &str, at: usize, endings: &[&str]) -> Option<usize> {
    endings.iter().find_map(|ending| {
        let end = at + ending.len();
        let ends = match text.as_bytes().get(end) {
            None => true,
            Some(byte) if byte.is_ascii() => !byte.is_ascii_alphanumeric(),
            Some(_) => text.get(end..).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)),
        };
        (ends && text.as_bytes().get(at..end) == Some(ending.as_bytes())).then_some(end)
    })
}

/// Where the next word begins after white space or a hyphen.
fn gap_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let gap: usize = (rest.chars().take(WIDEST_GAP))
        .take_while(|&char| char.is_whitespace() || char == '-')
        .map(char::len_utf8)
        .sum();
    (gap > 0).then_some(at + gap)
}

#[cfg(test)]
mod tests {
    use super::super::keywords::Keywords;
    use super::*;

    fn decide(language: Language, words: &[&str], text: &str) -> (u64, u64) {
        let list = KeywordList {
            hit_times_threshold: 1,
            hit_ratio_threshold: 0.1,
            medical_biology_words: words.iter().map(|word| word.to_string()).collect(),
            medical_words: Vec::new(),
        };
        let decision = MmedkitRule::new(language, &list).decide(text);
        assert_eq!(decision.stage, Stage::All);
        (decision.unique_hits, decision.hit_chars)
    }

    #[test]
    fn punctuation_ends_a_word_and_letters_do_not() {
        assert_eq!(
            decide(
                Language::En,
                &["cancer"],
                "Cancer, (cancer) 'cancer' cancer. l’cancer cancerous precancer"
            ),
            (1, 30)
        );
        assert_eq!(decide(Language::Fr, &["infection"], "l'infection; L’INFECTION"), (1, 18));
    }

    #[test]
    fn overlapping_words_are_counted_once() {
        assert_eq!(decide(Language::En, &["stem cell", "cell", "stem"], "stem cells"), (1, 10));
        assert_eq!(decide(Language::En, &["stem cell", "cell", "stem"], "stem, cells"), (2, 9));
        assert_eq!(decide(Language::Zh, &["病", "病毒", "毒"], "病毒病"), (2, 3));
        assert_eq!(decide(Language::Zh, &["ab", "bc"], "abc"), (1, 2));
    }

    #[test]
    fn phrases_are_inflected_word_by_word() {
        let words = ["генная терапия"];
        assert_eq!(decide(Language::Ru, &words, "Генной терапией, генную\nтерапию"), (1, 29));
        assert_eq!(decide(Language::Ru, &words, "генная и терапия"), (0, 0));
        assert_eq!(
            decide(Language::Es, &["sistema nervioso"], "los sistemas nerviosos; sistema-nervioso"),
            (1, 34)
        );
    }

    #[test]
    fn long_words_count_inside_others() {
        assert_eq!(decide(Language::En, &["inflammation"], "neuroinflammation inflammations"), (1, 25));
        assert_eq!(decide(Language::En, &["cancer"], "precancer"), (0, 0));
    }

    #[test]
    fn forms_of_one_word_are_one_word() {
        assert_eq!(
            decide(Language::En, &["antibiotic", "antibiotics"], "antibiotic antibiotics"),
            (1, 21)
        );
        assert_eq!(decide(Language::Ja, &["DNA"], "dnaとDNA"), (1, 6));
    }

    #[test]
    fn the_density_is_a_share() {
        let list = Keywords::mmedc();
        for language in Language::ALL {
            let words = list.get(language).unwrap();
            let rule = MmedkitRule::new(language, words);
            let text: Vec<&str> = words.words().collect();
            let decision = rule.decide(&text.join(" "));
            assert!(decision.density > 0.75 && decision.density <= 1.0, "{language}: {decision:?}");
            assert!(!rule.decide("").keep);
        }
    }
}

//! What repeats in a text: runs of words, and elements such as lines.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64;

use super::chars;
use crate::units::mix;

/// Elements that stood before, and their characters.
pub fn duplicates<'a>(elements: impl Iterator<Item = &'a str>) -> (usize, usize) {
    let mut seen: HashSet<u64, BuildHasherDefault<Hashed>> = HashSet::default();
    elements
        .filter(|element| !seen.insert(xxh3_64(element.as_bytes())))
        .fold((0, 0), |(n, length), element| (n + 1, length + chars(element)))
}

/// The n-grams of a text that occur more than once, for growing n.
///
/// An n-gram can only repeat where both (n-1)-grams in it do, and is equal to another where both are. In text of the usual kind few runs of
/// four words repeat, so that the longer n cost next to nothing.
pub struct Runs {
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
    pub fn of_words(words: &[&str]) -> Runs {
        Runs::group(1, words.iter().map(|word| Some(xxh3_64(word.as_bytes()))))
    }

    /// From n to n + 1.
    pub fn lengthen(&mut self) {
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
    pub fn most_frequent(&self, lengths: &[usize]) -> Option<usize> {
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
    pub fn repeated(&self, lengths: &[usize]) -> usize {
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
}

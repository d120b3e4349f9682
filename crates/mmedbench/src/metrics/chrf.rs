//! chrF and chrF++ (Popović 2015, 2017): F-score of character runs, with word runs in chrF++. As sacrebleu 2.6 with its default settings.

use std::collections::HashMap;

use super::ngrams::{clipped, counts};

const CHARACTER_ORDERS: usize = 6;
/// Recall counts β² times as much as precision.
const BETA_SQUARED: f64 = 4.0;

/// Score of a corpus of (candidate, reference) in [0, 100]; `word_orders` is 0 for chrF and 2 for chrF++.
pub fn corpus(pairs: &[(&str, &str)], word_orders: usize) -> f64 {
    // Of each order: runs of the candidates, of the references, common ones.
    let mut sums = vec![[0usize; 3]; CHARACTER_ORDERS + word_orders];
    for (candidate, reference) in pairs {
        let characters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>();
        let (mine, theirs) = (characters(candidate), characters(reference));
        for n in 1..=CHARACTER_ORDERS {
            add(&mut sums[n - 1], &counts(&mine, n), &counts(&theirs, n));
        }
        let (mine, theirs) = (words(candidate), words(reference));
        for n in 1..=word_orders {
            add(&mut sums[CHARACTER_ORDERS + n - 1], &counts(&mine, n), &counts(&theirs, n));
        }
    }
    let used: Vec<(f64, f64)> = sums
        .iter()
        .filter(|[mine, theirs, _]| *mine > 0 && *theirs > 0)
        .map(|[mine, theirs, common]| (*common as f64 / *mine as f64, *common as f64 / *theirs as f64))
        .collect();
    let orders = used.len().max(1) as f64;
    let precision = used.iter().map(|(p, _)| p).sum::<f64>() / orders;
    let recall = used.iter().map(|(_, r)| r).sum::<f64>() / orders;
    if precision + recall == 0.0 {
        return 0.0;
    }
    100.0 * (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
}

/// Runs of a candidate do not count where the reference has none of that length.
fn add<T: Eq + std::hash::Hash>(sum: &mut [usize; 3], mine: &HashMap<&[T], usize>, theirs: &HashMap<&[T], usize>) {
    if !theirs.is_empty() {
        sum[0] += mine.values().sum::<usize>();
    }
    sum[1] += theirs.values().sum::<usize>();
    sum[2] += clipped(mine, theirs);
}

/// Words, one mark of ASCII punctuation at the end or else at the beginning taken off.
fn words(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let mark = |c: Option<char>| c.is_some_and(|c| c.is_ascii_punctuation());
        if word.chars().count() == 1 {
            out.push(word);
        } else if mark(word.chars().next_back()) {
            out.extend([&word[..word.len() - 1], &word[word.len() - 1..]]);
        } else if mark(word.chars().next()) {
            out.extend([&word[..1], &word[1..]]);
        } else {
            out.push(word);
        }
    }
    out
}

//! Runs of n tokens, counted: the common ground of BLEU, ROUGE and chrF.

use std::collections::HashMap;
use std::hash::Hash;

/// How often each run of `n` items occurs. Empty for `n` of 0 or beyond the length.
pub fn counts<T: Eq + Hash>(items: &[T], n: usize) -> HashMap<&[T], usize> {
    let mut found = HashMap::new();
    if n > 0 {
        for run in items.windows(n) {
            *found.entry(run).or_default() += 1;
        }
    }
    found
}

/// Occurrences that both have, each counted as often as in the one that has fewer.
pub fn clipped<T: Eq + Hash>(left: &HashMap<&[T], usize>, right: &HashMap<&[T], usize>) -> usize {
    left.iter().map(|(run, count)| *count.min(right.get(run).unwrap_or(&0))).sum()
}

/// Length of the longest common subsequence.
pub fn common_subsequence<T: Eq>(left: &[T], right: &[T]) -> usize {
    let mut row = vec![0usize; right.len() + 1];
    for a in left {
        let mut diagonal = 0;
        for (j, b) in right.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if a == b { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    row[right.len()]
}

/// Harmonic mean of precision and recall; 0 where both are 0.
pub fn f_measure(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 {
        2.0 * precision * recall / (precision + recall)
    } else {
        0.0
    }
}

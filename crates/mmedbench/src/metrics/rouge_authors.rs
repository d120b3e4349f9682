//! ROUGE as the paper's scripts compute it: the Python package `rouge` 1.0.1 on tokens joined by spaces. Not the standard definition.
//!
//! What it really does: the joined text is cut at every "." (so full stops vanish, also inside 3.5); n-grams are sets, so repeats count
//! once, and run across sentences; an empty piece between two full stops is a word ""; ROUGE-L is the union of the words of the common
//! subsequences over all pairs of sentences, divided by the number of different words; F is 2pr / (p + r + 1e-8), so identical texts score
//! 0.999999995.

use std::collections::HashSet;

use super::rouge::Rouge;

/// A side without a sentence, for which the package raises `ValueError`. Count the score as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmptyText {
    #[error("Hypothesis is empty.")]
    Hypothesis,
    #[error("Reference is empty.")]
    Reference,
}

/// F scores of the package.
pub fn rouge(candidate: &[&str], reference: &[&str]) -> Result<Rouge, EmptyText> {
    let (candidate, reference) = (candidate.join(" "), reference.join(" "));
    let (candidate, reference) = (sentences(&candidate), sentences(&reference));
    if candidate.is_empty() {
        return Err(EmptyText::Hypothesis);
    }
    if reference.is_empty() {
        return Err(EmptyText::Reference);
    }
    let (mine, theirs) = (candidate.concat(), reference.concat());
    let of = |n: usize| {
        let (mine, theirs): (HashSet<&[&str]>, HashSet<&[&str]>) = (mine.windows(n).collect(), theirs.windows(n).collect());
        f(mine.intersection(&theirs).count(), mine.len(), theirs.len())
    };
    let mut union: HashSet<&str> = HashSet::new();
    for r in &reference {
        for c in &candidate {
            union.extend(common_words(r, c));
        }
    }
    let different = |words: &[&str]| words.iter().collect::<HashSet<_>>().len();
    Ok(Rouge {
        rouge1: of(1),
        rouge2: of(2),
        rouge_l: f(union.len(), different(&mine), different(&theirs)),
    })
}

/// Pieces between full stops, each in words. A piece of spaces alone is the one word "".
fn sentences(text: &str) -> Vec<Vec<&str>> {
    text.split('.')
        .filter(|piece| !piece.is_empty())
        .map(|piece| match piece.split_whitespace().collect::<Vec<_>>() {
            words if words.is_empty() => vec![""],
            words => words,
        })
        .collect()
}

fn f(common: usize, mine: usize, theirs: usize) -> f64 {
    let share = |all: usize| if all == 0 { 0.0 } else { common as f64 / all as f64 };
    let (precision, recall) = (share(mine), share(theirs));
    2.0 * (precision * recall) / (precision + recall + 1e-8)
}

/// The words of one longest common subsequence. Where several exist, the one that is found going back from the ends and, at a tie of the
/// two ways, along `right`.
fn common_words<'a>(left: &[&'a str], right: &[&'a str]) -> Vec<&'a str> {
    let width = right.len() + 1;
    let mut table = vec![0u32; (left.len() + 1) * width];
    for (i, a) in left.iter().enumerate() {
        for (j, b) in right.iter().enumerate() {
            table[(i + 1) * width + j + 1] = if a == b {
                table[i * width + j] + 1
            } else {
                table[i * width + j + 1].max(table[(i + 1) * width + j])
            };
        }
    }
    let (mut i, mut j, mut words) = (left.len(), right.len(), Vec::new());
    while i > 0 && j > 0 {
        if left[i - 1] == right[j - 1] {
            words.push(left[i - 1]);
            i -= 1;
            j -= 1;
        } else if table[(i - 1) * width + j] > table[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    words
}

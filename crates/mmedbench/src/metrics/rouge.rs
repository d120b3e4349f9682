//! The standard ROUGE (Lin 2004) as Google's `rouge-score` computes it: counts clipped, the longest common subsequence of whole texts. F1
//! in [0, 1].

use super::ngrams::{clipped, common_subsequence, counts, f_measure};

/// F1 scores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rouge {
    pub rouge1: f64,
    pub rouge2: f64,
    pub rouge_l: f64,
}

/// ROUGE-1, -2 and -L.
pub fn rouge(candidate: &[&str], reference: &[&str]) -> Rouge {
    let share = |common: usize, all: usize| common as f64 / all.max(1) as f64;
    let of = |n: usize| {
        let common = clipped(&counts(candidate, n), &counts(reference, n));
        let runs = |tokens: &[&str]| tokens.len().saturating_sub(n - 1);
        f_measure(share(common, runs(candidate)), share(common, runs(reference)))
    };
    let common = common_subsequence(candidate, reference);
    Rouge {
        rouge1: of(1),
        rouge2: of(2),
        rouge_l: f_measure(share(common, candidate.len()), share(common, reference.len())),
    }
}

/// The tokens that `rouge-score` makes itself, without stemming: runs of a–z and 0–9 in small letters. Accented letters cut words and other
/// scripts vanish, so this is of use for English alone.
pub fn ascii_tokens(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))
        .filter(|token| !token.is_empty())
        .map(str::to_string)
        .collect()
}

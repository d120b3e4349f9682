//! Do a model's probabilities mean what they say? Of the answers given with confidence 0.8, eight in ten should be right.
//!
//! Equal-width bins ((m/10, (m+1)/10], 0 in the first), as in Guo et al. 2017 and scikit-learn's `calibration_curve`. What must hold: a
//! confidence outside [0, 1] is refused, an empty bin is absent.

use serde::{Deserialize, Serialize};

/// One bar of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// From 0; covers (bin / bins, (bin + 1) / bins].
    pub bin: usize,
    pub n: usize,
    /// Share right.
    pub accuracy: f64,
    /// Mean confidence.
    pub confidence: f64,
}

/// Calibration of a set of answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub n: usize,
    /// Expected calibration error: mean gap between accuracy and confidence, weighted by the bins' sizes.
    pub ece: f64,
    /// The largest gap.
    pub mce: f64,
    /// Mean of (confidence − right)².
    pub brier_top1: f64,
    /// The bins that hold answers.
    pub bins: Vec<Bin>,
}

/// Number of bins of the figures that papers state.
pub const BINS: usize = 10;

/// Calibration of answers, each with the probability that the model gave it and whether it was right. `None` for no answer, or where a
/// confidence is no probability.
pub fn calibration(answers: &[(f64, bool)], bins: usize) -> Option<Calibration> {
    if answers.is_empty() || bins == 0 || answers.iter().any(|(c, _)| !(0.0..=1.0).contains(c)) {
        return None;
    }
    let width = 1.0 / bins as f64;
    let edges: Vec<f64> = (1..bins).map(|i| i as f64 * width).collect();
    let mut sums = vec![(0usize, 0.0f64, 0usize); bins];
    for (confidence, right) in answers {
        let bin = &mut sums[edges.partition_point(|edge| edge < confidence)];
        *bin = (bin.0 + 1, bin.1 + confidence, bin.2 + usize::from(*right));
    }
    let filled: Vec<Bin> = sums
        .iter()
        .enumerate()
        .filter(|(_, (n, _, _))| *n > 0)
        .map(|(bin, (n, confidence, right))| Bin {
            bin,
            n: *n,
            accuracy: *right as f64 / *n as f64,
            confidence: confidence / *n as f64,
        })
        .collect();
    let n = answers.len() as f64;
    let gap = |b: &Bin| (b.accuracy - b.confidence).abs();
    let brier_top1 = answers
        .iter()
        .map(|(c, right)| (c - if *right { 1.0 } else { 0.0 }).powi(2))
        .sum::<f64>()
        / n;
    Some(Calibration {
        n: answers.len(),
        ece: filled.iter().map(|b| b.n as f64 / n * gap(b)).sum(),
        mce: filled.iter().map(gap).fold(0.0, f64::max),
        brier_top1,
        bins: filled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_probability_is_refused() {
        assert_eq!(calibration(&[], BINS), None);
        assert_eq!(calibration(&[(1.1, true)], BINS), None);
        assert_eq!(calibration(&[(f64::NAN, true)], BINS), None);
        let edge = calibration(&[(0.0, false), (0.1, true), (0.100001, true)], BINS).unwrap();
        assert_eq!(edge.bins.iter().map(|b| (b.bin, b.n)).collect::<Vec<_>>(), [(0, 2), (1, 1)]);
    }
}

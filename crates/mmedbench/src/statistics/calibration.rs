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

/// Answers counted one by one, each with the probability that the model gave it and whether it was right.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Of each bin: answers, sum of confidences, right ones.
    bins: Vec<(usize, f64, usize)>,
    /// Sum of (confidence − right)².
    squares: f64,
    /// A confidence was no probability.
    refused: bool,
}

impl Answers {
    pub fn new(bins: usize) -> Answers {
        Answers {
            bins: vec![(0, 0.0, 0); bins],
            squares: 0.0,
            refused: bins == 0,
        }
    }

    pub fn add(&mut self, confidence: f64, right: bool) {
        self.refused |= !(0.0..=1.0).contains(&confidence);
        if self.refused {
            return;
        }
        let width = 1.0 / self.bins.len() as f64;
        let place = (1..self.bins.len()).take_while(|edge| *edge as f64 * width < confidence).count();
        let bin = &mut self.bins[place];
        *bin = (bin.0 + 1, bin.1 + confidence, bin.2 + usize::from(right));
        self.squares += (confidence - if right { 1.0 } else { 0.0 }).powi(2);
    }

    /// `None` for no answer, or where a confidence was no probability.
    pub fn calibration(&self) -> Option<Calibration> {
        let n: usize = self.bins.iter().map(|(n, ..)| n).sum();
        if n == 0 || self.refused {
            return None;
        }
        let filled: Vec<Bin> = self
            .bins
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
        let gap = |b: &Bin| (b.accuracy - b.confidence).abs();
        Some(Calibration {
            n,
            ece: filled.iter().map(|b| b.n as f64 / n as f64 * gap(b)).sum(),
            mce: filled.iter().map(gap).fold(0.0, f64::max),
            brier_top1: self.squares / n as f64,
            bins: filled,
        })
    }
}

/// [`Answers::calibration`] of all at once.
pub fn calibration(answers: &[(f64, bool)], bins: usize) -> Option<Calibration> {
    let mut counted = Answers::new(bins);
    answers.iter().for_each(|(confidence, right)| counted.add(*confidence, *right));
    counted.calibration()
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

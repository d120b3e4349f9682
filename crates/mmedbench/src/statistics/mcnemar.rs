//! Two systems on the same questions: is one better, and by how much?
//!
//! Only the questions that exactly one of them answered rightly speak (McNemar 1947). The exact p is conservative; mid-p (Fagerland,
//! Lydersen and Laake 2013) is the recommended one for small counts. The difference comes with Tango's score interval (Tango 1998), which
//! excludes 0 exactly when the uncorrected chi-square test is significant.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::distribution::{binomial_at_most, ln_binomial_pmf, normal_two_sided_p, normal_two_sided_quantile};

/// How often two systems agree and differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    pub both_right: usize,
    pub only_first: usize,
    pub only_second: usize,
    pub both_wrong: usize,
}

/// A chi-square statistic with one degree of freedom and its p value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    pub statistic: f64,
    pub p: f64,
}

impl Paired {
    /// Counts questions, each with (first right, second right).
    pub fn count(pairs: impl IntoIterator<Item = (bool, bool)>) -> Paired {
        let mut paired = Paired::default();
        for pair in pairs {
            *match pair {
                (true, true) => &mut paired.both_right,
                (true, false) => &mut paired.only_first,
                (false, true) => &mut paired.only_second,
                (false, false) => &mut paired.both_wrong,
            } += 1;
        }
        paired
    }

    pub fn total(&self) -> usize {
        self.both_right + self.only_first + self.only_second + self.both_wrong
    }

    /// Questions that exactly one of the two answered rightly.
    pub fn discordant(&self) -> usize {
        self.only_first + self.only_second
    }

    fn smaller(&self) -> u64 {
        self.only_first.min(self.only_second) as u64
    }

    /// Two-sided exact (binomial) p; 1 where they never differ.
    pub fn exact_p(&self) -> f64 {
        (2.0 * binomial_at_most(self.smaller(), self.discordant() as u64, 0.5)).min(1.0)
    }

    /// Two-sided mid-p: the exact one less the probability of what was observed.
    pub fn mid_p(&self) -> f64 {
        let (m, n) = (self.smaller(), self.discordant() as u64);
        (2.0 * binomial_at_most(m, n, 0.5) - ln_binomial_pmf(m, n, 0.5).exp()).min(1.0)
    }

    /// McNemar's chi-square, with Edwards' continuity correction or without; `None` where they never differ.
    pub fn chi_square(&self, corrected: bool) -> Option<ChiSquare> {
        let n = self.discordant();
        if n == 0 {
            return None;
        }
        let difference = self.only_first.abs_diff(self.only_second) as f64 - if corrected { 1.0 } else { 0.0 };
        let statistic = difference.powi(2) / n as f64;
        Some(ChiSquare {
            statistic,
            p: normal_two_sided_p(statistic.sqrt()),
        })
    }

    /// Share right of the first less that of the second; `None` for no question.
    pub fn difference(&self) -> Option<f64> {
        let n = self.total();
        (n > 0).then(|| (self.only_first as f64 - self.only_second as f64) / n as f64)
    }

    /// Tango's two-sided score interval of [`Paired::difference`] at level 1 − `alpha`.
    pub fn difference_interval(&self, alpha: f64) -> Option<Interval> {
        if self.total() == 0 {
            return None;
        }
        let z = normal_two_sided_quantile(alpha);
        Some(Interval {
            low: self.where_score_is(z),
            high: self.where_score_is(-z),
        })
    }

    /// The difference at which the score statistic, which falls with it, equals `z`.
    fn where_score_is(&self, z: f64) -> f64 {
        let (mut low, mut high) = (-1.0f64, 1.0f64);
        loop {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high || high - low < 1e-15 {
                return middle;
            }
            if self.score(middle) > z { low = middle } else { high = middle }
        }
    }

    /// Tango's statistic for the hypothesis that the difference is `delta`: (b − c − nδ) / √(n (2 q + δ (1 − δ))), where q is the likeliest
    /// probability of "only the second" under it.
    fn score(&self, delta: f64) -> f64 {
        let (b, c, n) = (self.only_first as f64, self.only_second as f64, self.total() as f64);
        let a2 = 2.0 * n;
        let a1 = -b - c + (2.0 * n - b + c) * delta;
        let a0 = -c * delta * (1.0 - delta);
        let q = ((a1 * a1 - 4.0 * a2 * a0).max(0.0).sqrt() - a1) / (2.0 * a2);
        let variance = n * (2.0 * q + delta * (1.0 - delta));
        let distance = b - c - n * delta;
        if variance > 0.0 {
            distance / variance.sqrt()
        } else if distance == 0.0 {
            0.0
        } else {
            distance.signum() * f64::INFINITY
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends found by `tests/scripts/paired_difference.py`: SciPy maximises the multinomial likelihood under each difference numerically and
    /// inverts the score test; nothing of the closed form above is used there. Its optimiser is good to about 1e-7.
    #[test]
    fn intervals_equal_those_of_a_numerical_maximum() {
        let cases = serde_json::from_str::<Vec<(Paired, [f64; 2])>>(include_str!("../../tests/fixtures/paired_difference.json")).unwrap();
        assert!(cases.len() >= 8);
        for (paired, [low, high]) in cases {
            let got = paired.difference_interval(0.05).unwrap();
            assert!(
                (got.low - low).abs() < 1e-6 && (got.high - high).abs() < 1e-6,
                "{paired:?}: {got:?}, not {low} {high}"
            );
        }
    }

    #[test]
    fn the_interval_excludes_zero_exactly_when_chi_square_says_so() {
        for only_first in 0..30 {
            for only_second in 0..30 {
                let paired = Paired {
                    both_right: 40,
                    only_first,
                    only_second,
                    both_wrong: 30,
                };
                let significant = paired.chi_square(false).is_some_and(|c| c.p < 0.05);
                let interval = paired.difference_interval(0.05).unwrap();
                assert_eq!(significant, !interval.contains(0.0), "{paired:?} {interval:?}");
                assert!(interval.contains(paired.difference().unwrap()));
            }
        }
        assert_eq!(Paired::default().difference_interval(0.05), None);
    }

    #[test]
    fn pairs_are_counted() {
        let paired = Paired::count([(true, true), (true, false), (true, false), (false, true), (false, false)]);
        assert_eq!((paired.only_first, paired.only_second, paired.total()), (2, 1, 5));
        assert!((paired.difference().unwrap() - 0.2).abs() < 1e-15);
    }
}

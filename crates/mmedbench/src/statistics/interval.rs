//! Intervals of a share of right answers.
//!
//! [`wilson`] is short and close to its stated coverage on average (Wilson 1927; Brown, Cai and DasGupta 2001 recommend it); [`exact`]
//! (Clopper and Pearson 1934) never covers less than stated and is wider. Both are two-sided at level 1 − `alpha`.

use serde::{Deserialize, Serialize};

use super::distribution::{binomial_at_least, binomial_at_most, normal_two_sided_quantile};

/// A closed interval, `low ≤ high`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub fn width(self) -> f64 {
        self.high - self.low
    }

    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Wilson's score interval of `k` right out of `n`; `None` for no question.
pub fn wilson(k: usize, n: usize, alpha: f64) -> Option<Interval> {
    if n == 0 || k > n {
        return None;
    }
    let z2 = normal_two_sided_quantile(alpha).powi(2);
    let (share, n) = (k as f64 / n as f64, n as f64);
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (share * (1.0 - share) * z2 / n + z2 * z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    // At the ends the two terms are equal; rounding must not leave 1e-18 there.
    Some(Interval {
        low: if k == 0 { 0.0 } else { (centre - half).max(0.0) },
        high: if k as f64 == n { 1.0 } else { (centre + half).min(1.0) },
    })
}

/// The exact (Clopper–Pearson) interval of `k` right out of `n`; `None` for no question.
pub fn exact(k: usize, n: usize, alpha: f64) -> Option<Interval> {
    if n == 0 || k > n {
        return None;
    }
    let (k64, n64) = (k as u64, n as u64);
    let low = if k == 0 {
        0.0
    } else {
        crossing(|p| binomial_at_least(k64, n64, p) < alpha / 2.0)
    };
    let high = if k == n {
        1.0
    } else {
        crossing(|p| binomial_at_most(k64, n64, p) > alpha / 2.0)
    };
    Some(Interval { low, high })
}

/// Where `before` turns from true to false on [0, 1], by halving until the ends are neighbouring numbers.
fn crossing(before: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0f64, 1.0f64);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if before(middle) { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_nothing() {
        assert_eq!(wilson(0, 0, 0.05), None);
        assert_eq!(exact(0, 0, 0.05), None);
        assert_eq!(wilson(3, 2, 0.05), None);
        // No success in n: the exact upper end is 1 − (alpha/2)^(1/n).
        let none = exact(0, 7, 0.05).unwrap();
        assert_eq!(none.low, 0.0);
        assert!((none.high - (1.0 - 0.025f64.powf(1.0 / 7.0))).abs() < 1e-14);
        let all = wilson(7, 7, 0.05).unwrap();
        assert_eq!(all.high, 1.0);
        // The exact interval holds Wilson's in the middle of the scale.
        let (w, e) = (wilson(40, 100, 0.05).unwrap(), exact(40, 100, 0.05).unwrap());
        assert!(e.low < w.low && w.high < e.high);
    }
}

//! The few distribution functions that the tests and intervals need.
//!
//! The error and gamma functions come from `libm`, good to the last digits; tails of the binomial are summed from their largest term
//! outward, which stays exact for any number of questions.

use libm::{erfc, lgamma as ln_gamma};

/// The point that a standard normal variable exceeds in absolute value with probability `alpha`: 1.959964 for 0.05.
pub fn normal_two_sided_quantile(alpha: f64) -> f64 {
    // Newton's steps on a convex, falling function approach the root from the left and never pass it.
    let mut z = 0.0;
    for _ in 0..100 {
        let slope = (2.0 / std::f64::consts::PI).sqrt() * (-z * z / 2.0f64).exp();
        let step = (normal_two_sided_p(z) - alpha) / slope;
        z += step;
        if step.abs() < 1e-15 * (1.0 + z) {
            break;
        }
    }
    z
}

/// Probability that a standard normal variable is at least `|z|` away from 0.
pub fn normal_two_sided_p(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Natural logarithm of P(X = k) for X ~ Bin(n, p), 0 < p < 1.
pub fn ln_binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0) + k * p.ln() + (n - k) * (-p).ln_1p()
}

/// P(X ≤ k) for X ~ Bin(n, p).
pub fn binomial_at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    // The tail that does not hold the mean is the smaller one: sum that, so that nothing cancels.
    if (k as f64) < n as f64 * p {
        tail_down(k, n, p)
    } else {
        1.0 - tail_down(n - k - 1, n, 1.0 - p)
    }
}

/// P(X ≥ k) for X ~ Bin(n, p).
pub fn binomial_at_least(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 { 1.0 } else { binomial_at_most(n - k, n, 1.0 - p) }
}

/// P(X ≤ k) by terms k, k − 1, …: each is the one before times j(1−p) / ((n−j+1)p), and below the mean they fall.
fn tail_down(k: u64, n: u64, p: f64) -> f64 {
    let odds = (1.0 - p) / p;
    let (mut term, mut sum) = (1.0f64, 0.0f64);
    for j in (0..=k).rev() {
        sum += term;
        term *= j as f64 / (n - j + 1) as f64 * odds;
        if term < sum * 1e-18 {
            break;
        }
    }
    (ln_binomial_pmf(k, n, p) + sum.ln()).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_by_hand() {
        // Bin(4, 1/2): 1 4 6 4 1 sixteenths.
        for (k, want) in [(0, 1.0), (1, 5.0), (2, 11.0), (3, 15.0), (4, 16.0)] {
            assert!((binomial_at_most(k, 4, 0.5) - want / 16.0).abs() < 1e-14, "{k}");
        }
        assert!((binomial_at_least(3, 4, 0.5) - 5.0 / 16.0).abs() < 1e-14);
        assert_eq!(binomial_at_least(0, 4, 0.0), 1.0);
        // The two tails make 1, also far from the mean of a large sample.
        let sum = binomial_at_most(70_000, 100_000, 0.7) + binomial_at_least(70_001, 100_000, 0.7);
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn normal_tail_of_tables() {
        assert!((normal_two_sided_quantile(0.05) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((normal_two_sided_p(1.959_963_984_540_054) - 0.05).abs() < 1e-15);
        for alpha in [0.9, 0.5, 0.1, 0.01, 1e-6] {
            assert!(
                (normal_two_sided_p(normal_two_sided_quantile(alpha)) / alpha - 1.0).abs() < 1e-12,
                "{alpha}"
            );
        }
    }
}

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

/// The point that Student's t with `df` ≥ 1 degrees of freedom exceeds in absolute value with probability `alpha`: 2.776445 for 0.05 and 4.
pub fn student_t_two_sided_quantile(alpha: f64, df: u32) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_t_two_sided_p(high, df) > alpha && high < 1e300 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        *(if student_t_two_sided_p(middle, df) > alpha {
            &mut low
        } else {
            &mut high
        }) = middle;
    }
    high
}

/// Probability that Student's t is at least `|t|` away from 0, for whole degrees of freedom: Abramowitz and Stegun 26.7.3 and 26.7.4.
fn student_t_two_sided_p(t: f64, df: u32) -> f64 {
    let angle = (t.abs() / f64::from(df).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    // The terms' factors: 1/2, 3/4, 5/6, … for even df, 2/3, 4/5, … for odd.
    let odd = df % 2 == 1;
    let (mut term, mut sum) = (if odd { cosine } else { 1.0 }, 0.0);
    let mut below = if odd { 2 } else { 1 };
    for _ in 0..df / 2 {
        sum += term;
        term *= cosine * cosine * f64::from(below) / f64::from(below + 1);
        below += 2;
    }
    let inside = if odd {
        (angle + sine * sum) * std::f64::consts::FRAC_2_PI
    } else {
        sine * sum
    };
    (1.0 - inside).max(0.0)
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

    /// scipy.stats.t.isf(alpha / 2, df), SciPy 1.17.1.
    #[test]
    fn student_t_equals_scipy() {
        for (alpha, df, want) in [
            (0.05, 1, 12.706204736174705),
            (0.05, 2, 4.302652729749464),
            (0.05, 3, 3.1824463052837086),
            (0.05, 4, 2.7764451051977943),
            (0.05, 9, 2.2621571627982053),
            (0.05, 30, 2.042272456301238),
            (0.05, 199, 1.9719565442517537),
            (0.01, 5, 4.032142983555229),
            (0.5, 6, 0.7175581964914126),
            (0.05, 2000, 1.9611508260994381),
        ] {
            let got = student_t_two_sided_quantile(alpha, df);
            assert!((got / want - 1.0).abs() < 1e-10, "{alpha} {df}: {got}");
        }
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

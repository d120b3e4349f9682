//! Kendall's tau-b: does a metric rank answers as people do?
//!
//! Kendall 1945 for ties; p values as in SciPy's `kendalltau`: normal approximation with the variance corrected for ties, and exact by
//! counting permutations where nothing is tied.

use super::distribution::normal_two_sided_p;

/// A rank correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tau {
    /// tau-b in [−1, 1].
    pub tau_b: f64,
    /// Two-sided p of the normal approximation; absent for fewer than three pairs.
    pub p_asymptotic: Option<f64>,
    /// Two-sided exact p; absent where a value is tied or there are more than [`MOST_FOR_EXACT`] pairs.
    pub p_exact: Option<f64>,
}

/// The exact p takes n³ steps; beyond this the approximation is indistinguishable from it.
pub const MOST_FOR_EXACT: usize = 171;

/// Correlation of `x` and `y`, pair by pair. `None` where the lists differ in length, have fewer than two pairs, hold NaN, or one of them
/// is constant.
pub fn tau_b(x: &[f64], y: &[f64]) -> Option<Tau> {
    let n = x.len();
    if n != y.len() || n < 2 || x.iter().chain(y).any(|v| v.is_nan()) {
        return None;
    }
    let (mut concordant, mut discordant) = (0u64, 0u64);
    for i in 0..n {
        for j in 0..i {
            let product = order(x[i], x[j]) * order(y[i], y[j]);
            concordant += u64::from(product > 0);
            discordant += u64::from(product < 0);
        }
    }
    let (ties_x, ties_y) = (Ties::of(x), Ties::of(y));
    let pairs = (n * (n - 1) / 2) as f64;
    if ties_x.pairs == pairs || ties_y.pairs == pairs {
        return None;
    }
    let difference = concordant as f64 - discordant as f64;
    let tau_b = (difference / (pairs - ties_x.pairs).sqrt() / (pairs - ties_y.pairs).sqrt()).clamp(-1.0, 1.0);
    let size = n as f64;
    let p_asymptotic = (n > 2).then(|| {
        let m = size * (size - 1.0);
        let variance = (m * (2.0 * size + 5.0) - ties_x.quintic - ties_y.quintic) / 18.0
            + 2.0 * ties_x.pairs * ties_y.pairs / m
            + ties_x.triples * ties_y.triples / (9.0 * m * (size - 2.0));
        normal_two_sided_p(difference / variance.sqrt())
    });
    let untied = ties_x.pairs == 0.0 && ties_y.pairs == 0.0;
    let p_exact = (untied && n <= MOST_FOR_EXACT).then(|| exact_p(n, discordant as usize));
    Some(Tau {
        tau_b,
        p_asymptotic,
        p_exact,
    })
}

fn order(a: f64, b: f64) -> i32 {
    i32::from(a > b) - i32::from(a < b)
}

/// Sums over groups of t equal values.
struct Ties {
    /// Σ t (t − 1) / 2
    pairs: f64,
    /// Σ t (t − 1) (t − 2)
    triples: f64,
    /// Σ t (t − 1) (2t + 5)
    quintic: f64,
}

impl Ties {
    fn of(values: &[f64]) -> Ties {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut ties = Ties {
            pairs: 0.0,
            triples: 0.0,
            quintic: 0.0,
        };
        for group in sorted.chunk_by(|a, b| a == b) {
            let t = group.len() as f64;
            ties.pairs += t * (t - 1.0) / 2.0;
            ties.triples += t * (t - 1.0) * (t - 2.0);
            ties.quintic += t * (t - 1.0) * (2.0 * t + 5.0);
        }
        ties
    }
}

/// Twice the share of permutations of `n` with at most as many inversions as the rarer side has (Kendall 1970).
fn exact_p(n: usize, discordant: usize) -> f64 {
    let most = n * (n - 1) / 2;
    let c = discordant.min(most - discordant);
    // share[k]: of the permutations of the first j values, those with k inversions.
    let mut share = vec![0.0f64; c + 1];
    share[0] = 1.0;
    for j in 2..=n {
        let mut next = vec![0.0f64; c + 1];
        for (k, next) in next.iter_mut().enumerate() {
            *next = share[k.saturating_sub(j - 1)..=k].iter().sum::<f64>() / j as f64;
        }
        share = next;
    }
    (2.0 * share.iter().sum::<f64>()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!(tau_b(&[1.0], &[1.0]), None);
        assert_eq!(tau_b(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(tau_b(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(tau_b(&[1.0, f64::NAN], &[1.0, 2.0]), None);
    }
}

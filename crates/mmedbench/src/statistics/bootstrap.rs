//! Intervals and standard errors by drawing the questions again with replacement (Efron and Tibshirani 1993, percentile method).
//!
//! For statistics without a formula; accuracies have better intervals in `interval.rs`. What must hold: the same seed gives the same
//! result.

use super::Interval;

/// The percentile interval at level 1 − `alpha` of `statistic` over `draws` resamples of `0..n`, each given as indices.
pub fn percentile(n: usize, draws: usize, alpha: f64, seed: u64, statistic: impl FnMut(&[usize]) -> f64) -> Option<Interval> {
    let mut values = resampled(n, draws, seed, statistic)?;
    values.sort_by(f64::total_cmp);
    Some(Interval {
        low: quantile(&values, alpha / 2.0),
        high: quantile(&values, 1.0 - alpha / 2.0),
    })
}

/// The standard deviation of `statistic` over resamples, as lm-evaluation-harness gives it for metrics that are no means.
pub fn stderr(n: usize, draws: usize, seed: u64, statistic: impl FnMut(&[usize]) -> f64) -> Option<f64> {
    let values = resampled(n, draws, seed, statistic)?;
    let mean = super::group::mean(&values)?;
    mean.stderr.map(|se| se * (draws as f64).sqrt())
}

fn resampled(n: usize, draws: usize, seed: u64, mut statistic: impl FnMut(&[usize]) -> f64) -> Option<Vec<f64>> {
    if n == 0 || draws == 0 {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chosen = vec![0; n];
    Some(
        (0..draws)
            .map(|_| {
                chosen.fill_with(|| random.usize(..n));
                statistic(&chosen)
            })
            .collect(),
    )
}

/// Linear interpolation between order statistics (NumPy's default).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_repeat_and_quantiles_interpolate() {
        let mean = |chosen: &[usize]| chosen.iter().sum::<usize>() as f64;
        assert_eq!(percentile(9, 50, 0.05, 3, mean), percentile(9, 50, 0.05, 3, mean));
        assert_ne!(percentile(9, 50, 0.05, 3, mean), percentile(9, 50, 0.05, 4, mean));
        assert_eq!(percentile(0, 50, 0.05, 3, mean), None);
        assert_eq!(quantile(&[0.0, 10.0, 20.0], 0.25), 5.0);
    }
}

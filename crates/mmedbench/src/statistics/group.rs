//! Means over questions and over tasks, with the standard errors of lm-evaluation-harness 0.4.13 (`api/metrics.py`).
//!
//! The paper's "Avg." over languages is [`plain`] (macro); [`weighted`] by size is the micro mean.

/// A task's mean in a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    pub value: f64,
    /// Standard error of the value; absent where the metric has none (lm-eval writes "N/A").
    pub stderr: Option<f64>,
    /// Questions.
    pub size: usize,
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    pub value: f64,
    pub stderr: Option<f64>,
}

/// Mean, and sample standard deviation / √n. No values have no mean; one value has no standard error.
pub fn mean(values: &[f64]) -> Option<Mean> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let value = values.iter().sum::<f64>() / n;
    let stderr = (values.len() > 1).then(|| (values.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (n - 1.0)).sqrt() / n.sqrt());
    Some(Mean { value, stderr })
}

/// [`mean`] of values that come one by one and are not kept (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    n: usize,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Running {
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    pub fn mean(&self) -> Option<Mean> {
        let n = self.n as f64;
        (self.n > 0).then(|| Mean {
            value: self.mean,
            stderr: (self.n > 1).then(|| (self.squares / (n - 1.0)).sqrt() / n.sqrt()),
        })
    }
}

/// [`mean`] of `k` ones and `n − k` zeros: p and √(p (1 − p) / (n − 1)).
pub fn mean_of_share(k: usize, n: usize) -> Option<Mean> {
    if n == 0 || k > n {
        return None;
    }
    let value = k as f64 / n as f64;
    let stderr = (n > 1).then(|| (value * (1.0 - value) / (n as f64 - 1.0)).sqrt());
    Some(Mean { value, stderr })
}

/// Mean weighted by size (micro), standard error √(Σ (n_k − 1) se_k² n_k / (N − K) / N).
pub fn weighted(members: &[Member]) -> Option<Mean> {
    let total: usize = members.iter().map(|m| m.size).sum();
    if total == 0 {
        return None;
    }
    let n = total as f64;
    let value = members.iter().map(|m| m.value * m.size as f64).sum::<f64>() / n;
    let stderr = (total > members.len())
        .then(|| {
            let sum: Option<f64> = members
                .iter()
                .map(|m| m.stderr.map(|se| (m.size as f64 - 1.0) * se * se * m.size as f64))
                .sum();
            sum.map(|sum| (sum / (n - members.len() as f64) / n).sqrt())
        })
        .flatten();
    Some(Mean { value, stderr })
}

/// Plain mean (macro), standard error √(Σ se_k²) / K.
pub fn plain(members: &[Member]) -> Option<Mean> {
    let k = members.len() as f64;
    if members.is_empty() {
        return None;
    }
    let value = members.iter().map(|m| m.value).sum::<f64>() / k;
    let sum: Option<f64> = members.iter().map(|m| m.stderr.map(|se| se * se)).sum();
    Some(Mean {
        value,
        stderr: sum.map(|sum| sum.sqrt() / k),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_one_by_one_have_the_same_mean() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * 7919 % 1000) / 700.0).collect();
        let mut running = Running::default();
        assert_eq!(running.mean(), None);
        values.iter().for_each(|value| running.add(*value));
        let (one, all) = (running.mean().unwrap(), mean(&values).unwrap());
        assert!((one.value - all.value).abs() < 1e-13 && (one.stderr.unwrap() - all.stderr.unwrap()).abs() < 1e-13);
    }

    #[test]
    fn what_is_not_defined_is_none() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[0.5]), Some(Mean { value: 0.5, stderr: None }));
        assert_eq!(weighted(&[]), None);
        let no_error = Member {
            value: 0.25,
            stderr: None,
            size: 4,
        };
        assert_eq!(plain(&[no_error]), Some(Mean { value: 0.25, stderr: None }));
        assert_eq!(weighted(&[no_error]), Some(Mean { value: 0.25, stderr: None }));
    }
}

//! BLEU (Papineni et al. 2002): of one text as NLTK computes it, of a corpus as sacrebleu does.

use super::ngrams::{clipped, counts};

/// The longest runs that count.
const ORDERS: usize = 4;

/// BLEU-1 to BLEU-4 of one candidate: cumulative, weights 1/n each, brevity penalty, NLTK's smoothing method 1 (a count of zero becomes
/// 0.1; Chen and Cherry 2014). In [0, 1]; 0 where no token is common.
pub fn sentence(candidate: &[&str], reference: &[&str]) -> [f64; ORDERS] {
    let precision = |n: usize| {
        let mine = counts(candidate, n);
        let common = clipped(&mine, &counts(reference, n));
        let all = candidate.len().saturating_sub(n - 1).max(1) as f64;
        (common, if common == 0 { 0.1 } else { common as f64 } / all)
    };
    let precisions: Vec<(usize, f64)> = (1..=ORDERS).map(precision).collect();
    let mut scores = [0.0; ORDERS];
    if precisions[0].0 == 0 {
        return scores;
    }
    let brevity = brevity(candidate.len(), reference.len());
    for (n, score) in scores.iter_mut().enumerate() {
        let logs: f64 = precisions[..=n].iter().map(|(_, p)| p.ln()).sum();
        *score = brevity * (logs / (n + 1) as f64).exp();
    }
    scores
}

fn brevity(candidate: usize, reference: usize) -> f64 {
    if candidate > reference {
        1.0
    } else if candidate == 0 {
        0.0
    } else {
        (1.0 - reference as f64 / candidate as f64).exp()
    }
}

/// BLEU of a corpus in [0, 100]: counts of all pairs (candidate, reference) added up, exponential smoothing, as sacrebleu 2.6 with its
/// default settings. Tokens are those of [`super::tokens::mteval`] or its Chinese and character variants.
pub fn corpus(pairs: &[(Vec<String>, Vec<String>)]) -> f64 {
    let (mut common, mut all) = ([0usize; ORDERS], [0usize; ORDERS]);
    for (candidate, reference) in pairs {
        for n in 1..=ORDERS {
            common[n - 1] += clipped(&counts(candidate, n), &counts(reference, n));
            all[n - 1] += candidate.len().saturating_sub(n - 1);
        }
    }
    let length = |side: fn(&(Vec<String>, Vec<String>)) -> usize| pairs.iter().map(side).sum::<usize>();
    if common[0] == 0 {
        return 0.0;
    }
    let mut smoothing = 1.0;
    let mut logs = 0.0;
    for n in 0..ORDERS {
        if all[n] == 0 {
            return 0.0;
        }
        let precision = if common[n] == 0 {
            smoothing *= 2.0;
            1.0 / (smoothing * all[n] as f64)
        } else {
            common[n] as f64 / all[n] as f64
        };
        logs += precision.ln() / ORDERS as f64;
    }
    100.0 * brevity(length(|p| p.0.len()), length(|p| p.1.len())) * logs.exp()
}

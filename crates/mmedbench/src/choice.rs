//! Multiple choice from option log-likelihoods, as lm-evaluation-harness scores it: `acc`, `acc_norm`, `acc_bytes`, `acc_mutual_info`,
//! `exact_match` and the Brier score of one question.
//!
//! The source of every formula is `ConfigurableTask.process_results` and `api/metrics.py` of lm-eval 0.4.13. What must hold: the first
//! maximum wins ties; lengths are those of the option's text without the delimiter before it (Unicode scalar values, UTF-8 bytes); a
//! log-likelihood that is no number is an error, never a wrong answer. Next: `statistics/group.rs` for means, standard errors and groups.

use std::collections::BTreeSet;

/// One question as a model scored it. All slices are in the options' order and equally long.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceItem<'a> {
    /// The continuations without the delimiter before them.
    pub texts: &'a [&'a str],
    /// Sum of the log-probabilities of each continuation's tokens after the prompt, in nats.
    pub log_likelihoods: &'a [f64],
    /// The same without the prompt; absent where it was not computed.
    pub unconditional: Option<&'a [f64]>,
    /// Whether each continuation is what greedy decoding would write; absent where it was not computed.
    pub greedy: Option<&'a [bool]>,
    /// Indices of the right options. With several, lm-eval counts a prediction that is one of them as right; this is *not* the
    /// all-or-nothing rule of MMedBench (protocol `letter-sets`).
    pub gold: &'a BTreeSet<usize>,
}

/// The options that each rule chooses, and how right they are. What could not be computed is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceScores {
    /// Highest log-likelihood.
    pub pred_acc: usize,
    /// Highest log-likelihood per character.
    pub pred_acc_norm: usize,
    /// Highest log-likelihood per UTF-8 byte.
    pub pred_acc_bytes: usize,
    /// Highest log-likelihood less the unconditional one.
    pub pred_acc_mutual_info: Option<usize>,
    pub acc: bool,
    pub acc_norm: bool,
    pub acc_bytes: bool,
    pub acc_mutual_info: Option<bool>,
    /// Whether a right option is what greedy decoding would write.
    pub exact_match: Option<bool>,
    /// Softmax of the log-likelihoods.
    pub probabilities: Vec<f64>,
    /// Sum over options of (probability − 1 for the right one)², in [0, 2]; only with one right answer.
    pub brier: Option<f64>,
}

/// Scores that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    #[error("{found} {what} for {expected} options")]
    Count { what: &'static str, found: usize, expected: usize },
    #[error("a question without options cannot be scored")]
    NoOptions,
    #[error("option {index} has a {what} that is no number")]
    NotANumber { what: &'static str, index: usize },
    #[error("every option has probability zero")]
    AllImpossible,
    #[error("the right answer is option {index}, counted from 0, of {options}")]
    Gold { index: usize, options: usize },
    #[error("no option is marked as right")]
    NoGold,
}

/// Scores one question.
pub fn score(item: &ChoiceItem) -> Result<ChoiceScores, ChoiceError> {
    check(item)?;
    let ll = item.log_likelihoods;
    let per = |length: fn(&str) -> usize| first_maximum(ll.iter().zip(item.texts).map(|(ll, text)| per_length(*ll, length(text))));
    let pred_acc = first_maximum(ll.iter().copied());
    let pred_acc_norm = per(|text| text.chars().count());
    let pred_acc_bytes = per(str::len);
    // −∞ less −∞ says nothing about an option: it is never chosen.
    let difference = |(ll, unconditional): (&f64, &f64)| if ll.is_finite() { ll - unconditional } else { f64::NEG_INFINITY };
    let pred_acc_mutual_info = item.unconditional.map(|u| first_maximum(ll.iter().zip(u).map(difference)));
    let right = |prediction: usize| item.gold.contains(&prediction);
    let probabilities = softmax(ll);
    let mut gold = item.gold.iter().copied();
    let brier = match (gold.next(), gold.next()) {
        (Some(only), None) => Some(brier(&probabilities, only)),
        _ => None,
    };
    Ok(ChoiceScores {
        pred_acc,
        pred_acc_norm,
        pred_acc_bytes,
        pred_acc_mutual_info,
        acc: right(pred_acc),
        acc_norm: right(pred_acc_norm),
        acc_bytes: right(pred_acc_bytes),
        acc_mutual_info: pred_acc_mutual_info.map(right),
        exact_match: item.greedy.map(|greedy| item.gold.iter().any(|i| greedy[*i])),
        probabilities,
        brier,
    })
}

fn check(item: &ChoiceItem) -> Result<(), ChoiceError> {
    let expected = item.texts.len();
    if expected == 0 {
        return Err(ChoiceError::NoOptions);
    }
    let count = |what, found| {
        if found == expected {
            Ok(())
        } else {
            Err(ChoiceError::Count { what, found, expected })
        }
    };
    count("log-likelihoods", item.log_likelihoods.len())?;
    numbers("log-likelihood", item.log_likelihoods)?;
    if let Some(unconditional) = item.unconditional {
        count("unconditional log-likelihoods", unconditional.len())?;
        numbers("unconditional log-likelihood", unconditional)?;
    }
    if let Some(greedy) = item.greedy {
        count("greedy flags", greedy.len())?;
    }
    if item.log_likelihoods.iter().all(|ll| *ll == f64::NEG_INFINITY) {
        return Err(ChoiceError::AllImpossible);
    }
    match item.gold.last() {
        None => Err(ChoiceError::NoGold),
        Some(&index) if index >= expected => Err(ChoiceError::Gold { index, options: expected }),
        Some(_) => Ok(()),
    }
}

fn numbers(what: &'static str, values: &[f64]) -> Result<(), ChoiceError> {
    match values.iter().position(|v| v.is_nan() || *v == f64::INFINITY) {
        Some(index) => Err(ChoiceError::NotANumber { what, index }),
        None => Ok(()),
    }
}

/// A log-likelihood per unit of length. An empty text has no length: a negative log-likelihood then counts as −∞, as in NumPy.
fn per_length(ll: f64, length: usize) -> f64 {
    if length == 0 { f64::NEG_INFINITY } else { ll / length as f64 }
}

fn first_maximum(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, value) in values.enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

/// Softmax in nats, the maximum taken out first.
pub fn softmax(log_likelihoods: &[f64]) -> Vec<f64> {
    let best = log_likelihoods.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = log_likelihoods.iter().map(|ll| (ll - best).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

/// Brier score of one question: squared distance of `probabilities` from certainty in option `gold`, in [0, 2].
pub fn brier(probabilities: &[f64], gold: usize) -> f64 {
    probabilities
        .iter()
        .enumerate()
        .map(|(i, p)| (p - if i == gold { 1.0 } else { 0.0 }).powi(2))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item<'a>(texts: &'a [&'a str], ll: &'a [f64], gold: &'a BTreeSet<usize>) -> ChoiceItem<'a> {
        ChoiceItem {
            texts,
            log_likelihoods: ll,
            unconditional: None,
            greedy: None,
            gold,
        }
    }

    #[test]
    fn lengths_are_characters_and_bytes() {
        let gold = BTreeSet::from([1]);
        // Per character −1 against −1.25; per byte −0.5 against −1.25.
        let scores = score(&item(&["éé", "abcd"], &[-2.0, -5.0], &gold)).unwrap();
        assert_eq!((scores.pred_acc, scores.pred_acc_norm, scores.pred_acc_bytes), (0, 0, 0));
        // Per character −3 against −2; per byte −1.5 against −2.
        let scores = score(&item(&["éé", "abc"], &[-6.0, -6.0], &gold)).unwrap();
        assert_eq!((scores.pred_acc, scores.pred_acc_norm, scores.pred_acc_bytes), (0, 1, 0));
        assert_eq!(scores.brier, Some(0.5));
        assert_eq!(scores.acc_mutual_info, None);
    }

    #[test]
    fn what_cannot_be_scored_is_an_error() {
        let gold = BTreeSet::from([0]);
        let far = BTreeSet::from([2]);
        let no: &[&str] = &[];
        let none = BTreeSet::new();
        let cases: [(ChoiceItem, ChoiceError); 6] = [
            (item(no, &[], &gold), ChoiceError::NoOptions),
            (
                item(&["a", "b"], &[-1.0], &gold),
                ChoiceError::Count {
                    what: "log-likelihoods",
                    found: 1,
                    expected: 2,
                },
            ),
            (
                item(&["a", "b"], &[-1.0, f64::NAN], &gold),
                ChoiceError::NotANumber {
                    what: "log-likelihood",
                    index: 1,
                },
            ),
            (item(&["a", "b"], &[f64::NEG_INFINITY; 2], &gold), ChoiceError::AllImpossible),
            (item(&["a", "b"], &[-1.0, -2.0], &far), ChoiceError::Gold { index: 2, options: 2 }),
            (item(&["a", "b"], &[-1.0, -2.0], &none), ChoiceError::NoGold),
        ];
        for (item, error) in cases {
            assert_eq!(score(&item).unwrap_err(), error);
        }
        // An option that is ruled out is no error, and an empty text is never the choice of a length rule.
        let scores = score(&item(&["", "b"], &[-1.0, -9.0], &gold)).unwrap();
        assert_eq!((scores.pred_acc, scores.pred_acc_norm), (0, 1));
        assert!(score(&item(&["a", "b"], &[-1.0, f64::NEG_INFINITY], &gold)).unwrap().acc);
    }
}

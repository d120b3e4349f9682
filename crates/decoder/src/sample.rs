//! From logits to a token: repetition penalty, temperature, top-k, top-p, min-p, then a seeded draw, in this order (that of
//! `transformers`, whose definitions these are).

use crate::{Error, Result};

/// How to choose the next token.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0: the most likely token, always.
    pub temperature: f32,
    /// Keep the `k` most likely; 0 keeps all.
    pub top_k: usize,
    /// Keep the fewest tokens whose probabilities reach this sum.
    pub top_p: f32,
    /// Keep tokens at least this fraction as likely as the most likely one.
    pub min_p: f32,
    /// Logits of tokens already there are divided by it (multiplied where negative); 1 changes nothing.
    pub repetition_penalty: f32,
    /// Equal seeds draw equal tokens.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

impl Sampling {
    /// True where the choice is the most likely token of the model's own logits, which a backend finds without reading logits back.
    pub fn is_plain_greedy(&self) -> bool {
        self.temperature == 0.0 && self.repetition_penalty == 1.0
    }

    /// Refuses values out of range, by name.
    pub fn validate(&self) -> Result<()> {
        let range = |name: &str, value: f32, fits: bool, wanted: &str| {
            if fits {
                Ok(())
            } else {
                Err(Error::Input(format!("{name} is {value}; it must be {wanted}")))
            }
        };
        range(
            "temperature",
            self.temperature,
            self.temperature >= 0.0 && self.temperature.is_finite(),
            "0 or more",
        )?;
        range("top_p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "above 0 and at most 1")?;
        range("min_p", self.min_p, (0.0..=1.0).contains(&self.min_p), "between 0 and 1")?;
        let penalty = self.repetition_penalty;
        range("repetition_penalty", penalty, penalty > 0.0 && penalty.is_finite(), "above 0")
    }
}

/// Draws tokens; holds the random state.
pub struct Sampler {
    options: Sampling,
    random: fastrand::Rng,
}

impl Sampler {
    /// Errors: an option out of range.
    pub fn new(options: Sampling) -> Result<Sampler> {
        options.validate()?;
        let random = fastrand::Rng::with_seed(options.seed);
        Ok(Sampler { options, random })
    }

    /// The next token after `history`, from logits `[V]`.
    pub fn next(&mut self, logits: &[f32], history: &[u32]) -> u32 {
        let candidates = candidates(logits, history, &self.options);
        let mut draw = self.random.f32();
        for &(token, probability) in &candidates {
            draw -= probability;
            if draw < 0.0 {
                return token;
            }
        }
        candidates.last().expect("there is always the most likely token").0
    }
}

/// Tokens that may be drawn with their probabilities, the most likely first.
fn candidates(logits: &[f32], history: &[u32], options: &Sampling) -> Vec<(u32, f32)> {
    let mut scores: Vec<(u32, f32)> = logits.iter().enumerate().map(|(token, &logit)| (token as u32, logit)).collect();
    if options.repetition_penalty != 1.0 {
        let mut seen = history.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some((_, logit)) = scores.get_mut(token as usize) {
                *logit = if *logit > 0.0 {
                    *logit / options.repetition_penalty
                } else {
                    *logit * options.repetition_penalty
                };
            }
        }
    }
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if options.temperature == 0.0 {
        let best = scores.into_iter().min_by(order).map(|(token, _)| (token, 1.0));
        return best.into_iter().collect();
    }
    if options.top_k > 0 && options.top_k < scores.len() {
        scores.select_nth_unstable_by(options.top_k - 1, order);
        scores.truncate(options.top_k);
    }
    scores.sort_unstable_by(order);
    let top = scores[0].1;
    let mut sum = 0.0;
    for (_, score) in &mut scores {
        *score = ((*score - top) / options.temperature).exp();
        sum += *score;
    }
    let mut before = 0.0;
    let mut keep = 0;
    while keep < scores.len() && (keep == 0 || before < options.top_p * sum) {
        before += scores[keep].1;
        keep += 1;
    }
    scores.truncate(keep);
    scores.retain(|(_, weight)| *weight >= options.min_p);
    let sum: f32 = scores.iter().map(|(_, weight)| weight).sum();
    scores.iter_mut().for_each(|(_, weight)| *weight /= sum);
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln of 0.5, 0.25, 0.125, 0.125: probabilities one can follow by hand.
    fn logits() -> [f32; 4] {
        [0.125f32.ln(), 0.5f32.ln(), 0.25f32.ln(), 0.125f32.ln()]
    }

    fn kept(options: Sampling) -> Vec<(u32, f32)> {
        let rounded = |(token, p): &(u32, f32)| (*token, (p * 1e4).round() / 1e4);
        candidates(&logits(), &[1], &options).iter().map(rounded).collect()
    }

    #[test]
    fn each_filter_keeps_what_its_definition_says() {
        let base = Sampling {
            temperature: 1.0,
            ..Sampling::default()
        };
        assert_eq!(kept(base.clone()), [(1, 0.5), (2, 0.25), (0, 0.125), (3, 0.125)]);
        assert_eq!(kept(Sampling { top_k: 2, ..base.clone() }), [(1, 0.6667), (2, 0.3333)]);
        assert_eq!(
            kept(Sampling {
                top_p: 0.7,
                ..base.clone()
            }),
            [(1, 0.6667), (2, 0.3333)]
        );
        assert_eq!(
            kept(Sampling {
                min_p: 0.5,
                ..base.clone()
            }),
            [(1, 0.6667), (2, 0.3333)]
        );
        // Squared probabilities: 1/4, 1/16, 1/64, 1/64 of 11/32.
        assert_eq!(
            kept(Sampling {
                temperature: 0.5,
                ..base.clone()
            })[0],
            (1, 0.7273)
        );
        // The log of token 1 is negative, so a penalty of 3 makes it 3 ln 0.5 = ln 0.125.
        assert_eq!(
            kept(Sampling {
                repetition_penalty: 3.0,
                ..base
            })[0],
            (2, 0.4)
        );
    }

    #[test]
    fn draws_follow_the_probabilities_and_repeat_with_the_seed() {
        let options = Sampling {
            temperature: 1.0,
            seed: 7,
            ..Sampling::default()
        };
        let draw = || {
            let mut sampler = Sampler::new(options.clone()).unwrap();
            (0..4000).map(|_| sampler.next(&logits(), &[])).collect::<Vec<_>>()
        };
        let (first, second) = (draw(), draw());
        assert_eq!(first, second);
        let share = first.iter().filter(|&&token| token == 1).count() as f64 / 4000.0;
        // Five standard deviations of a share of 1/2 over 4000 draws.
        assert!((share - 0.5).abs() < 5.0 * (0.25f64 / 4000.0).sqrt(), "{share}");
    }

    #[test]
    fn greedy_takes_the_lower_id_of_a_tie() {
        let mut sampler = Sampler::new(Sampling::default()).unwrap();
        assert_eq!(sampler.next(&[0.0, 2.0, 2.0], &[]), 1);
    }

    #[test]
    fn options_out_of_range_are_named() {
        let error = Sampler::new(Sampling {
            top_p: 0.0,
            ..Sampling::default()
        })
        .err()
        .unwrap();
        assert!(error.to_string().contains("top_p"), "{error}");
    }
}

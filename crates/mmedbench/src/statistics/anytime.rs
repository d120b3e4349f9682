//! An interval of a mean accuracy that stays valid however often it is looked at, so that an evaluation may stop as soon as it knows
//! enough.
//!
//! A usual 95% interval that is recomputed after every question, stopping when it looks good, misses the truth far more often than 1 in 20.
//! [`AnytimeMean`] is a confidence *sequence*: with probability 1 − alpha it covers the truth at all times at once. It bets against every
//! possible mean (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2023: hedged capital with
//! predictable plug-in bets), on a sample drawn without replacement from each stratum (the idea of their NeurIPS 2020 paper, extended to
//! strata: see below).
//!
//! One round takes one question from every stratum (language) that still has some. With S the sum and n the number of values seen of a
//! stratum's N, and x the next one, y = Σ w (S/N + (1 − n/N) x) has the weighted mean of all strata as its expectation *given everything
//! seen*, because x is uniform among what is left. So Π (1 + λ (y − m)) is a martingale under "the mean is m" for every λ chosen
//! beforehand, and Ville's inequality bounds the chance that it ever reaches 2/alpha. As strata are used up, y can vary less and the
//! interval closes on the exact value.
//!
//! What must hold: values of a stratum come in the order of [`sample_order`], none left out; a value is in [0, 1].

use std::collections::VecDeque;

use super::Interval;

/// A group of questions that is sampled on its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stratum {
    /// Its share in the mean; the strata's weights sum to 1. Equal weights over languages give the paper's average.
    pub weight: f64,
    /// Questions in all.
    pub size: usize,
}

/// When an evaluation may stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The interval is at most this wide (both sides together), e.g. 0.06.
    Width(f64),
    /// The interval does not hold this value; 0 for the difference of two models.
    Excludes(f64),
}

/// What cannot be sampled or fed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AnytimeError {
    #[error("no stratum with a question and a weight was given, or a weight is no number ≥ 0")]
    Strata,
    #[error("alpha is {0}; it must lie between 0 and 1")]
    Alpha(f64),
    #[error("stratum {stratum} of {strata} does not exist")]
    NoStratum { stratum: usize, strata: usize },
    #[error("stratum {stratum} holds {size} questions and all were given already")]
    TooMany { stratum: usize, size: usize },
    #[error("{0} is no value between 0 and 1")]
    Value(f64),
}

/// Places of the questions in a random order, one stratum after the other in turn. `questions` are (stratum, anything that identifies the
/// question, e.g. its hash). The order depends on these and the seed only: not on the order of a file, nor on a generator's version.
pub fn sample_order(questions: &[(usize, &str)], seed: u64) -> Vec<usize> {
    let mut keyed: Vec<(usize, String, usize)> = questions
        .iter()
        .enumerate()
        .map(|(place, (stratum, id))| (*stratum, crate::sha256_hex(format!("{seed}\n{id}").as_bytes()), place))
        .collect();
    keyed.sort();
    let mut rounds: Vec<(usize, usize, usize)> = Vec::with_capacity(keyed.len());
    for group in keyed.chunk_by(|a, b| a.0 == b.0) {
        rounds.extend(
            group
                .iter()
                .enumerate()
                .map(|(round, (stratum, _, place))| (round, *stratum, *place)),
        );
    }
    rounds.sort();
    rounds.into_iter().map(|(_, _, place)| place).collect()
}

/// Cells that [0, 1] is cut into; the interval's ends are rounded outward to their borders.
const CELLS: usize = 4000;

/// No bet risks more than this share of the capital. Waudby-Smith and Ramdas advise 1/2 to 3/4.
const MOST_AT_STAKE: f64 = 0.75;

/// The confidence sequence. Feed it outcomes, ask it for the interval, ask it whether that is enough.
#[derive(Clone, Debug)]
pub struct AnytimeMean {
    alpha: f64,
    strata: Vec<Seen>,
    rounds: usize,
    /// Of the normalised outcomes: sum, and sum of squared distances from the mean before.
    sum: f64,
    squares: f64,
    /// Capital of the bets that the mean is above, and below, each border of the cells.
    above: Vec<f64>,
    below: Vec<f64>,
    /// Borders not excluded yet: `first..=last`.
    first: usize,
    last: usize,
}

#[derive(Clone, Debug)]
struct Seen {
    weight: f64,
    size: usize,
    n: usize,
    sum: f64,
    waiting: VecDeque<f64>,
}

impl Seen {
    fn left(&self) -> f64 {
        1.0 - self.n as f64 / self.size as f64
    }
}

impl AnytimeMean {
    /// A sequence at level 1 − `alpha`. Strata without questions are left out; the weights of the others are scaled to sum to 1.
    pub fn new(strata: &[Stratum], alpha: f64) -> Result<AnytimeMean, AnytimeError> {
        AnytimeMean::with_cells(strata, alpha, CELLS)
    }

    fn with_cells(strata: &[Stratum], alpha: f64, cells: usize) -> Result<AnytimeMean, AnytimeError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(AnytimeError::Alpha(alpha));
        }
        let total: f64 = strata.iter().filter(|s| s.size > 0).map(|s| s.weight).sum();
        if strata.iter().any(|s| !s.weight.is_finite() || s.weight < 0.0) || total <= 0.0 {
            return Err(AnytimeError::Strata);
        }
        Ok(AnytimeMean {
            alpha,
            strata: strata
                .iter()
                .map(|s| Seen {
                    weight: if s.size > 0 { s.weight / total } else { 0.0 },
                    size: s.size,
                    n: 0,
                    sum: 0.0,
                    waiting: VecDeque::new(),
                })
                .collect(),
            rounds: 0,
            sum: 0.5,
            squares: 0.25,
            above: vec![1.0; cells + 1],
            below: vec![1.0; cells + 1],
            first: 0,
            last: cells,
        })
    }

    /// One outcome of a stratum: 1 for right, 0 for wrong, or any score in [0, 1].
    pub fn observe(&mut self, stratum: usize, value: f64) -> Result<(), AnytimeError> {
        let strata = self.strata.len();
        let seen = self.strata.get_mut(stratum).ok_or(AnytimeError::NoStratum { stratum, strata })?;
        if !(0.0..=1.0).contains(&value) {
            return Err(AnytimeError::Value(value));
        }
        if seen.n + seen.waiting.len() >= seen.size {
            return Err(AnytimeError::TooMany { stratum, size: seen.size });
        }
        seen.waiting.push_back(value);
        while self.strata.iter().any(|s| s.n < s.size) && self.strata.iter().all(|s| s.n == s.size || !s.waiting.is_empty()) {
            self.play_round();
        }
        Ok(())
    }

    /// Whole rounds that the interval rests on.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// The interval now, valid at all times at once.
    pub fn interval(&self) -> Interval {
        let cells = (self.above.len() - 1) as f64;
        let (least, most) = self.possible();
        let low = if self.first == 0 { 0.0 } else { (self.first - 1) as f64 / cells };
        let high = if self.last as f64 == cells {
            1.0
        } else {
            (self.last + 1) as f64 / cells
        };
        // What is certain (every question left wrong, or right) is never contradicted; rounding of sums must not turn the ends around.
        let low = low.max(least).min(most);
        Interval {
            low,
            high: high.min(most).max(low),
        }
    }

    /// The weighted mean of what was seen, a stratum without any outcome counting as one half.
    pub fn estimate(&self) -> f64 {
        self.strata
            .iter()
            .map(|s| s.weight * if s.n == 0 { 0.5 } else { s.sum / s.n as f64 })
            .sum()
    }

    /// Whether the goal is reached.
    pub fn done(&self, goal: Goal) -> bool {
        let interval = self.interval();
        match goal {
            Goal::Width(width) => interval.width() <= width,
            Goal::Excludes(value) => !interval.contains(value),
        }
    }

    /// The mean if everything left is wrong, and if everything left is right.
    fn possible(&self) -> (f64, f64) {
        let used = self.strata.iter().filter(|s| s.size > 0);
        let least: f64 = used.clone().map(|s| s.weight * s.sum / s.size as f64).sum();
        (least, least + used.map(|s| s.weight * s.left()).sum::<f64>())
    }

    fn play_round(&mut self) {
        let (least, most) = self.possible();
        let span = most - least;
        let mut gain = 0.0;
        for s in &mut self.strata {
            if s.n < s.size
                && let Some(value) = s.waiting.pop_front()
            {
                gain += s.weight * s.left() * value;
                s.n += 1;
                s.sum += value;
            }
        }
        // A stratum without weight can be all that is left.
        if span <= 0.0 {
            return;
        }
        let outcome = gain / span;
        self.rounds += 1;
        let t = self.rounds as f64;
        let variance = self.squares / t;
        let bet = (2.0 * (2.0 / self.alpha).ln() / (variance * t * t.ln_1p())).sqrt();
        let cells = (self.above.len() - 1) as f64;
        for border in self.first..=self.last {
            // The border in the units of what can still happen: 0 where all that is left is wrong, 1 where it is right.
            let mean = (border as f64 / cells - least) / span;
            let up = if mean > 0.0 { bet.min(MOST_AT_STAKE / mean) } else { bet };
            let down = if mean < 1.0 { bet.min(MOST_AT_STAKE / (1.0 - mean)) } else { bet };
            self.above[border] *= 1.0 + up * (outcome - mean);
            self.below[border] *= 1.0 - down * (outcome - mean);
        }
        // Capital falls towards the side that was bet on, so what is excluded lies at the ends.
        let enough = 2.0 / self.alpha;
        while self.first < self.last && self.above[self.first] >= enough {
            self.first += 1;
        }
        while self.last > self.first && self.below[self.last] >= enough {
            self.last -= 1;
        }
        let mean = self.sum / t;
        self.squares += (outcome - mean).powi(2);
        self.sum += outcome;
    }
}

/// The same for the difference of two models on the same questions: share right of the first less that of the second.
#[derive(Clone, Debug)]
pub struct AnytimeDifference(AnytimeMean);

impl AnytimeDifference {
    pub fn new(strata: &[Stratum], alpha: f64) -> Result<AnytimeDifference, AnytimeError> {
        AnytimeMean::new(strata, alpha).map(AnytimeDifference)
    }

    /// Outcomes of both models on one question, each in [0, 1].
    pub fn observe(&mut self, stratum: usize, first: f64, second: f64) -> Result<(), AnytimeError> {
        self.0.observe(stratum, (first - second + 1.0) / 2.0)
    }

    /// The interval of the difference, in [−1, 1].
    pub fn interval(&self) -> Interval {
        let half = self.0.interval();
        Interval {
            low: 2.0 * half.low - 1.0,
            high: 2.0 * half.high - 1.0,
        }
    }

    pub fn estimate(&self) -> f64 {
        2.0 * self.0.estimate() - 1.0
    }

    pub fn rounds(&self) -> usize {
        self.0.rounds()
    }

    /// Whether the goal, in units of the difference, is reached.
    pub fn done(&self, goal: Goal) -> bool {
        self.0.done(match goal {
            Goal::Width(width) => Goal::Width(width / 2.0),
            Goal::Excludes(value) => Goal::Excludes((value + 1.0) / 2.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::interval::wilson;
    use super::*;

    /// Populations like the test sets of a benchmark, small enough that one is used up: (size, share right).
    const POPULATION: [(usize, f64); 4] = [(60, 0.4), (120, 0.55), (300, 0.5), (400, 0.7)];

    fn strata() -> Vec<Stratum> {
        POPULATION.iter().map(|(size, _)| Stratum { weight: 0.25, size: *size }).collect()
    }

    /// Outcomes of each stratum in random order, and their mean over strata.
    fn outcomes(random: &mut fastrand::Rng) -> (Vec<Vec<f64>>, f64) {
        let each: Vec<Vec<f64>> = POPULATION
            .iter()
            .map(|(size, share)| {
                let right = (*size as f64 * share) as usize;
                let mut values = vec![1.0; right];
                values.resize(*size, 0.0);
                random.shuffle(&mut values);
                values
            })
            .collect();
        let mean = each.iter().map(|v| v.iter().sum::<f64>() / v.len() as f64).sum::<f64>() / each.len() as f64;
        (each, mean)
    }

    /// In 300 seeded evaluations, each looked at after every round until everything is seen, the truth leaves the 90% sequence at any time
    /// in at most 10% of them (allowing three standard errors); the usual interval, looked at as often, misses it in far more.
    #[test]
    fn covers_the_truth_at_every_look() {
        let runs = 300;
        let alpha = 0.1;
        let (mut missed, mut naive_missed) = (0, 0);
        for seed in 0..runs {
            let mut random = fastrand::Rng::with_seed(seed);
            let (each, truth) = outcomes(&mut random);
            let mut sequence = AnytimeMean::with_cells(&strata(), alpha, 200).unwrap();
            let mut outside = false;
            for round in 0..POPULATION[3].0 {
                for (stratum, values) in each.iter().enumerate() {
                    if let Some(value) = values.get(round) {
                        sequence.observe(stratum, *value).unwrap();
                    }
                }
                // Near the end the interval is as narrow as the rounding of sums.
                let now = sequence.interval();
                outside |= truth < now.low - 1e-12 || truth > now.high + 1e-12;
            }
            missed += usize::from(outside);
            let end = sequence.interval();
            assert!(end.width() < 1e-9 || outside, "seed {seed}: everything seen, yet {end:?}");
            // The usual interval on one stratum, looked at after each of 400 questions.
            let last = &each[3];
            let share = last.iter().sum::<f64>() / last.len() as f64;
            let mut right = 0;
            naive_missed += usize::from((0..400).any(|i| {
                right += usize::from(last[i] > 0.5);
                i >= 20 && !wilson(right, i + 1, alpha).unwrap().contains(share)
            }));
        }
        let rate = missed as f64 / runs as f64;
        let naive = naive_missed as f64 / runs as f64;
        println!("missed at any look: {rate:.3} (allowed {alpha}); the usual interval: {naive:.3}");
        assert!(rate <= alpha + 3.0 * (alpha * (1.0 - alpha) / runs as f64).sqrt());
        assert!(naive > 0.2, "the comparison should fail clearly: {naive}");
    }

    /// Enough to be useful: with 5,000 questions an accuracy is known to ±4 points (95%) after fewer than half of them, and two models that
    /// differ by ten points are told apart.
    #[test]
    fn stops_early() {
        let sizes = [1273usize, 800, 199, 622, 256, 1850];
        let strata: Vec<Stratum> = sizes.iter().map(|size| Stratum { weight: 1.0, size: *size }).collect();
        let mut random = fastrand::Rng::with_seed(11);
        let mut mean = AnytimeMean::new(&strata, 0.05).unwrap();
        let mut apart = AnytimeDifference::new(&strata, 0.05).unwrap();
        let (mut asked, mut known, mut told) = (0, None, None);
        'rounds: for round in 0..1850 {
            for (stratum, size) in sizes.iter().enumerate().filter(|(_, size)| round < **size) {
                let _ = size;
                asked += 1;
                let first = f64::from(u8::from(random.f64() < 0.62));
                let second = if random.f64() < 0.6 {
                    first
                } else {
                    f64::from(u8::from(random.f64() < 0.37))
                };
                mean.observe(stratum, first).unwrap();
                apart.observe(stratum, first, second).unwrap();
                if known.is_none() && mean.done(Goal::Width(0.08)) {
                    known = Some(asked);
                }
                if told.is_none() && apart.done(Goal::Excludes(0.0)) {
                    told = Some(asked);
                    assert!(apart.interval().low > 0.0 && apart.estimate() > 0.0);
                }
                if known.is_some() && told.is_some() {
                    break 'rounds;
                }
            }
        }
        println!("±4 points after {known:?}, told apart after {told:?} of 5000 questions");
        assert!(known.is_some_and(|n| n < 2500), "{known:?}");
        assert!(told.is_some_and(|n| n < 2500), "{told:?}");
    }

    #[test]
    fn the_order_is_random_in_turns_and_depends_on_the_questions_alone() {
        let ids: Vec<String> = (0..12).map(|i| format!("q{i}")).collect();
        let mut questions: Vec<(usize, &str)> = ids.iter().enumerate().map(|(i, id)| (usize::from(i >= 9), id.as_str())).collect();
        let order = sample_order(&questions, 5);
        let strata: Vec<usize> = order.iter().map(|i| questions[*i].0).collect();
        assert_eq!(strata, [0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
        let named: Vec<&str> = order.iter().map(|i| questions[*i].1).collect();
        questions.reverse();
        let again: Vec<&str> = sample_order(&questions, 5).iter().map(|i| questions[*i].1).collect();
        assert_eq!(named, again);
        assert_ne!(order, sample_order(&questions, 6));
    }

    #[test]
    fn bad_input_is_named() {
        assert_eq!(AnytimeMean::new(&[], 0.05).unwrap_err(), AnytimeError::Strata);
        let one = [Stratum { weight: 1.0, size: 1 }];
        assert_eq!(AnytimeMean::new(&one, 1.0).unwrap_err(), AnytimeError::Alpha(1.0));
        let mut mean = AnytimeMean::new(&one, 0.05).unwrap();
        assert_eq!(mean.interval(), Interval { low: 0.0, high: 1.0 });
        assert_eq!(mean.observe(0, 1.5), Err(AnytimeError::Value(1.5)));
        assert_eq!(mean.observe(1, 1.0), Err(AnytimeError::NoStratum { stratum: 1, strata: 1 }));
        mean.observe(0, 1.0).unwrap();
        assert_eq!(mean.interval(), Interval { low: 1.0, high: 1.0 });
        assert_eq!(mean.observe(0, 1.0), Err(AnytimeError::TooMany { stratum: 0, size: 1 }));
    }
}

//! When enough is known to stop: the interval of the mean over languages is narrow, or the model is told apart from another one.
//!
//! What must hold: both intervals are confidence sequences (`mmedbench::statistics::anytime`), valid however often they are looked at; they see
//! every answer once, in the plan's order. Of the other model that order is kept too: its record is whole, or was drawn by the same seed, so that
//! it lacks only what comes last.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use anyhow::{Result, bail};
use mmedbench::report::compare::{Answered, same_data};
use mmedbench::run::Plan;
use mmedbench::statistics::anytime::{AnytimeDifference, AnytimeError, AnytimeMean, Goal, Stratum};
use mmedbench::{Language, OptionOrder, QuestionRecord, RunHeader, RunRecord};

/// Both are 95% intervals.
const ALPHA: f64 = 0.05;

/// What is watched.
pub enum Until {
    Width {
        mean: AnytimeMean,
        width: f64,
    },
    Apart {
        difference: AnytimeDifference,
        /// Of the other record, by the question's hash: whether it was right, in the order of its lines.
        other: HashMap<String, VecDeque<bool>>,
        run_id: String,
        model: String,
        /// Questions that both answered.
        both: usize,
    },
}

impl Until {
    pub fn width(plan: &Plan, width: f64) -> Result<Until> {
        once_each(plan, "--until-width")?;
        Ok(Until::Width {
            mean: AnytimeMean::new(&strata(plan), ALPHA)?,
            width,
        })
    }

    /// `mine` is the header of the run that is to be told apart from `other`, which `path` names.
    pub fn apart(plan: &Plan, mine: &RunHeader, other: RunRecord, path: &Path) -> Result<Until> {
        once_each(plan, "--until-apart")?;
        let name = path.display();
        if other.header.evaluation.is_none() {
            bail!("{name}: no evaluation of a model, so there is nothing to be told apart from");
        }
        same_data(mine, &other.header)?;
        let answers = Answered::all(&other);
        if answers.len() < plan.questions().len() && other.header.seed != mine.seed {
            let (seed, held, all) = (other.header.seed, answers.len(), plan.questions().len());
            bail!(
                "{name} holds {held} of {all} questions, drawn by seed {seed}: ask in the same order (--seed {seed}), or finish that run first"
            );
        }
        let mut by_hash: HashMap<String, VecDeque<bool>> = HashMap::new();
        for answer in answers {
            by_hash.entry(answer.question_hash).or_default().push_back(answer.correct);
        }
        Ok(Until::Apart {
            difference: AnytimeDifference::new(&strata(plan), ALPHA)?,
            other: by_hash,
            run_id: other.header.run_id,
            model: other.header.model.map_or_else(|| "none".into(), |model| model.name),
            both: 0,
        })
    }

    /// For the record's header.
    pub fn name(&self) -> String {
        match self {
            Until::Width { width, .. } => format!("width {width}"),
            Until::Apart { run_id, .. } => format!("apart from {run_id}"),
        }
    }

    /// The next answer of the record.
    pub fn observe(&mut self, line: &QuestionRecord) -> Result<(), AnytimeError> {
        let stratum = Language::ALL.iter().position(|l| *l == line.language).unwrap_or(0);
        let value = |right: bool| f64::from(u8::from(right));
        let mine = value(line.correct == Some(true));
        match self {
            Until::Width { mean, .. } => mean.observe(stratum, mine),
            Until::Apart {
                difference, other, both, ..
            } => match other.get_mut(&line.question_hash).and_then(VecDeque::pop_front) {
                Some(theirs) => {
                    *both += 1;
                    difference.observe(stratum, mine, value(theirs))
                }
                None => Ok(()),
            },
        }
    }

    pub fn enough(&self) -> bool {
        match self {
            Until::Width { mean, width } => mean.done(Goal::Width(*width)),
            Until::Apart { difference, .. } => difference.done(Goal::Excludes(0.0)),
        }
    }

    /// While the run goes on.
    pub fn message(&self) -> String {
        match self {
            Until::Width { mean, .. } => {
                let now = mean.interval();
                format!("mean over languages {:.1}–{:.1}%", now.low * 100.0, now.high * 100.0)
            }
            Until::Apart { difference, .. } => {
                let now = difference.interval();
                format!("difference {:+.1} to {:+.1} points", now.low * 100.0, now.high * 100.0)
            }
        }
    }

    /// At the end.
    pub fn summary(&self) -> String {
        match self {
            Until::Width { mean, .. } => {
                let now = mean.interval();
                format!(
                    "its 95% interval, valid at every moment: {:.1}–{:.1}%",
                    now.low * 100.0,
                    now.high * 100.0
                )
            }
            Until::Apart {
                difference, model, both, ..
            } => {
                let now = difference.interval();
                format!(
                    "{} from {model} on {both} questions: {:+.1} points of the mean over languages, 95% interval, valid at every moment: {:+.1} to {:+.1}",
                    if self.enough() { "told apart" } else { "not told apart" },
                    difference.estimate() * 100.0,
                    now.low * 100.0,
                    now.high * 100.0
                )
            }
        }
    }
}

fn once_each(plan: &Plan, option: &str) -> Result<()> {
    if plan.settings.option_order == OptionOrder::Rotated {
        bail!("{option} counts each question once; it does not go with --option-order rotated");
    }
    Ok(())
}

/// Languages weigh equally, as in the paper's mean.
fn strata(plan: &Plan) -> Vec<Stratum> {
    let size = |language| plan.questions().iter().filter(|q| q.language == language).count();
    Language::ALL
        .iter()
        .map(|language| Stratum {
            weight: 1.0,
            size: size(*language),
        })
        .collect()
}

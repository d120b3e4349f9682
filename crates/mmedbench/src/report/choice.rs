//! lm-evaluation-harness's measures of `loglik` lines, summed line by line and pooled over languages.

use std::collections::{BTreeMap, BTreeSet};

use super::counts::OfLanguage;
use super::{ChoiceMeasures, ChoiceRow, Measure};
use crate::choice::{self, ChoiceError, ChoiceItem, ChoiceScores};
use crate::statistics::group::{self, Mean, Member, Running};
use crate::{Language, QuestionRecord};

/// Measures of one language so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChoiceSums {
    n: usize,
    acc: Running,
    acc_norm: Running,
    acc_bytes: Running,
    acc_mutual_info: Perhaps,
    exact_match: Perhaps,
    brier: Perhaps,
}

/// A measure that not every line has; then the group has none.
#[derive(Clone, Copy, Debug, Default)]
struct Perhaps {
    values: Running,
    missing: bool,
}

impl Perhaps {
    fn add(&mut self, value: Option<f64>) {
        match value {
            Some(value) => self.values.add(value),
            None => self.missing = true,
        }
    }

    fn measure(&self) -> Option<Measure> {
        (!self.missing).then(|| measure(&self.values))
    }
}

fn measure(values: &Running) -> Measure {
    let Mean { value, stderr } = values.mean().unwrap_or(Mean { value: 0.0, stderr: None });
    Measure { value, stderr }
}

fn share(right: bool) -> f64 {
    f64::from(u8::from(right))
}

impl ChoiceSums {
    /// Lines of other protocols add nothing. Errors: scores that are none.
    pub fn add(&mut self, line: &QuestionRecord) -> Result<(), ChoiceError> {
        let Some(scores) = scores(line)? else { return Ok(()) };
        self.n += 1;
        self.acc.add(share(scores.acc));
        self.acc_norm.add(share(scores.acc_norm));
        self.acc_bytes.add(share(scores.acc_bytes));
        self.acc_mutual_info.add(scores.acc_mutual_info.map(share));
        self.exact_match.add(scores.exact_match.map(share));
        self.brier.add(scores.brier);
        Ok(())
    }

    fn row(&self, name: &str) -> ChoiceRow {
        ChoiceRow {
            name: name.into(),
            n: self.n,
            acc: measure(&self.acc),
            acc_norm: measure(&self.acc_norm),
            acc_bytes: measure(&self.acc_bytes),
            acc_mutual_info: self.acc_mutual_info.measure(),
            exact_match: self.exact_match.measure(),
            brier: self.brier.measure(),
        }
    }
}

/// lm-evaluation-harness's scores of a `loglik` line; `None` for any other.
fn scores(line: &QuestionRecord) -> Result<Option<ChoiceScores>, ChoiceError> {
    let (Some("loglik"), Some(choices), Some(log_likelihoods)) = (line.protocol.as_deref(), &line.choices, &line.log_likelihoods) else {
        return Ok(None);
    };
    let texts: Vec<&str> = choices.iter().map(String::as_str).collect();
    // Letters of the data in order: the first option is A.
    let gold: BTreeSet<usize> = line
        .gold
        .chars()
        .filter(char::is_ascii_uppercase)
        .map(|letter| letter as usize - 'A' as usize)
        .collect();
    choice::score(&ChoiceItem {
        texts: &texts,
        log_likelihoods,
        unconditional: line.unconditional_log_likelihoods.as_deref(),
        greedy: line.greedy.as_deref(),
        gold: &gold,
    })
    .map(Some)
}

/// Each language's measures and those over them; `None` where nothing was scored by `loglik`.
pub(super) fn measures(languages: &BTreeMap<Language, OfLanguage>) -> Option<ChoiceMeasures> {
    let rows: Vec<ChoiceRow> = languages
        .iter()
        .filter(|(_, of)| of.choice.n > 0)
        .map(|(language, of)| of.choice.row(language.name()))
        .collect();
    (!rows.is_empty()).then(|| ChoiceMeasures {
        weighted: pooled("weighted by size", &rows, group::weighted),
        plain: pooled("plain mean", &rows, group::plain),
        languages: rows,
    })
}

fn pooled(name: &str, rows: &[ChoiceRow], pool: fn(&[Member]) -> Option<Mean>) -> ChoiceRow {
    let of = |measure: fn(&ChoiceRow) -> Option<Measure>| {
        let members: Option<Vec<Member>> = rows
            .iter()
            .map(|row| {
                measure(row).map(|m| Member {
                    value: m.value,
                    stderr: m.stderr,
                    size: row.n,
                })
            })
            .collect();
        pool(&members?).map(|Mean { value, stderr }| Measure { value, stderr })
    };
    let nothing = Measure { value: 0.0, stderr: None };
    ChoiceRow {
        name: name.into(),
        n: rows.iter().map(|row| row.n).sum(),
        acc: of(|row| Some(row.acc)).unwrap_or(nothing),
        acc_norm: of(|row| Some(row.acc_norm)).unwrap_or(nothing),
        acc_bytes: of(|row| Some(row.acc_bytes)).unwrap_or(nothing),
        acc_mutual_info: of(|row| row.acc_mutual_info),
        exact_match: of(|row| row.exact_match),
        brier: of(|row| row.brier),
    }
}

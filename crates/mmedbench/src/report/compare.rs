//! Two runs question by question: which is better, by how much, and where they differ.
//!
//! What must hold: only runs on the same data are compared; a question counts once, and only if both runs answered it. The p values are
//! McNemar's (`statistics/mcnemar.rs`).

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{ALPHA, lines};
use crate::statistics::Interval;
use crate::statistics::mcnemar::Paired;
use crate::{Language, QuestionRecord, RunHeader, RunRecord};

/// Two runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    pub first: Side,
    pub second: Side,
    /// What differs between the runs' headers, in words; a difference of accuracy may come from any of it.
    pub settings: Vec<String>,
    pub all: PairedRow,
    pub languages: Vec<PairedRow>,
    /// Questions that exactly one run answered rightly, or that both answered wrongly in different ways.
    pub differing: Vec<Differing>,
    /// Questions that only one of the runs has answered: left out.
    pub only_first: usize,
    pub only_second: usize,
}

/// Which run.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    pub run_id: String,
    pub model: String,
    pub protocol: String,
}

/// The pairs of a group of questions.
#[derive(Clone, Debug, Serialize)]
pub struct PairedRow {
    pub name: String,
    pub n: usize,
    pub counts: Paired,
    pub first_accuracy: f64,
    pub second_accuracy: f64,
    /// First less second.
    pub difference: f64,
    pub interval: Interval,
    pub exact_p: f64,
    pub mid_p: f64,
}

/// A question on which the runs differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The line's place in the first record.
    #[serde(skip)]
    pub place: usize,
    pub id: String,
    pub question_hash: String,
    pub language: Language,
    pub gold: String,
    /// Absent where no answer was read.
    pub first: Option<String>,
    pub second: Option<String>,
    pub first_correct: bool,
    pub second_correct: bool,
}

/// Why two runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    #[error(
        "the runs are of different data: {first} (hash {first_hash}) and {second} (hash {second_hash}); evaluate both models on the same files"
    )]
    Data {
        first: String,
        first_hash: String,
        second: String,
        second_hash: String,
    },
    #[error("the runs have no question in common that both answered")]
    NothingInCommon,
    #[error("question {id} has the key {first} in one run and {second} in the other")]
    Key { id: String, first: String, second: String },
}

/// What a comparison needs of a line: a record of any length is compared in the memory of its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The line's place in its record.
    pub place: usize,
    pub id: String,
    pub question_hash: String,
    pub language: Language,
    pub gold: String,
    pub prediction: Option<String>,
    pub correct: bool,
}

impl Answered {
    /// `None` for a line that rows do not count.
    pub fn of(place: usize, line: &QuestionRecord) -> Option<Answered> {
        lines::counts(line).then(|| Answered {
            place,
            id: line.id.clone(),
            question_hash: line.question_hash.clone(),
            language: line.language,
            gold: line.gold.clone(),
            prediction: line.prediction.clone().filter(|p| !p.is_empty()),
            correct: line.correct == Some(true),
        })
    }

    /// Those of a whole record.
    pub fn all(record: &RunRecord) -> Vec<Answered> {
        let lines = record.questions.iter().enumerate();
        lines.filter_map(|(place, line)| Answered::of(place, line)).collect()
    }
}

/// Compares `first` with `second`.
pub fn compare(first: &RunRecord, second: &RunRecord) -> Result<Comparison, CompareError> {
    compare_answers((&first.header, &Answered::all(first)), (&second.header, &Answered::all(second)))
}

/// [`compare`] of what was kept of two records' lines.
pub fn compare_answers(first: (&RunHeader, &[Answered]), second: (&RunHeader, &[Answered])) -> Result<Comparison, CompareError> {
    let ((first, mine), (second, theirs)) = (first, second);
    same_data(first, second)?;
    // The same question may stand twice in a file: the n-th of one run pairs with the n-th of the other.
    let mut waiting: HashMap<(&str, &str), Vec<&Answered>> = HashMap::new();
    for line in theirs.iter().rev() {
        waiting.entry((&line.id, &line.question_hash)).or_default().push(line);
    }
    let mut pairs: Vec<(&Answered, &Answered)> = Vec::new();
    for line in mine {
        if let Some(other) = waiting.get_mut(&(line.id.as_str(), line.question_hash.as_str())).and_then(Vec::pop) {
            if line.gold != other.gold {
                return Err(CompareError::Key {
                    id: line.id.clone(),
                    first: line.gold.clone(),
                    second: other.gold.clone(),
                });
            }
            pairs.push((line, other));
        }
    }
    let all = paired_row("all", &pairs).ok_or(CompareError::NothingInCommon)?;
    let mut by_language: BTreeMap<Language, Vec<(&Answered, &Answered)>> = BTreeMap::new();
    for pair in &pairs {
        by_language.entry(pair.0.language).or_default().push(*pair);
    }
    Ok(Comparison {
        first: side(first),
        second: side(second),
        settings: crate::run::differences(first, second).iter().map(ToString::to_string).collect(),
        all,
        languages: by_language
            .iter()
            .filter_map(|(language, pairs)| paired_row(language.name(), pairs))
            .collect(),
        differing: pairs.iter().filter_map(|(a, b)| differing(a, b)).collect(),
        only_first: mine.len() - pairs.len(),
        only_second: theirs.len() - pairs.len(),
    })
}

/// Refuses runs of different data.
pub fn same_data(first: &RunHeader, second: &RunHeader) -> Result<(), CompareError> {
    match (&first.evaluation, &second.evaluation) {
        (Some(a), Some(b)) if a.data.hash != b.data.hash => Err(CompareError::Data {
            first: a.data.name.clone(),
            first_hash: a.data.hash.clone(),
            second: b.data.name.clone(),
            second_hash: b.data.hash.clone(),
        }),
        _ => Ok(()),
    }
}

fn side(header: &RunHeader) -> Side {
    Side {
        run_id: header.run_id.clone(),
        model: header.model.as_ref().map_or_else(|| "none".into(), |m| m.name.clone()),
        protocol: header.evaluation.as_ref().map(|e| e.protocol.clone()).unwrap_or_default(),
    }
}

fn paired_row(name: &str, pairs: &[(&Answered, &Answered)]) -> Option<PairedRow> {
    let counts = Paired::count(pairs.iter().map(|(a, b)| (a.correct, b.correct)));
    let n = counts.total();
    Some(PairedRow {
        name: name.into(),
        n,
        first_accuracy: (counts.both_right + counts.only_first) as f64 / n as f64,
        second_accuracy: (counts.both_right + counts.only_second) as f64 / n as f64,
        difference: counts.difference()?,
        interval: counts.difference_interval(ALPHA)?,
        exact_p: counts.exact_p(),
        mid_p: counts.mid_p(),
        counts,
    })
}

fn differing(a: &Answered, b: &Answered) -> Option<Differing> {
    (a.prediction != b.prediction || a.correct != b.correct).then(|| Differing {
        place: a.place,
        id: a.id.clone(),
        question_hash: a.question_hash.clone(),
        language: a.language,
        gold: a.gold.clone(),
        first: a.prediction.clone(),
        second: b.prediction.clone(),
        first_correct: a.correct,
        second_correct: b.correct,
    })
}

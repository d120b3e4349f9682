//! Which records belong together, and joining those that do.
//!
//! What must hold: lines are only put under one header if everything that shapes a score is the same; a question that two parts answered
//! differently is an error, never a choice.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::{QuestionRecord, RunHeader, RunRecord};

/// One field in which two headers differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field's path, e.g. `model.sha256`.
    pub field: String,
    pub left: String,
    pub right: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} against {})", self.field, self.left, self.right)
    }
}

pub(super) fn list(differences: &[Difference]) -> String {
    differences.iter().map(Difference::to_string).collect::<Vec<_>>().join(", ")
}

/// Fields that may differ between parts of one run: when, under which name, and when enough would be known.
const OWN: [&str; 3] = ["/run_id", "/started", "/evaluation/until"];

/// In what two headers differ; empty where their lines belong together.
pub fn differences(left: &RunHeader, right: &RunHeader) -> Vec<Difference> {
    let (Ok(mut left), Ok(mut right)) = (serde_json::to_value(left), serde_json::to_value(right)) else {
        return Vec::new(); // headers hold only text and numbers, for which this cannot fail
    };
    for own in OWN {
        for side in [&mut left, &mut right] {
            if let Some(value) = side.pointer_mut(own) {
                value.take();
            }
        }
    }
    let mut out = Vec::new();
    compare("", &left, &right, &mut out);
    out
}

fn compare(path: &str, left: &Value, right: &Value, out: &mut Vec<Difference>) {
    if let (Value::Object(l), Value::Object(r)) = (left, right) {
        let mut keys: Vec<&String> = l.keys().chain(r.keys().filter(|k| !l.contains_key(*k))).collect();
        keys.dedup();
        for key in keys {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            compare(&path, l.get(key).unwrap_or(&Value::Null), r.get(key).unwrap_or(&Value::Null), out);
        }
    } else if left != right {
        let show = |value: &Value| match value {
            Value::Null => "none".to_string(),
            Value::String(text) => text.clone(),
            Value::Object(_) => "given".to_string(),
            other => other.to_string(),
        };
        out.push(Difference {
            field: path.into(),
            left: show(left),
            right: show(right),
        });
    }
}

/// Why records cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    #[error("there is no record to join")]
    Nothing,
    #[error("record {record} is of another run than record 1; they differ in {}", list(.differences))]
    Headers { record: usize, differences: Vec<Difference> },
    #[error("question {id} is answered differently in two of the records: {left} and {right}")]
    Answers { id: String, left: String, right: String },
}

/// Joins parts of one run under the first one's header. A question that several parts have with the same answer counts once.
pub fn merge(records: Vec<RunRecord>) -> Result<RunRecord, MixError> {
    let mut records = records.into_iter();
    let mut whole = records.next().ok_or(MixError::Nothing)?;
    let key = |line: &QuestionRecord| (line.id.clone(), line.question_hash.clone(), line.rotation);
    let mut there: HashMap<_, usize> = HashMap::new();
    for (index, line) in whole.questions.iter().enumerate() {
        there.entry(key(line)).or_insert(index);
    }
    for (number, part) in records.enumerate() {
        let differences = differences(&whole.header, &part.header);
        if !differences.is_empty() {
            return Err(MixError::Headers {
                record: number + 2,
                differences,
            });
        }
        for line in part.questions {
            match there.get(&key(&line)).map(|&at| &whole.questions[at]) {
                Some(same) if same.prediction == line.prediction => {}
                Some(other) => {
                    let show = |line: &QuestionRecord| line.prediction.clone().unwrap_or_else(|| "unread".into());
                    return Err(MixError::Answers {
                        id: line.id.clone(),
                        left: show(other),
                        right: show(&line),
                    });
                }
                None => {
                    there.insert(key(&line), whole.questions.len());
                    whole.questions.push(line);
                }
            }
        }
    }
    Ok(whole)
}

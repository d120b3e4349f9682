//! The record of a run: a header line and one line of JSON per question. Everything shown about a run is computed from it.
//!
//! What must hold: a record says what is needed to judge it without the model (which model, where it ran, which prompt, which question by
//! hash); a probability of zero is written as `null` and read back as −∞. Next: `summary.rs` counts.

use serde::{Deserialize, Serialize};

use crate::Language;
use crate::prompt::PromptId;

/// Version of the format, written as the header's first key.
pub const RUN_VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// [`RUN_VERSION`]; also what tells a header from a question.
    pub mmedkit_run: u32,
    /// Identity of the run.
    pub run_id: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// What made it, e.g. `mmedkit-app 0.1.0`.
    pub software: String,
    /// `quiz-practice`, `quiz-exam`.
    pub mode: String,
    /// Seconds that an exam allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit_seconds: Option<u32>,
    /// What questions were drawn with.
    pub seed: u64,
    /// The model that answered; none where the student was alone.
    pub model: Option<ModelId>,
    /// The prompt that it saw.
    pub prompt: Option<PromptId>,
}

/// Which model, and where it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelId {
    pub name: String,
    pub architecture: String,
    pub quantization: String,
    pub parameters: u64,
    pub sha256: Option<String>,
    /// `webgpu` or `cpu`.
    pub backend: String,
    pub adapter: String,
}

/// One question of a run. What the model said is absent where it was not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionRecord {
    pub id: String,
    /// [`crate::Question::hash`].
    pub question_hash: String,
    pub language: Language,
    pub source: String,
    /// `letters` or `letter-sets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Natural logarithms, in the options' order.
    #[serde(default, with = "log_probabilities", skip_serializing_if = "Option::is_none")]
    pub option_log_probabilities: Option<Vec<f64>>,
    /// The model's letters, in `answer_idx`'s form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<String>,
    /// The right letters.
    pub gold: String,
    /// Whether the model is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correct: Option<bool>,
    /// Place of the (first) right option, from 0.
    pub key_position: usize,
    /// Tokens that were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Time that the model took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<f64>,
    /// What the model wrote as its explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The student's letters; none where the question was left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_correct: Option<bool>,
    /// Time that the student took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_milliseconds: Option<f64>,
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub header: RunHeader,
    pub questions: Vec<QuestionRecord>,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the record is empty")]
    Empty,
    #[error("line 1 of the record is no run header: {reason}")]
    Header { reason: String },
    #[error("the record has version {found}; this program reads version {RUN_VERSION}")]
    Version { found: u32 },
    #[error("line {line} of the record: {reason}")]
    Line { line: usize, reason: String },
}

impl RunRecord {
    /// Header and questions, a line each, the last one ended too.
    pub fn to_jsonl(&self) -> String {
        let mut out = line(&self.header);
        for question in &self.questions {
            out += &line(question);
        }
        out
    }

    /// The inverse of [`RunRecord::to_jsonl`].
    pub fn from_jsonl(text: &str) -> Result<RunRecord, RecordError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().ok_or(RecordError::Empty)?;
        let header: RunHeader = serde_json::from_str(first).map_err(|e| RecordError::Header { reason: e.to_string() })?;
        if header.mmedkit_run != RUN_VERSION {
            return Err(RecordError::Version { found: header.mmedkit_run });
        }
        let questions = lines
            .map(|(index, line)| {
                serde_json::from_str(line).map_err(|e| RecordError::Line {
                    line: index + 1,
                    reason: e.to_string(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(RunRecord { header, questions })
    }

    /// One row per question with the columns of [`CSV_COLUMNS`] (RFC 4180, rows ended by CR LF). Probabilities are joined by spaces.
    pub fn to_csv(&self) -> String {
        let mut out = CSV_COLUMNS.join(",") + "\r\n";
        let model = self.header.model.as_ref().map(|m| m.name.clone()).unwrap_or_default();
        for q in &self.questions {
            let probabilities: Vec<String> = q
                .option_log_probabilities
                .iter()
                .flatten()
                .map(|lp| format!("{:.6}", lp.exp()))
                .collect();
            let number = |n: Option<f64>| n.map(|n| format!("{n:.0}")).unwrap_or_default();
            let yes_no = |b: Option<bool>| b.map(|b| b.to_string()).unwrap_or_default();
            let cells = [
                self.header.run_id.clone(),
                q.id.clone(),
                q.question_hash.clone(),
                q.language.name().to_string(),
                q.source.clone(),
                q.gold.clone(),
                q.student_answer.clone().unwrap_or_default(),
                yes_no(q.student_correct),
                number(q.student_milliseconds),
                model.clone(),
                q.prediction.clone().unwrap_or_default(),
                yes_no(q.correct),
                probabilities.join(" "),
                number(q.milliseconds),
            ];
            out += &cells.map(|cell| csv_cell(&cell)).join(",");
            out += "\r\n";
        }
        out
    }
}

/// Columns of [`RunRecord::to_csv`].
pub const CSV_COLUMNS: [&str; 14] = [
    "run_id",
    "id",
    "question_hash",
    "language",
    "source",
    "gold",
    "student_answer",
    "student_correct",
    "student_milliseconds",
    "model",
    "model_answer",
    "model_correct",
    "option_probabilities",
    "model_milliseconds",
];

fn line<T: Serialize>(value: &T) -> String {
    // These types hold only text, numbers and lists, for which writing JSON cannot fail.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}

/// JSON has no −∞: a probability of zero is `null`.
mod log_probabilities {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(values: &Option<Vec<f64>>, serializer: S) -> Result<S::Ok, S::Error> {
        values
            .as_ref()
            .map(|v| v.iter().map(|x| x.is_finite().then_some(*x)).collect::<Vec<_>>())
            .serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<f64>>, D::Error> {
        let values = Option::<Vec<Option<f64>>>::deserialize(deserializer)?;
        Ok(values.map(|v| v.into_iter().map(|x| x.unwrap_or(f64::NEG_INFINITY)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> RunRecord {
        RunRecord {
            header: RunHeader {
                mmedkit_run: RUN_VERSION,
                run_id: "r1".into(),
                started: "2026-11-22T23:00:00Z".into(),
                software: "test".into(),
                mode: "quiz-practice".into(),
                time_limit_seconds: None,
                seed: 7,
                model: None,
                prompt: Some(crate::PromptVariant::Answer.prompt().id()),
            },
            questions: vec![
                QuestionRecord {
                    id: "a,\"b\"".into(),
                    question_hash: "00".into(),
                    language: Language::Japanese,
                    source: "s\nt".into(),
                    protocol: Some("letters".into()),
                    option_log_probabilities: Some(vec![-0.1, f64::NEG_INFINITY]),
                    prediction: Some("A".into()),
                    gold: "A,B".into(),
                    correct: Some(false),
                    key_position: 0,
                    tokens: Some(12),
                    milliseconds: Some(3.5),
                    text: None,
                    student_answer: Some("A,B".into()),
                    student_correct: Some(true),
                    student_milliseconds: Some(1999.6),
                },
                QuestionRecord {
                    id: "c".into(),
                    question_hash: "01".into(),
                    language: Language::French,
                    source: "s".into(),
                    protocol: None,
                    option_log_probabilities: None,
                    prediction: None,
                    gold: "C".into(),
                    correct: None,
                    key_position: 2,
                    tokens: None,
                    milliseconds: None,
                    text: None,
                    student_answer: None,
                    student_correct: None,
                    student_milliseconds: None,
                },
            ],
        }
    }

    #[test]
    fn jsonl_goes_there_and_back() {
        let text = record().to_jsonl();
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains(r#""option_log_probabilities":[-0.1,null]"#), "{text}");
        assert_eq!(RunRecord::from_jsonl(&text).unwrap(), record());
    }

    #[test]
    fn damage_is_named() {
        assert_eq!(RunRecord::from_jsonl("\n"), Err(RecordError::Empty));
        assert!(matches!(RunRecord::from_jsonl("{}"), Err(RecordError::Header { .. })));
        let text = record().to_jsonl();
        assert!(matches!(
            RunRecord::from_jsonl(&text[..text.len() - 5]),
            Err(RecordError::Line { line: 3, .. })
        ));
        let newer = text.replacen("\"mmedkit_run\":1", "\"mmedkit_run\":2", 1);
        assert_eq!(RunRecord::from_jsonl(&newer), Err(RecordError::Version { found: 2 }));
    }

    #[test]
    fn csv_quotes_what_it_must() {
        let csv = record().to_csv();
        let rows: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(rows[0].split(',').count(), CSV_COLUMNS.len());
        assert_eq!(
            rows[1],
            "r1,\"a,\"\"b\"\"\",00,Japanese,\"s\nt\",\"A,B\",\"A,B\",true,2000,,A,false,0.904837 0.000000,4"
        );
        assert_eq!(rows[2], "r1,c,01,French,s,C,,,,,,,,");
    }
}

//! The record of a run: a header line and one line of JSON per question. Everything shown about a run is computed from it.
//!
//! What must hold: a record says what is needed to judge it without the model (which model, where it ran, which prompt, which question by
//! hash); a probability of zero is written as `null` and read back as −∞. Next: `summary.rs` counts.

use serde::{Deserialize, Serialize};

use crate::prompt::PromptId;
use crate::protocol::BeginToken;
use crate::{Language, Question};

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
    /// How a model was evaluated; none for a quiz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

/// What an evaluation was, beside model and prompt: all of it must agree before two records may be mixed (see [`crate::run::differences`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `letters`, `loglik`, `letter-sets`, `paper` or `lenient`: [`crate::Protocol::name`].
    pub protocol: String,
    /// Solved examples before each question.
    pub shots: u32,
    /// SHA-256 of the examples' texts, hex; none without examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots_hash: Option<String>,
    /// Whether the model's chat template was laid around the prompt.
    pub chat_template: bool,
    /// `as-given`, `rotated` or `shuffled`.
    pub option_order: String,
    /// Whether continuations were scored without their context too.
    #[serde(default)]
    pub mutual_information: bool,
    /// Most tokens of a written answer; none where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// What stood before each text.
    #[serde(default)]
    pub begin_token: BeginToken,
    /// By which result the run was to stop, e.g. `width 0.06`; none for a run that asks everything. It shapes no score and may be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Longest text of the model in tokens; longer ones were cut on the left.
    pub context_length: u32,
    pub data: DataId,
}

/// Which questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataId {
    /// For people: the folder's or file's name.
    pub name: String,
    /// SHA-256 over the hashes of all questions in the order of the data, hex.
    pub hash: String,
    pub questions: u32,
    /// Lines of the data that are no questions, and therefore in no score.
    pub unreadable_lines: u32,
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
    /// What the backend chose or was told: number formats, kernels. Empty where it has no choice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kernels: String,
}

/// One question of a run. What the model said is absent where it was not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionRecord {
    pub id: String,
    /// [`crate::Question::hash`].
    pub question_hash: String,
    pub language: Language,
    pub source: String,
    /// How this question was scored. In a run by `letter-sets`, questions with too many options for it are scored by `letters` and say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The options' letters in the order in which the model saw them, e.g. `CABD`: the option that is `C` in the data stood first and was
    /// called `A`. Every other field speaks of the letters and the order of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option_order: Option<String>,
    /// Which rotation of the options this line is, where each question is asked once for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<u32>,
    /// Natural logarithms, in the options' order. Normalised among the options (`letters`, `loglik`); with `letter-sets` each option is its
    /// own yes or no.
    #[serde(default, with = "log_probabilities", skip_serializing_if = "Option::is_none")]
    pub option_log_probabilities: Option<Vec<f64>>,
    /// The model's letters, in `answer_idx`'s form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<String>,
    /// The right letters.
    pub gold: String,
    /// Whether the model is right: the prediction is exactly the key, all or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correct: Option<bool>,
    /// Place of the (first) right option as the model saw them, from 0.
    pub key_position: usize,
    /// Tokens of the question as the model saw it, prompt and examples included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Time that the model took; questions that were scored together share it equally.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<f64>,
    /// What the model wrote: its answer, or its explanation in a quiz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The option texts as they were scored (`loglik`) or may be named in a written answer, in the options' order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
    /// `loglik`: Σ log p of each choice, in the options' order, not normalised. `letter-sets`: of each set; set number `s` (from 1) holds
    /// option `i` where bit `i` of `s` is set.
    #[serde(default, with = "log_probabilities", skip_serializing_if = "Option::is_none")]
    pub log_likelihoods: Option<Vec<f64>>,
    /// The same without the question before it.
    #[serde(default, with = "log_probabilities", skip_serializing_if = "Option::is_none")]
    pub unconditional_log_likelihoods: Option<Vec<f64>>,
    /// Tokens of each choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_counts: Option<Vec<u32>>,
    /// Whether greedy decoding would have written the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greedy: Option<Vec<bool>>,
    /// How the letters were read out of `text`: the rule's name, `none` where nothing was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Tokens that were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_tokens: Option<u32>,
    /// Why writing ended: `end-of-text`, `max-tokens`, `context-full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Tokens cut from the left because the text did not fit the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated_tokens: Option<u32>,
    /// First 16 hex digits of the SHA-256 of the text that the model saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    /// True for a question whose source says that it cannot be answered without its picture.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_image: bool,
    /// The student's letters; none where the question was left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_correct: Option<bool>,
    /// Time that the student took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_milliseconds: Option<f64>,
}

impl QuestionRecord {
    /// What is known before anybody answers.
    pub fn of(question: &Question) -> QuestionRecord {
        QuestionRecord {
            id: question.id.clone(),
            question_hash: question.hash(),
            language: question.language,
            source: question.source.clone(),
            protocol: None,
            option_order: None,
            rotation: None,
            option_log_probabilities: None,
            prediction: None,
            gold: question.answer_idx(),
            correct: None,
            key_position: question.key_position(),
            tokens: None,
            milliseconds: None,
            text: None,
            choices: None,
            log_likelihoods: None,
            unconditional_log_likelihoods: None,
            token_counts: None,
            greedy: None,
            rule: None,
            written_tokens: None,
            ended: None,
            truncated_tokens: None,
            prompt_hash: None,
            needs_image: question.needs_image,
            student_answer: None,
            student_correct: None,
            student_milliseconds: None,
        }
    }

    /// Its line in a record, ended.
    pub fn to_line(&self) -> String {
        line(self)
    }
}

impl RunHeader {
    /// Its line in a record, ended.
    pub fn to_line(&self) -> String {
        line(self)
    }
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

pub(crate) fn line<T: Serialize>(value: &T) -> String {
    // These types hold only text, numbers and lists, for which writing JSON cannot fail.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

pub(crate) fn csv_cell(text: &str) -> String {
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

    fn question() -> Question {
        let line = r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"A"}"#;
        Question::from_json_line(line, "q", "Test/English.jsonl", None).unwrap()
    }

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
                evaluation: None,
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
                    student_answer: Some("A,B".into()),
                    student_correct: Some(true),
                    student_milliseconds: Some(1999.6),
                    ..QuestionRecord::of(&question())
                },
                QuestionRecord {
                    id: "c".into(),
                    question_hash: "01".into(),
                    language: Language::French,
                    source: "s".into(),
                    gold: "C".into(),
                    key_position: 2,
                    ..QuestionRecord::of(&question())
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

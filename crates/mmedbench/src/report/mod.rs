//! What is shown of an evaluation: every number that its record supports, as data, and that data as table, Markdown, CSV, JSON or a page.
//!
//! [`Counts`] counts line by line, [`report`] a whole record at once, the `as_*` functions lay out; the command line and the browser page share
//! them. What must hold: everything is computed from the record alone; every accuracy comes with its number of questions, its intervals and the
//! chance level; numbers of different protocols never stand in one column without saying so. Next: `compare.rs` sets two runs side by side.

mod build;
pub mod chance;
mod choice;
pub mod compare;
mod counts;
mod csv;
mod html;
pub mod lines;
mod published_tables;
mod ratings;
mod rationale_tables;
pub mod rationales;
mod svg;
mod table;
mod warnings;

use serde::Serialize;

pub use build::{ReportError, report};
pub use counts::Counts;
pub use csv::as_csv;
pub use html::as_html;
pub use ratings::{ratings_as_csv, ratings_as_html, ratings_as_tables};
pub use table::{Style, Table, as_tables, comparison as comparison_tables, more_tables, tables};

use crate::Language;
use crate::statistics::Interval;
use crate::statistics::calibration::Calibration;

/// Intervals are given at this level: 95%.
pub const ALPHA: f64 = 0.05;

/// An evaluation in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub run: Run,
    /// All questions: the mean weighted by size (micro).
    pub all: Row,
    /// The plain mean over languages (macro), as the paper averages; absent for a single language.
    pub macro_mean: Option<MacroMean>,
    pub languages: Vec<Row>,
    /// Language and source.
    pub sources: Vec<Row>,
    /// Parts of a language that say more than the whole: one or several right answers, with or without an item that needs its image.
    pub parts: Vec<Row>,
    /// Answers that no rule could read; they count as wrong.
    pub unread: usize,
    /// How written answers were read: rule and count.
    pub rules: Vec<(String, usize)>,
    /// Questions that were cut on the left because they did not fit the model.
    pub truncated: usize,
    /// Do probabilities mean what they say? Of questions with one right answer whose options have probabilities.
    pub calibration: Option<Calibration>,
    /// lm-evaluation-harness's measures, for protocol `loglik`.
    pub choice: Option<ChoiceMeasures>,
    /// For a run that asked every rotation of the options.
    pub position: Option<Position>,
    /// Is what was written in the question's language?
    pub language_of_text: Vec<LanguageOfText>,
    /// Similarity of written rationales to the stored ones: [`rationales::rationales`] makes it where the data is at hand.
    pub rationales: Option<rationales::Rationales>,
    pub speed: Speed,
    /// Published accuracies on MMedBench in percent, in the order of `languages`, best first; none where no language's lines can be MMedBench's.
    pub published: Vec<PublishedRow>,
    /// Questions of the paper's English benchmarks, by benchmark, beside its table of them.
    pub english: Option<Beside>,
    /// What a reader must know before comparing.
    pub warnings: Vec<String>,
}

/// Which run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub run_id: String,
    pub started: String,
    pub software: String,
    pub model: String,
    pub quantization: String,
    pub backend: String,
    pub protocol: String,
    pub prompt: String,
    pub shots: u32,
    pub chat_template: bool,
    pub option_order: String,
    pub data: String,
    pub data_hash: String,
    /// Questions in the data, as the header says; the rows count those that were answered.
    pub data_questions: u32,
    pub unreadable_lines: u32,
    /// By which result it was to stop; none for a run that asks everything.
    pub until: Option<String>,
}

/// Right answers of a group of questions.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub name: String,
    pub language: Option<Language>,
    pub correct: usize,
    pub n: usize,
    /// In [0, 1], as all shares here.
    pub accuracy: f64,
    pub wilson: Interval,
    pub exact: Interval,
    /// √(p (1 − p) / (n − 1)), as lm-evaluation-harness gives it; absent for one question.
    pub stderr: Option<f64>,
    /// What answering at random would give; absent where the record does not say how many options there were.
    pub chance: Option<f64>,
    pub unread: usize,
}

/// The plain mean over languages.
#[derive(Clone, Debug, Serialize)]
pub struct MacroMean {
    pub accuracy: f64,
    /// √(Σ se²) / K.
    pub stderr: Option<f64>,
    /// Accuracy ± 1.96 standard errors.
    pub interval: Option<Interval>,
    pub languages: usize,
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measure {
    pub value: f64,
    pub stderr: Option<f64>,
}

/// lm-evaluation-harness's measures of one group of questions. With several right answers, a prediction that is one of them counts.
#[derive(Clone, Debug, Serialize)]
pub struct ChoiceRow {
    pub name: String,
    pub n: usize,
    pub acc: Measure,
    pub acc_norm: Measure,
    pub acc_bytes: Measure,
    pub acc_mutual_info: Option<Measure>,
    pub exact_match: Option<Measure>,
    /// Absent where a question has several right answers.
    pub brier: Option<Measure>,
}

/// The same per language and over them.
#[derive(Clone, Debug, Serialize)]
pub struct ChoiceMeasures {
    pub languages: Vec<ChoiceRow>,
    /// Weighted by size, standard errors pooled.
    pub weighted: ChoiceRow,
    /// The plain mean of the languages.
    pub plain: ChoiceRow,
}

/// Whether answers follow the place of an option or its content.
#[derive(Clone, Debug, Serialize)]
pub struct Position {
    /// Questions asked in every rotation.
    pub questions: usize,
    /// Mean accuracy over all rotations.
    pub mean_accuracy: f64,
    /// Share of questions answered rightly in every rotation.
    pub always_right: Option<f64>,
    /// Share of neighbouring rotations in which the same content was chosen, and the same place.
    pub follows_content: Option<f64>,
    pub follows_position: Option<f64>,
    /// How often each place was chosen.
    pub by_position: Vec<usize>,
}

/// Written texts of one language.
#[derive(Clone, Debug, Serialize)]
pub struct LanguageOfText {
    pub language: Language,
    pub same: usize,
    pub other: usize,
    /// Too short to tell.
    pub unclear: usize,
}

/// What it cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Speed {
    /// Tokens read.
    pub tokens: u64,
    /// Tokens written.
    pub written_tokens: u64,
    /// Time of the model, all lines added up.
    pub seconds: f64,
}

/// A published row, percent.
#[derive(Clone, Debug, Serialize)]
pub struct PublishedRow {
    pub model: String,
    pub protocol: String,
    /// In the order of the rows beside which it stands; absent where the paper has none, or where the questions are of another benchmark.
    pub percent: Vec<Option<f64>>,
    /// Plain mean of the six languages, or the printed one of the nine English benchmarks.
    pub mean: Option<f64>,
    pub doubts: Vec<String>,
}

/// Rows of this run and published ones of the same things.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    pub mine: Vec<Row>,
    pub published: Vec<PublishedRow>,
}

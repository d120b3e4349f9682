//! The benchmark's own room: questions, prompts, how a model's scores become an answer, and the record of a run.
//!
//! Nothing here knows a model, a device or a page; it compiles to a small wasm module and is shared by the app, the command line and the
//! trainer. What must hold: a broken line is reported and counted, never dropped in silence; no number read from a file sizes an allocation.
//!
//! - [`question`]: one multiple-choice question with letters A–J and a set of right letters
//! - [`reader`], `archive` (a feature): JSONL files and zip archives of them into questions and line errors
//! - [`originals`]: the benchmarks' own formats
//! - [`prompt`]: the prompts of the paper as data, and the training targets
//! - [`template`], [`shots`]: the prompts of evaluations, and the examples before a question
//! - [`protocol`]: the ways to score, and the order of options
//! - [`scoring`]: which continuations a quiz's model is asked to score, and what the scores say
//! - [`choice`]: lm-evaluation-harness's scores of options
//! - [`extract`], [`lenient`]: letters out of generated text
//! - [`run`]: plan, runner, resuming and merging; where a model comes in
//! - [`record`], [`summary`]: run records (JSONL, CSV), and what is shown from them
//! - [`metrics`]: how like a reference a text is, and in which language
//! - [`published`]: the paper's results as data
//! - [`report`]: all of that for a run, counted line by line, as tables, CSV, JSON or a page; two runs compared
//! - [`rating`]: people judge rationales: studies, ratings, agreement, correlation with metrics
//! - [`statistics`]: intervals, tests, calibration, means, agreement, early stopping

#[cfg(feature = "archive")]
pub mod archive;
pub mod choice;
pub mod extract;
pub mod language;
pub mod lenient;
pub mod metrics;
pub mod originals;
pub mod prompt;
pub mod protocol;
pub mod published;
pub mod question;
pub mod rating;
pub mod reader;
pub mod record;
pub mod report;
pub mod run;
pub mod scoring;
pub mod seed;
pub mod shots;
pub mod statistics;
pub mod summary;
pub mod template;
mod unicode;

pub use language::Language;
pub use prompt::{Prompt, PromptVariant};
pub use protocol::{BeginToken, OptionOrder, Protocol};
pub use question::{Question, letters_from, letters_to_string};
pub use reader::{LineError, ReadReport};
pub use record::{QuestionRecord, RunHeader, RunRecord};
pub use template::Template;

/// Lower-case hexadecimal SHA-256 of `bytes`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 of bytes that come in pieces.
#[derive(Clone, Default)]
pub struct Sha256Hex(sha2::Sha256);

impl Sha256Hex {
    /// The next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    /// Lower-case hexadecimal.
    pub fn finish(self) -> String {
        sha2::Digest::finalize(self.0).iter().map(|b| format!("{b:02x}")).collect()
    }
}

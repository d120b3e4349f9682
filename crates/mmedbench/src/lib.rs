//! The benchmark's own room: questions, prompts, how a model's scores become an answer, and the record of a run.
//!
//! Nothing here knows a model, a device or a page; it compiles to a small wasm module and is shared by the app, the command line and the
//! trainer. What must hold: a broken line is reported and counted, never dropped in silence; no number read from a file sizes an allocation.
//!
//! - [`question`]: one multiple-choice question with letters A–J and a set of right letters
//! - [`reader`], [`archive`]: JSONL files and zip archives of them into questions and line errors
//! - [`prompt`]: the prompts of the paper as data, and the training targets
//! - [`scoring`]: which continuations a model is asked to score, and what the scores say
//! - [`choice`]: lm-evaluation-harness's scores of options
//! - [`extract`]: letters out of generated text
//! - [`record`], [`summary`]: run records (JSONL, CSV), and what is shown from them
//! - [`statistics`]: intervals, tests, calibration, means, agreement, early stopping

pub mod archive;
pub mod choice;
pub mod extract;
pub mod language;
pub mod prompt;
pub mod question;
pub mod reader;
pub mod record;
pub mod scoring;
pub mod statistics;
pub mod summary;

pub use language::Language;
pub use prompt::{Prompt, PromptVariant};
pub use question::{Question, letters_from, letters_to_string};
pub use reader::{LineError, ReadReport};
pub use record::{QuestionRecord, RunHeader, RunRecord};

/// Lower-case hexadecimal SHA-256 of `bytes`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

//! `log.jsonl` of a run: one JSON object a step.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1.
    pub step: u64,
    /// Mean over the step's targets, natural logarithm.
    pub loss: f64,
    /// Of this step.
    pub learning_rate: f64,
    /// Before clipping.
    pub gradient_norm: f64,
    /// Passes over the data that are complete.
    pub epoch: u64,
    /// Targets of this step.
    pub targets: u64,
    /// Rows computed since the run began.
    pub tokens: u64,
    /// Rows a second in this step.
    pub tokens_per_second: f64,
    /// Mean loss of the held-out text, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held_out_loss: Option<f64>,
    /// The same by language, where the text has one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub held_out_losses: BTreeMap<String, f64>,
}

/// The open file.
pub struct RunLog(File);

/// Name of the file in a run's folder.
pub const NAME: &str = "log.jsonl";

impl RunLog {
    /// Opens the log of a run that goes on after `step`: later lines, of steps that will be done again, are dropped.
    pub fn open(folder: &Path, step: u64) -> Result<RunLog> {
        let path = folder.join(NAME);
        let name = || path.display().to_string();
        let mut kept = String::new();
        if step > 0 && path.is_file() {
            for line in std::fs::read_to_string(&path).with_context(name)?.lines() {
                // A line that was being written when the machine stopped is of a step that will be done again.
                if serde_json::from_str::<Entry>(line).is_ok_and(|entry| entry.step <= step) {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
        }
        crate::folder::write(&path, kept.as_bytes())?;
        Ok(RunLog(OpenOptions::new().append(true).open(&path).with_context(name)?))
    }

    /// Adds a line.
    pub fn add(&mut self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_string(entry)?;
        line.push('\n');
        self.0.write_all(line.as_bytes()).context(NAME)
    }
}

/// All lines of a run's log.
pub fn read(folder: &Path) -> Result<Vec<Entry>> {
    let path = folder.join(NAME);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| path.display().to_string()))
        .collect()
}

//! Benchmark runs in this browser: one value for each run's facts, and its record in batches of lines, written as it goes.
//!
//! What must hold: a batch of lines and the count of what is done are stored together, or neither is; so a tab that dies loses at most the
//! batch that was being scored, and no question is in a record twice.

use mmedbench::record::{RunHeader, RunRecord};
use serde::{Deserialize, Serialize};

use super::setup::Setup;
use crate::storage::idb::{self, DbError, Store};

/// A run without its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRun {
    pub id: String,
    pub header: RunHeader,
    /// What was asked for; none for a record that was imported.
    #[serde(default)]
    pub setup: Option<Setup>,
    /// Lines of the record so far, and when it is whole.
    pub done: usize,
    pub total: usize,
    /// Of them, right.
    pub right: usize,
    /// Batches that were written.
    pub batches: usize,
    /// Time spent on it, in milliseconds.
    pub milliseconds: f64,
}

impl StoredRun {
    pub fn is_finished(&self) -> bool {
        self.done >= self.total
    }

    /// For people: the model's name.
    pub fn model(&self) -> String {
        self.header.model.as_ref().map_or("No model".into(), |m| m.name.clone())
    }

    /// The protocol's name; empty for a quiz.
    pub fn protocol(&self) -> String {
        self.header.evaluation.as_ref().map(|e| e.protocol.clone()).unwrap_or_default()
    }

    /// The prompt's name.
    pub fn prompt(&self) -> String {
        self.header.prompt.as_ref().map(|p| p.name.clone()).unwrap_or_default()
    }

    /// Which questions.
    pub fn data(&self) -> String {
        self.header.evaluation.as_ref().map(|e| e.data.name.clone()).unwrap_or_default()
    }
}

fn batch_key(id: &str, number: usize) -> String {
    format!("{id}/{number:07}")
}

fn json<T: Serialize>(value: &T) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|e| DbError(e.to_string()))
}

/// All runs, the newest first. A value of another version is passed over.
pub async fn runs() -> Result<Vec<StoredRun>, DbError> {
    let mut runs: Vec<StoredRun> = idb::all(Store::BenchRuns)
        .await?
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect();
    runs.sort_by(|a, b| b.header.started.cmp(&a.header.started));
    Ok(runs)
}

/// Stores a run's facts alone.
pub async fn put(run: &StoredRun) -> Result<(), DbError> {
    idb::put(Store::BenchRuns, &run.id, &json(run)?).await
}

/// Adds lines to the record: `lines` are `n` lines, each ended, `right` of them of right answers.
pub async fn append(run: &mut StoredRun, lines: &str, n: usize, right: usize) -> Result<(), DbError> {
    let mut next = run.clone();
    next.done += n;
    next.right += right;
    next.batches += 1;
    let facts = json(&next)?;
    // A batch of this number is there already where another tab goes on with the same run: then this one must stop.
    idb::put_with_new(
        (Store::BenchRuns, &run.id, &facts),
        (Store::BenchRecords, &batch_key(&run.id, run.batches), lines),
    )
    .await?;
    *run = next;
    Ok(())
}

/// The record as JSONL.
pub async fn jsonl(run: &StoredRun) -> Result<String, DbError> {
    let lines = idb::with_prefix(Store::BenchRecords, &format!("{}/", run.id)).await?;
    Ok(run.header.to_line() + &lines.concat())
}

/// The record.
pub async fn record(run: &StoredRun) -> Result<RunRecord, DbError> {
    RunRecord::from_jsonl(&jsonl(run).await?).map_err(|e| DbError(e.to_string()))
}

pub async fn delete(id: &str) -> Result<(), DbError> {
    idb::delete(&[Store::BenchRuns], id).await?;
    idb::delete_prefix(Store::BenchRecords, &format!("{id}/")).await
}

/// Takes a record of another browser or of the command line.
pub async fn import(text: &str) -> Result<StoredRun, String> {
    let record = RunRecord::from_jsonl(text).map_err(|e| e.to_string())?;
    if record.questions.iter().all(|q| q.prediction.is_none() && q.text.is_none()) {
        return Err("no question of this record was answered by a model".into());
    }
    let mut run = StoredRun {
        id: format!("import-{}", &mmedbench::sha256_hex(text.as_bytes())[..16]),
        total: record.questions.len(),
        milliseconds: record.questions.iter().filter_map(|q| q.milliseconds).sum(),
        header: record.header,
        setup: None,
        done: 0,
        right: 0,
        batches: 0,
    };
    // The same record may have been imported before: its lines are replaced.
    delete(&run.id).await.map_err(|e| e.0)?;
    for lines in record.questions.chunks(500) {
        let text: String = lines.iter().map(|q| q.to_line()).collect();
        let right = lines.iter().filter(|q| q.correct == Some(true)).count();
        append(&mut run, &text, lines.len(), right).await.map_err(|e| e.0)?;
    }
    Ok(run)
}

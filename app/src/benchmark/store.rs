//! Benchmark runs in this browser's private file system: a folder for each run, with its facts and its record in files of lines (`batch.rs`).
//!
//! What must hold: a run's facts are written once, before its first lines; a file of lines is there whole or counts as not there, so a tab that
//! dies loses at most the batch that was being scored; what is done is read from those files and stands nowhere else. One tab at a time writes a
//! run: it holds the run's lock.

use mmedbench::record::{QuestionRecord, RunHeader, RunRecord};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use super::batch::{self, Batch};
use super::setup::Setup;
use crate::storage::StorageError;
use crate::storage::lock::Lock;
use crate::storage::opfs::{self, Folder};

/// The folder of all runs.
const ROOT: &str = "mmedkit-benchmark";
/// The file of a run's facts.
const FACTS: &str = "run.json";

/// What is known of a run before its first answer, as it lies in its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Facts {
    header: RunHeader,
    setup: Option<Setup>,
    total: usize,
}

/// A run without its record.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    pub id: String,
    pub header: RunHeader,
    /// What was asked for; none for a record that was imported.
    pub setup: Option<Setup>,
    /// Lines of the record when it is whole.
    pub total: usize,
    /// Lines so far.
    pub done: usize,
    /// Of them, right.
    pub right: usize,
}

impl StoredRun {
    /// Nothing answered yet.
    pub fn new(id: String, header: RunHeader, setup: Option<Setup>, total: usize) -> StoredRun {
        StoredRun {
            id,
            header,
            setup,
            total,
            done: 0,
            right: 0,
        }
    }

    pub fn add(&mut self, batch: Batch) {
        self.done += batch.lines;
        self.right += batch.right;
    }

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

/// The files of a run.
pub struct Files {
    folder: Folder,
    /// In order.
    pub batches: Vec<Batch>,
}

impl Files {
    async fn in_folder(folder: Folder) -> Result<Files, StorageError> {
        let mut batches: Vec<Batch> = folder.names().await?.iter().filter_map(|name| Batch::parse(name)).collect();
        batches.sort_unstable();
        // Batches are written one after the other: only the last can be one that was never finished, which is empty.
        if let Some(last) = batches.last()
            && folder.file(&last.name()).await?.is_none_or(|file| file.size() == 0.0)
        {
            batches.pop();
        }
        Ok(Files { folder, batches })
    }

    /// A batch as a file.
    async fn file(&self, batch: Batch) -> Result<web_sys::File, StorageError> {
        let file = self.folder.file(&batch.name()).await?;
        file.ok_or_else(|| StorageError::new("a part of the record was removed"))
    }

    /// The lines of a batch.
    pub async fn lines(&self, batch: Batch) -> Result<Vec<QuestionRecord>, StorageError> {
        let text = opfs::text(&self.file(batch).await?).await?;
        let lines: Vec<QuestionRecord> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|e| StorageError(format!("a part of the record is damaged ({}: {e})", batch.name())))?;
        if lines.len() != batch.lines {
            return Err(StorageError(format!("a part of the record is damaged ({})", batch.name())));
        }
        Ok(lines)
    }

    /// Single lines, by their places in rising order, each with its place.
    pub async fn some(&self, places: &[usize]) -> Result<Vec<QuestionRecord>, StorageError> {
        let mut out = Vec::with_capacity(places.len());
        for (index, wanted) in batch::find(&self.batches, places) {
            let lines = self.lines(self.batches[index]).await?;
            out.extend(wanted.into_iter().map(|line| lines[line].clone()));
        }
        Ok(out)
    }
}

async fn root() -> Result<Folder, StorageError> {
    Folder::of_site(ROOT).await
}

async fn lock(id: &str) -> Result<Lock, StorageError> {
    let held = Lock::take(&format!("{ROOT}/{id}")).await?;
    held.ok_or_else(|| StorageError::new("another tab is at work on this run"))
}

/// All runs, the newest first. What cannot be read (of another version, or never begun) is passed over.
pub async fn runs() -> Result<Vec<StoredRun>, StorageError> {
    let root = root().await?;
    let mut runs = Vec::new();
    for id in root.names().await? {
        if let Ok(Some((run, _))) = open_in(&root, &id).await {
            runs.push(run);
        }
    }
    runs.sort_by(|a, b| b.header.started.cmp(&a.header.started));
    Ok(runs)
}

/// A run as it is now, and its files.
pub async fn open(id: &str) -> Result<(StoredRun, Files), StorageError> {
    let found = open_in(&root().await?, id).await?;
    found.ok_or_else(|| StorageError::new("it was deleted"))
}

async fn open_in(root: &Folder, id: &str) -> Result<Option<(StoredRun, Files)>, StorageError> {
    let Some(folder) = root.folder(id).await? else { return Ok(None) };
    let Some(facts) = folder.file(FACTS).await? else { return Ok(None) };
    let facts: Facts = serde_json::from_str(&opfs::text(&facts).await?).map_err(|e| StorageError(e.to_string()))?;
    let files = Files::in_folder(folder).await?;
    let mut run = StoredRun::new(id.into(), facts.header, facts.setup, facts.total);
    files.batches.iter().for_each(|batch| run.add(*batch));
    Ok(Some((run, files)))
}

/// The one tab that writes a run.
pub struct Writer {
    id: String,
    /// Facts that are written before the first lines; none where they are there.
    facts: Option<Facts>,
    folder: Option<Folder>,
    next: usize,
    /// Given back when the writer is gone.
    _lock: Lock,
}

impl Writer {
    /// Of a new run. Nothing is stored before its first lines.
    pub async fn begin(run: &StoredRun) -> Result<Writer, StorageError> {
        let lock = lock(&run.id).await?;
        root().await?.remove(&run.id).await?;
        Ok(Writer {
            id: run.id.clone(),
            facts: Some(Facts {
                header: run.header.clone(),
                setup: run.setup.clone(),
                total: run.total,
            }),
            folder: None,
            next: 0,
            _lock: lock,
        })
    }

    /// Of a run that is there: as it is now, after another tab may have gone on with it.
    pub async fn go_on(id: &str) -> Result<(StoredRun, Files, Writer), StorageError> {
        let lock = lock(id).await?;
        let (run, files) = open(id).await?;
        // What a tab that died left unfinished.
        for name in files.folder.names().await? {
            if Batch::parse(&name).is_some_and(|batch| !files.batches.contains(&batch)) {
                files.folder.remove(&name).await?;
            }
        }
        let writer = Writer {
            id: id.into(),
            facts: None,
            folder: Some(files.folder.clone()),
            next: files.batches.last().map_or(0, |batch| batch.number + 1),
            _lock: lock,
        };
        Ok((run, files, writer))
    }

    /// Adds whole lines; they are stored when this is done.
    pub async fn append(&mut self, lines: &str) -> Result<Batch, StorageError> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => root().await?.create(&self.id).await?,
        };
        let folder = self.folder.insert(folder);
        if let Some(facts) = &self.facts {
            let facts = serde_json::to_string(facts).map_err(|e| StorageError(e.to_string()))?;
            folder.write(FACTS, &facts).await?;
            self.facts = None;
        }
        let batch = Batch::of(self.next, lines);
        folder.write(&batch.name(), lines).await?;
        self.next += 1;
        Ok(batch)
    }
}

/// The record as parts of a file: its header's line, and the files of its lines, which are not read here.
pub async fn parts(id: &str) -> Result<js_sys::Array, StorageError> {
    let (run, files) = open(id).await?;
    let parts = js_sys::Array::of1(&run.header.to_line().into());
    for batch in &files.batches {
        parts.push(&JsValue::from(files.file(*batch).await?));
    }
    Ok(parts)
}

/// The whole record, for what needs all of it at once.
pub async fn record(id: &str) -> Result<RunRecord, StorageError> {
    let (run, files) = open(id).await?;
    let mut questions = Vec::with_capacity(run.done);
    for batch in &files.batches {
        questions.extend(files.lines(*batch).await?);
    }
    Ok(RunRecord {
        header: run.header,
        questions,
    })
}

pub async fn delete(id: &str) -> Result<(), StorageError> {
    let _lock = lock(id).await?;
    root().await?.remove(id).await
}

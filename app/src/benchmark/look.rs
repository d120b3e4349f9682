//! Looking at runs: opened, compared, their rationales scored, exported, taken in from elsewhere, deleted.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use leptos::prelude::*;
use mmedbench::report::compare::{Answered, compare_answers};
use mmedbench::report::rationales::{missing, pairs, rationales};
use mmedbench::{Protocol, QuestionRecord};

use super::asked::{Asked, short};
use super::import::import;
use super::store::{self, StoredRun};
use super::{Bench, Opened, Other, Written};
use crate::download::save_parts;
use crate::notices::Topic;
use crate::storage::StorageError;

impl Bench {
    /// Reads the list of runs anew.
    pub fn list(self) {
        leptos::task::spawn_local(async move {
            match store::runs().await {
                Ok(runs) => self.runs.set(Some(runs)),
                Err(error) => {
                    self.say(format!("The runs cannot be read: {}.", error.0));
                    self.runs.set(Some(Vec::new()));
                }
            }
        });
    }

    /// Shows a run.
    pub fn open(self, id: String) {
        leptos::task::spawn_local(async move {
            match self.read(&id).await {
                Ok(opened) => self.show(opened),
                Err(error) => self.say(format!("The run cannot be read: {}.", error.0)),
            }
        });
    }

    pub(super) fn show(self, opened: Opened) {
        self.question.set(None);
        self.other.set(None);
        self.rationales.set(Written::NotAsked);
        self.report.set(None);
        self.opened.set(Some(opened));
        self.refresh();
    }

    /// A run with its lines counted.
    async fn read(self, id: &str) -> Result<Opened, StorageError> {
        let (run, _) = store::open(id).await?;
        let mut opened = Opened::new(run, Asked::default());
        let (mut languages, mut hashes) = (BTreeSet::new(), HashSet::new());
        // It may go on while it is read: till no line is missing.
        loop {
            let (run, files) = store::open(id).await?;
            for batch in files.batches.iter().skip(opened.batches.len()) {
                let lines = files.lines(*batch).await?;
                for line in &lines {
                    languages.insert(line.language);
                    hashes.insert(short(&line.question_hash));
                }
                opened.add(*batch, &lines);
            }
            opened.run = run;
            if opened.asked.questions().is_empty() {
                opened.asked = self.asked(&opened.run, &languages, &hashes).await;
            }
            let at_work = self.working.with_untracked(|w| w.as_deref() == Some(id));
            if !at_work || self.stored(id).is_none_or(|known| known.done <= opened.run.done) {
                return Ok(opened);
            }
        }
    }

    /// The questions of a run. Data that are gone leave the record readable: its questions then have no text.
    async fn asked(self, run: &StoredRun, languages: &BTreeSet<mmedbench::Language>, hashes: &HashSet<u64>) -> Asked {
        if let Some(setup) = &run.setup
            && let Ok(plan) = setup.plan(self.library, 1).await
        {
            return Asked::of_plan(Arc::new(plan));
        }
        Asked::find(self.library, &run.header, languages, hashes).await
    }

    /// Back to the form. A run at work goes on.
    pub fn close(self) {
        self.question.set(None);
        self.other.set(None);
        self.opened.set(None);
        self.report.set(None);
    }

    /// Lines of the opened run, by their places in rising order.
    pub async fn lines(self, places: Vec<usize>) -> Vec<QuestionRecord> {
        let Some(id) = self.opened.with_untracked(|o| o.as_ref().map(|o| o.run.id.clone())) else {
            return Vec::new();
        };
        let read = async { store::open(&id).await?.1.some(&places).await };
        match read.await {
            Ok(lines) => lines,
            Err(error) => {
                self.say(format!("The run cannot be read: {}.", error.0));
                Vec::new()
            }
        }
    }

    /// Looks at another run beside the opened one; none with an unknown id.
    pub fn compare(self, id: String) {
        let this = self.opened.with_untracked(|o| o.as_ref().map(|o| o.run.id.clone()));
        let (Some(this), Some(run)) = (this, self.stored(&id)) else {
            return self.other.set(None);
        };
        leptos::task::spawn_local(async move {
            let both = async {
                let (first, second) = (answers(&this).await?, answers(&id).await?);
                let comparison = compare_answers((&first.0.header, &first.1), (&second.0.header, &second.1));
                Ok::<_, StorageError>(comparison.map_err(|e| e.to_string()))
            };
            match both.await {
                Ok(comparison) if self.shows(&this) => self.other.set(Some(Other { run, comparison })),
                Ok(_) => {}
                Err(StorageError(error)) => self.say(format!("The run cannot be read: {error}.")),
            }
        });
    }

    /// Compares what the opened run wrote with the stored rationales.
    pub fn score_rationales(self) {
        let Some((id, asked)) = self
            .opened
            .with_untracked(|o| o.as_ref().map(|o| (o.run.id.clone(), o.asked.clone())))
        else {
            return;
        };
        self.rationales.set(Written::Working);
        leptos::task::spawn_local(async move {
            match store::record(&id).await {
                Ok(record) => {
                    let pairs = pairs(&record, asked.questions());
                    let wrote = record.questions.iter().any(|line| line.text.is_some());
                    let known = rationales(&pairs).ok_or_else(|| missing(wrote, &pairs));
                    if self.shows(&id) {
                        self.rationales.set(Written::Known(known));
                    }
                }
                Err(error) => {
                    self.rationales.set(Written::NotAsked);
                    self.say(format!("The run cannot be read: {}.", error.0));
                }
            }
        });
    }

    pub fn remove(self, id: String) {
        leptos::task::spawn_local(async move {
            match store::delete(&id).await {
                Ok(()) => self.runs.update(|runs| runs.iter_mut().for_each(|r| r.retain(|run| run.id != id))),
                Err(error) => self.say(format!("The run could not be deleted: {}.", error.0)),
            }
        });
    }

    /// Gives the record as a file.
    pub fn export(self, id: String) {
        leptos::task::spawn_local(async move {
            match store::parts(&id).await {
                Ok(parts) => save_parts(&format!("mmedkit-benchmark-{id}.jsonl"), "application/jsonl", &parts),
                Err(error) => self.say(format!("The run cannot be read: {}.", error.0)),
            }
        });
    }

    /// Takes a record in and shows it.
    pub async fn import(self, file: web_sys::File) {
        let name = file.name();
        match import(&file).await {
            Ok(run) => {
                self.notices.clear(Topic::Benchmark);
                self.note(&run);
                self.open(run.id);
            }
            Err(problem) => self.say(format!("{name}: {problem}.")),
        }
    }
}

/// What a comparison needs of a run.
async fn answers(id: &str) -> Result<(StoredRun, Vec<Answered>), StorageError> {
    let (run, files) = store::open(id).await?;
    let mut answers = Vec::with_capacity(run.done);
    let mut first = 0;
    for batch in &files.batches {
        let lines = files.lines(*batch).await?;
        let each = lines.iter().enumerate();
        answers.extend(each.filter_map(|(index, line)| Answered::of(first + index, line)));
        first += lines.len();
    }
    Ok((run, answers))
}

/// Whether a run's protocol has the model write.
pub fn writes(run: &StoredRun) -> bool {
    Protocol::parse(&run.protocol()).is_some_and(Protocol::writes)
}

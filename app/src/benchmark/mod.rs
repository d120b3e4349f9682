//! Benchmark runs of this page: started, measured, paused, gone on with, looked at and compared.
//!
//! What must hold: a run's record is stored before its questions count as done; one run is at work at a time; a device whose self-test failed
//! scores nothing; what is shown is `mmedbench::report`'s, counted from the record alone, line by line. Of a record only counts, marks and the
//! places of its lines are in memory: it may have 100,000 lines.
//!
//! - `setup.rs`: what a run is asked to be; `model.rs`: the engine as the runner's model; `asked.rs`: a run's questions and prompts
//! - `store.rs`, `batch.rs`: runs in the browser's private file system; `marks.rs`: which lines are listed
//! - `work.rs`: carries a run out; `look.rs`: opens, compares, exports; `import.rs`: records from elsewhere

pub mod asked;
mod batch;
mod import;
mod look;
pub use look::writes;
pub mod marks;
mod model;
pub mod setup;
pub mod store;
mod work;

use std::sync::Arc;

use leptos::prelude::*;
use mmedbench::QuestionRecord;
use mmedbench::report::compare::Comparison;
use mmedbench::report::rationales::Rationales;
use mmedbench::report::{Counts, Report};
use mmedbench::statistics::interval::wilson;

use crate::engine::Engine;
use crate::library::Library;
use crate::notices::{Notices, Topic};
use crate::text::percent;
use asked::Asked;
use batch::Batch;
use marks::Marks;
use store::StoredRun;

/// A run on the screen.
pub struct Opened {
    pub run: StoredRun,
    pub counts: Counts,
    pub marks: Marks,
    pub asked: Asked,
    batches: Vec<Batch>,
}

impl Opened {
    fn new(run: StoredRun, asked: Asked) -> Opened {
        Opened {
            run,
            counts: Counts::default(),
            marks: Marks::default(),
            asked,
            batches: Vec::new(),
        }
    }

    /// A batch that is stored, and its lines.
    fn add(&mut self, batch: Batch, lines: &[QuestionRecord]) {
        self.batches.push(batch);
        for line in lines {
            self.counts.add(line);
            self.marks.add(line);
        }
    }
}

/// Another run, beside the opened one.
pub struct Other {
    pub run: StoredRun,
    /// Or why the two do not compare.
    pub comparison: Result<Comparison, String>,
}

/// How like the stored rationales the written ones are.
#[derive(Clone)]
pub enum Written {
    NotAsked,
    Working,
    /// Or why there is nothing to say.
    Known(Result<Rationales, &'static str>),
}

/// How a run at work goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Questions a second, over the last minute or so.
    pub per_second: f64,
    /// Seconds until the end.
    pub left: f64,
    /// Batches since the run was started or gone on with.
    pub batches: usize,
}

/// What the short measurement said.
#[derive(Clone, Debug, PartialEq)]
pub enum Estimate {
    None,
    Measuring,
    /// Seconds for the whole, questions of the whole, questions measured.
    Takes {
        seconds: f64,
        questions: usize,
        measured: usize,
    },
}

#[derive(Clone, Copy)]
pub struct Bench {
    pub runs: RwSignal<Option<Vec<StoredRun>>>,
    pub opened: RwSignal<Option<Opened>>,
    /// What the opened run's record says; none before its first answer.
    pub report: RwSignal<Option<Arc<Report>>>,
    pub rationales: RwSignal<Written>,
    pub other: RwSignal<Option<Other>>,
    /// Of the opened run: the place of the line that is looked at.
    pub question: RwSignal<Option<usize>>,
    /// The run at work, by its id.
    pub working: RwSignal<Option<String>>,
    pub pausing: RwSignal<bool>,
    pub pace: RwSignal<Pace>,
    pub estimate: RwSignal<Estimate>,
    pub engine: Engine,
    pub library: Library,
    notices: Notices,
}

impl Bench {
    pub fn new(engine: Engine, library: Library, notices: Notices) -> Bench {
        Bench {
            runs: RwSignal::new(None),
            opened: RwSignal::new(None),
            report: RwSignal::new(None),
            rationales: RwSignal::new(Written::NotAsked),
            other: RwSignal::new(None),
            question: RwSignal::new(None),
            working: RwSignal::new(None),
            pausing: RwSignal::new(false),
            pace: RwSignal::new(Pace::default()),
            estimate: RwSignal::new(Estimate::None),
            engine,
            library,
            notices,
        }
    }

    /// With what the shell provides.
    pub fn of_shell() -> Bench {
        Bench::new(expect_context(), expect_context(), expect_context())
    }

    fn say(self, problem: impl Into<String>) {
        self.notices.say(Topic::Benchmark, problem);
    }

    fn stored(self, id: &str) -> Option<StoredRun> {
        self.runs.with_untracked(|runs| runs.iter().flatten().find(|r| r.id == id).cloned())
    }

    /// Puts a run's newest facts into the list.
    fn note(self, run: &StoredRun) {
        self.runs.update(|runs| {
            let runs = runs.get_or_insert_default();
            match runs.iter_mut().find(|r| r.id == run.id) {
                Some(known) => *known = run.clone(),
                None => runs.insert(0, run.clone()),
            }
        });
    }

    fn shows(self, id: &str) -> bool {
        self.opened.with_untracked(|o| o.as_ref().is_some_and(|o| o.run.id == id))
    }

    /// Makes the numbers of the opened run anew.
    fn refresh(self) {
        let made = self.opened.with_untracked(|o| {
            let o = o.as_ref().filter(|o| o.counts.questions() > 0)?;
            Some(o.counts.report(&o.run.header))
        });
        match made.transpose() {
            Ok(report) => self.report.set(report.map(Arc::new)),
            Err(error) => self.say(format!("The numbers of this run cannot be shown: {error}.")),
        }
    }
}

/// Accuracy in a few words.
pub fn in_words(right: usize, total: usize) -> String {
    match wilson(right, total, mmedbench::report::ALPHA) {
        Some(interval) => format!(
            "{} right ({}–{})",
            percent(right as f64 / total as f64),
            (interval.low * 100.0).round(),
            percent(interval.high)
        ),
        None => "nothing answered yet".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_is_said_with_its_interval() {
        // Wilson, 2 of 4, by statsmodels 0.14: (0.150036, 0.849964).
        assert_eq!(in_words(2, 4), "50 % right (15–85 %)");
        assert_eq!(in_words(0, 0), "nothing answered yet");
    }
}

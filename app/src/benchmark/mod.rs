//! Benchmark runs of this page: started, measured, paused, gone on with, looked at and compared.
//!
//! What must hold: a run's record is stored before its questions count as done; one run is at work at a time; a device whose self-test failed
//! scores nothing; what is shown comes from the record alone.
//!
//! - `setup.rs`: what a run is asked to be; `model.rs`: the engine as the runner's model; `store.rs`: runs in IndexedDB
//! - `work.rs`: carries a run out; `score.rs`: numbers for the page

mod model;
pub mod score;
pub mod setup;
pub mod store;
mod work;

use std::collections::BTreeMap;

use leptos::prelude::*;
use mmedbench::run::Plan;
use mmedbench::{Question, QuestionRecord};

use crate::download::save;
use crate::engine::Engine;
use crate::files::read_text;
use crate::library::Library;
use crate::notices::{Notices, Topic};
use store::StoredRun;

/// Larger records are refused before they are read: 100,000 questions have about 60 MB.
const LARGEST_RECORD: f64 = 256e6;

/// A run on the screen.
pub struct Opened {
    pub run: StoredRun,
    pub records: Vec<QuestionRecord>,
    /// What was asked, where its data are in this browser.
    pub plan: Option<Plan>,
    /// Places in the plan's questions, by hash.
    places: BTreeMap<String, usize>,
}

impl Opened {
    fn new(run: StoredRun, records: Vec<QuestionRecord>, plan: Option<Plan>) -> Opened {
        let questions = plan.iter().flat_map(|p| p.questions().iter().enumerate());
        let places = questions.map(|(place, q)| (q.hash(), place)).collect();
        Opened {
            run,
            records,
            plan,
            places,
        }
    }

    /// The question of a line, where its data are here.
    pub fn question(&self, record: &QuestionRecord) -> Option<&Question> {
        let place = *self.places.get(&record.question_hash)?;
        self.plan.as_ref()?.questions().get(place)
    }
}

/// Another run, to compare with.
pub struct Other {
    pub run: StoredRun,
    pub records: Vec<QuestionRecord>,
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
    pub other: RwSignal<Option<Other>>,
    /// Of the opened run: the line that is looked at.
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

    /// Shows a run.
    pub fn open(self, id: String) {
        let Some(run) = self.stored(&id) else { return };
        leptos::task::spawn_local(async move {
            let record = match store::record(&run).await {
                Ok(record) => record,
                Err(error) => return self.say(format!("The run cannot be read: {}.", error.0)),
            };
            // Data that are gone leave the record readable: its questions then have no text.
            let plan = match &run.setup {
                Some(setup) => setup.plan(self.library, 1).await.ok(),
                None => None,
            };
            // It may have gone on while it was read.
            let run = self.stored(&id).filter(|r| r.done == record.questions.len()).unwrap_or(run);
            self.question.set(None);
            self.other.set(None);
            self.opened.set(Some(Opened::new(run, record.questions, plan)));
        });
    }

    /// Back to the form. A run at work goes on.
    pub fn close(self) {
        self.question.set(None);
        self.other.set(None);
        self.opened.set(None);
    }

    /// Looks at another run beside the opened one; none with an unknown id.
    pub fn compare(self, id: String) {
        let Some(run) = self.stored(&id) else {
            return self.other.set(None);
        };
        leptos::task::spawn_local(async move {
            match store::record(&run).await {
                Ok(record) => self.other.set(Some(Other {
                    run,
                    records: record.questions,
                })),
                Err(error) => self.say(format!("The run cannot be read: {}.", error.0)),
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
        let Some(run) = self.stored(&id) else { return };
        leptos::task::spawn_local(async move {
            match store::jsonl(&run).await {
                Ok(text) => save(&format!("mmedkit-benchmark-{id}.jsonl"), "application/jsonl", &text),
                Err(error) => self.say(format!("The run cannot be read: {}.", error.0)),
            }
        });
    }

    /// Takes a record in and shows it.
    pub async fn import(self, file: web_sys::File) {
        let name = file.name();
        let text = match read_text(&file, LARGEST_RECORD).await {
            Ok(text) => text,
            Err(problem) => return self.say(format!("{problem}.")),
        };
        match store::import(&text).await {
            Ok(run) => {
                self.notices.clear(Topic::Benchmark);
                self.note(&run);
                self.open(run.id);
            }
            Err(problem) => self.say(format!("{name}: {problem}.")),
        }
    }

    /// The text that a question's answer followed, of the opened run; a sentence where it cannot be made again.
    pub fn prompt_of(self, question: &Question) -> String {
        let asked = self.opened.with_untracked(|o| {
            let plan = o.as_ref()?.plan.as_ref()?;
            let place = plan.questions().iter().position(|q| q == question)?;
            let item = plan.items().iter().find(|item| item.question == place)?;
            Some((plan.ask(*item).ok()?, plan.settings.chat, plan.settings.protocol.writes()))
        });
        let Some((asked, chat, writes)) = asked else {
            return "The prompt cannot be made again from what is in this browser.".into();
        };
        let frame = if chat {
            "(As the user’s message, in the model’s chat template.)\n\n"
        } else {
            ""
        };
        let lead = if writes { String::new() } else { asked.lead };
        format!("{frame}{}{lead}", asked.text)
    }
}

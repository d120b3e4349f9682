//! Carries a run out: measures how long it will take, asks the model batch by batch, stores the lines, tells the page.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use leptos::prelude::*;
use mmedbench::run::{self, Done, Outcome, Plan, RunError, Sink};
use worker::protocol::Failure;

use super::model::{PageModel, is_of_engine};
use super::setup::{Setup, remember};
use super::store::{self, StoredRun};
use super::{Bench, Estimate, Opened, Pace};
use crate::engine::ModelState;
use crate::storage::idb::DbError;

/// Questions of the short measurement; half of them warm up.
const MEASURED: usize = 6;
/// A batch should take about so long: then a pause comes soon, and a tab that dies loses little.
const BATCH_MS: f64 = 3000.0;
const LARGEST_BATCH: usize = 32;
/// Where nothing was measured.
const USUAL_BATCH: usize = 8;
/// How much the newest batch counts for the speed that is shown.
const NEWEST: f64 = 0.25;

/// Lines go to the stored run.
struct StoreSink {
    run: Rc<RefCell<StoredRun>>,
    since: f64,
}

impl Sink for StoreSink {
    type Error = StoreError;

    async fn append(&mut self, lines: &str) -> Result<(), StoreError> {
        let now = js_sys::Date::now();
        let mut run = self.run.borrow().clone();
        run.milliseconds += now - self.since;
        self.since = now;
        // The runner hands over text; a line says of itself whether it is right.
        let right = lines.lines().filter(|line| line.contains("\"correct\":true")).count();
        store::append(&mut run, lines, lines.lines().count(), right)
            .await
            .map_err(StoreError)?;
        *self.run.borrow_mut() = run;
        Ok(())
    }
}

#[derive(Debug)]
struct StoreError(DbError);

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.0)
    }
}

impl Bench {
    /// Why nothing can be scored now; `None` where it can.
    pub fn refusal(self) -> Option<String> {
        self.engine.state.with(|state| match state {
            ModelState::Ready { info, .. } if !info.self_test.passed => Some(format!(
                "This device computes wrong numbers, so it is not used to score: {}.",
                info.self_test.details
            )),
            ModelState::Ready { .. } => None,
            ModelState::Loading { .. } => Some("The model is still loading.".into()),
            ModelState::None => Some("Load a model first.".into()),
            ModelState::Failed { why, .. } => Some(format!("Nothing can be scored: {why}")),
        })
    }

    /// Asks a few of the questions and says how long all of them will take.
    pub fn measure(self, setup: Setup) {
        if self.working.with_untracked(Option::is_some) || untrack(|| self.refusal()).is_some() {
            return;
        }
        self.estimate.set(Estimate::Measuring);
        leptos::task::spawn_local(async move {
            let result = self.measured(&setup).await;
            self.estimate.set(match result {
                Ok(estimate) => estimate,
                Err(problem) => {
                    self.say(problem);
                    Estimate::None
                }
            });
        });
    }

    async fn measured(self, setup: &Setup) -> Result<Estimate, String> {
        let plan = setup.plan(self.library, LARGEST_BATCH).await.map_err(|e| format!("{e}."))?;
        let mut model = PageModel(self.engine.client().map_err(|f| f.message)?);
        let lines = if setup.protocol.writes() { 2 } else { MEASURED };
        match run::measure(&plan, &mut model, lines).await {
            Ok(estimate) => Ok(Estimate::Takes {
                seconds: estimate.whole / 1000.0,
                questions: plan.items().len(),
                measured: estimate.lines,
            }),
            Err(RunError::Model { id, error }) => Err(self.stopped(&id, error)),
            Err(error) => Err(format!("{error}.")),
        }
    }

    /// Begins a run.
    pub fn start(self, setup: Setup) {
        if self.working.with_untracked(Option::is_some) || untrack(|| self.refusal()).is_some() {
            return;
        }
        remember(&setup);
        // Taken at once, so that a second click does nothing.
        self.working.set(Some(String::new()));
        leptos::task::spawn_local(async move {
            let together = self.batch();
            let plan = match setup.plan(self.library, together).await {
                Ok(plan) => plan,
                Err(problem) => return self.end(format!("{problem}.")),
            };
            let started = String::from(js_sys::Date::new_0().to_iso_string());
            let id = format!("bench-{}", started.replace([':', '.'], "-"));
            let Some(header) = self.header(&plan, &id, &started) else {
                return self.end("The model is gone; load it again.".into());
            };
            let run = StoredRun {
                id,
                header,
                setup: Some(setup),
                done: 0,
                right: 0,
                total: plan.items().len(),
                batches: 0,
                milliseconds: 0.0,
            };
            if let Err(error) = store::put(&run).await {
                return self.end(format!("The run could not be stored: {}.", error.0));
            }
            self.work(Opened::new(run, Vec::new(), Some(plan)), Done::default()).await;
        });
    }

    /// Goes on with the opened run.
    pub fn resume(self) {
        let opened = self.opened.with_untracked(|o| o.as_ref().map(|o| o.run.clone()));
        let Some(run) = opened.filter(|r| !r.is_finished()) else { return };
        let Some(setup) = run.setup.clone() else { return };
        if self.working.with_untracked(Option::is_some) || untrack(|| self.refusal()).is_some() {
            return;
        }
        self.working.set(Some(run.id.clone()));
        leptos::task::spawn_local(async move {
            let plan = match setup.plan(self.library, self.batch()).await {
                Ok(plan) => plan,
                Err(problem) => return self.end(format!("{problem}.")),
            };
            // As it is stored now: another tab may have gone on with it.
            let stored = store::runs().await.unwrap_or_default().into_iter().find(|r| r.id == run.id);
            let Some(run) = stored else {
                return self.end("This run was deleted.".into());
            };
            let record = match store::record(&run).await {
                Ok(record) => record,
                Err(error) => return self.end(format!("The run cannot be read: {}.", error.0)),
            };
            let Some(header) = self.header(&plan, &run.id, &run.header.started) else {
                return self.end("The model is gone; load it again.".into());
            };
            let differences = run::differences(&run.header, &header);
            if !differences.is_empty() {
                let list: Vec<String> = differences.iter().map(ToString::to_string).collect();
                return self.end(format!(
                    "This run cannot go on, because what is loaded now is not what it began with. It differs in {}.",
                    list.join(", ")
                ));
            }
            let mut done = Done::default();
            record.questions.iter().for_each(|line| done.add(line));
            self.work(Opened::new(run, record.questions, Some(plan)), done).await;
        });
    }

    /// Stops after the batch in hand.
    pub fn pause(self) {
        if self.working.with_untracked(Option::is_some) {
            self.pausing.set(true);
        }
    }

    fn batch(self) -> usize {
        match self.estimate.get_untracked() {
            Estimate::Takes { seconds, questions, .. } => {
                let each = seconds * 1000.0 / questions.max(1) as f64;
                ((BATCH_MS / each.max(1.0)) as usize).clamp(1, LARGEST_BATCH)
            }
            _ => USUAL_BATCH,
        }
    }

    fn header(self, plan: &Plan, id: &str, started: &str) -> Option<mmedbench::RunHeader> {
        let model = self.engine.model_id()?;
        let context = self.engine.state.with_untracked(|state| match state {
            ModelState::Ready { info, .. } => Some(info.context_length),
            _ => None,
        })?;
        let software = concat!("mmedkit-app ", env!("CARGO_PKG_VERSION"));
        Some(plan.header(id, started, software, model, context))
    }

    async fn work(self, opened: Opened, done: Done) {
        let run = Rc::new(RefCell::new(opened.run.clone()));
        let id = opened.run.id.clone();
        let client = match self.engine.client() {
            Ok(client) => client,
            Err(failure) => return self.end(failure.message),
        };
        let Some(plan) = opened.plan.clone() else {
            return self.end(String::new());
        };
        self.note(&opened.run);
        self.working.set(Some(id.clone()));
        self.pausing.set(false);
        self.pace.set(Pace::default());
        self.question.set(None);
        self.other.set(None);
        self.opened.set(Some(opened));

        let mut sink = StoreSink {
            run: run.clone(),
            since: js_sys::Date::now(),
        };
        let mut last = js_sys::Date::now();
        let facts = run.clone();
        let result = run::run(&plan, done, &mut PageModel(client), &mut sink, move |update| {
            let now = js_sys::Date::now();
            let speed = update.lines.len() as f64 * 1000.0 / (now - last).max(1.0);
            last = now;
            self.pace.update(|pace| {
                // The first batch makes pipelines; the second speed counts whole.
                pace.per_second = if pace.batches < 2 {
                    speed
                } else {
                    pace.per_second + NEWEST * (speed - pace.per_second)
                };
                pace.batches += 1;
                pace.left = (update.total - update.done) as f64 / pace.per_second.max(1e-6);
            });
            let run = facts.borrow().clone();
            self.note(&run);
            let shown = self.opened.with_untracked(|o| o.as_ref().is_some_and(|o| o.run.id == run.id));
            if shown {
                self.opened.update(|o| {
                    if let Some(o) = o {
                        o.records.extend_from_slice(update.lines);
                        o.run = run;
                    }
                });
            }
            if self.pausing.get_untracked() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await;
        let problem = match result {
            Ok(Outcome::Finished | Outcome::Paused) => String::new(),
            Err(RunError::Model { id, error }) => self.stopped(&id, error),
            Err(error) => format!("The run has stopped. {error}. What was answered is kept."),
        };
        self.end(problem);
    }

    /// What to say of a failure of the engine; one that takes the model with it is told by the engine itself.
    fn stopped(self, id: &str, failure: Failure) -> String {
        let message = format!("The run has stopped at question {id}. {}", failure.message);
        if is_of_engine(&failure) && !failure.recoverable {
            self.engine.failed_at_work(failure);
        }
        message
    }

    fn end(self, problem: String) {
        self.working.set(None);
        self.pausing.set(false);
        if !problem.is_empty() {
            self.say(problem);
        }
    }
}

//! Carries a run out: measures how long it will take, asks the model batch by batch, stores the lines, tells the page.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use mmedbench::run::{self, Done, Outcome, Plan, RunError, Sink};
use worker::protocol::Failure;

use super::asked::Asked;
use super::batch::Batch;
use super::model::{PageModel, is_of_engine};
use super::setup::{Setup, remember};
use super::store::{StoredRun, Writer};
use super::{Bench, Estimate, Opened, Pace};
use crate::engine::ModelState;
use crate::storage::StorageError;

/// Questions of the short measurement; half of them warm up.
const MEASURED: usize = 6;
/// A batch should take about so long: then a pause comes soon, and a tab that dies loses little.
const BATCH_MS: f64 = 3000.0;
const LARGEST_BATCH: usize = 32;
/// Where nothing was measured.
const USUAL_BATCH: usize = 8;
/// How much the newest batch counts for the speed that is shown.
const NEWEST: f64 = 0.25;
/// At most this share of the time goes into the numbers that are shown meanwhile.
const FOR_NUMBERS: f64 = 0.05;

/// Lines go to the stored run.
struct StoreSink {
    writer: Writer,
    /// What was stored last, for whoever tells the page.
    last: Rc<Cell<Option<Batch>>>,
}

impl Sink for StoreSink {
    type Error = StoreError;

    async fn append(&mut self, lines: &str) -> Result<(), StoreError> {
        let batch = self.writer.append(lines).await.map_err(StoreError)?;
        self.last.set(Some(batch));
        Ok(())
    }
}

#[derive(Debug)]
struct StoreError(StorageError);

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
            let run = StoredRun::new(id, header, Some(setup), plan.items().len());
            let writer = match Writer::begin(&run).await {
                Ok(writer) => writer,
                Err(error) => return self.end(format!("The run cannot be stored: {}.", error.0)),
            };
            let opened = Opened::new(run, Asked::of_plan(Arc::new(plan)));
            self.work(opened, Done::default(), writer).await;
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
            // As it is stored now: another tab may have gone on with it, or be at it.
            let (run, files, writer) = match Writer::go_on(&run.id).await {
                Ok(all) => all,
                Err(error) => return self.end(format!("This run cannot go on: {}.", error.0)),
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
            let mut opened = Opened::new(run, Asked::of_plan(Arc::new(plan)));
            let mut done = Done::default();
            for batch in &files.batches {
                match files.lines(*batch).await {
                    Ok(lines) => {
                        lines.iter().for_each(|line| done.add(line));
                        opened.add(*batch, &lines);
                    }
                    Err(error) => return self.end(format!("The run cannot be read: {}.", error.0)),
                }
            }
            self.work(opened, done, writer).await;
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

    async fn work(self, opened: Opened, done: Done, writer: Writer) {
        let mut run = opened.run.clone();
        let client = match self.engine.client() {
            Ok(client) => client,
            Err(failure) => return self.end(failure.message),
        };
        let Some(plan) = opened.asked.plan().cloned() else {
            return self.end("The questions of this run are gone.".into());
        };
        self.working.set(Some(run.id.clone()));
        self.pausing.set(false);
        self.pace.set(Pace::default());
        self.show(opened);

        let last = Rc::new(Cell::new(None));
        let mut sink = StoreSink {
            writer,
            last: last.clone(),
        };
        let mut before = js_sys::Date::now();
        let mut numbers_at = 0.0;
        let id = run.id.clone();
        let result = run::run(&plan, done, &mut PageModel(client), &mut sink, move |update| {
            let now = js_sys::Date::now();
            let speed = update.lines.len() as f64 * 1000.0 / (now - before).max(1.0);
            before = now;
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
            // Nothing is stored where the model has failed at the first question of a batch.
            if let Some(batch) = last.take() {
                run.add(batch);
                self.note(&run);
                if self.shows(&run.id) {
                    self.opened.update(|o| {
                        if let Some(o) = o {
                            o.add(batch, update.lines);
                            o.run = run.clone();
                        }
                    });
                    if now >= numbers_at {
                        self.refresh();
                        let after = js_sys::Date::now();
                        numbers_at = after + (after - now) / FOR_NUMBERS;
                    }
                }
            }
            if self.pausing.get_untracked() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await;
        if self.shows(&id) {
            self.refresh();
        }
        let problem = match result {
            Ok(Outcome::Finished | Outcome::Paused) => String::new(),
            Err(RunError::Model { id, error }) => self.stopped(&id, error),
            Err(error) => format!("The run has stopped. {error}. What was answered is kept."),
        };
        // A run that never had an answer is nowhere but on the screen.
        if self.stored(&id).is_none() && self.shows(&id) {
            self.close();
        }
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

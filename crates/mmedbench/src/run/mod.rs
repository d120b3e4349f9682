//! Running a benchmark: a plan, a model, and a record that grows line by line. No model and no device in here.
//!
//! The same runner works natively over a decoder and in the browser over the worker, because it asks for texts through the trait [`Model`] and
//! writes through the trait [`Sink`]. In short:
//!
//! ```
//! # use mmedkit_mmedbench as mmedbench;
//! # use mmedbench::{*, run::*};
//! # struct Engine;
//! # impl Model for Engine {
//! #     type Error = String;
//! #     async fn render(&mut self, _: &str) -> Result<String, String> { Err("no chat template".into()) }
//! #     async fn letters(&mut self, r: &[Request]) -> Result<Vec<Letters>, String> {
//! #         Ok(r.iter().map(|r| Letters { log_probabilities: vec![-1.0; r.continuations.len()], ..Letters::default() }).collect()) }
//! #     async fn score(&mut self, _: &[Request]) -> Result<Vec<Scored>, String> { Err(String::new()) }
//! #     async fn write(&mut self, _: &WriteRequest) -> Result<Written, String> { Err(String::new()) }
//! #     fn now_ms(&self) -> f64 { 0.0 }
//! # }
//! # async fn evaluate(questions: Vec<Question>, training: &[Question], model_id: record::ModelId) -> Result<(), Box<dyn std::error::Error>> {
//! # let (mut engine, mut file) = (Engine, Vec::<u8>::new());
//! let settings = Settings { protocol: Protocol::Letters, template: Template::built_in("native")?, shots: 0, ..Settings::default() };
//! let plan = Plan::new(settings, Data { name: "Test".into(), unreadable_lines: 0 }, questions, training)?;
//! let header = plan.header("run-1", "2026-11-23T02:00:00Z", "my program 1.0", model_id, 4096);
//!
//! // A new record. To go on with an old one: `Resumed::read(old, &header, |line| …)?`, then cut the file to `keep_bytes`.
//! Sink::append(&mut file, &header.to_line()).await?;
//! let outcome = run(&plan, Done::default(), &mut engine, &mut file, |update| {
//!     println!("{} of {}, {} right", update.done, update.total, update.lines.iter().filter(|l| l.correct == Some(true)).count());
//!     std::ops::ControlFlow::Continue(()) // Break pauses: what is written stays, and the run can be resumed
//! }).await?;
//! # let _ = outcome; Ok(()) }
//! ```
//!
//! - [`Plan`] puts questions in the seeded order and writes their contexts; [`Plan::limit`], [`Plan::part`] and [`Plan::reorder`] choose among them;
//!   [`Plan::of_record`] makes it again from a header;
//! - [`run`] asks, reads and records; [`measure`] asks the first few without a record, for an estimate of the whole;
//! - [`Resumed`] reads an interrupted record and mends its last line; [`merge`] joins parts; [`differences`] says why two do not belong together;
//! - [`rescore`] reads written answers again by another rule; [`position_bias`] says whether answers follow places.
//!
//! What must hold: a line is whole and flushed before its question counts as done; a score that is no number stops the run with the
//! question's id and is never counted as wrong; the run's own memory does not grow with the number of questions.

mod answer;
mod bias;
mod mixed;
mod model;
mod plan;
mod rebuild;
mod rescore;
mod resume;
mod runner;

pub use bias::{PositionBias, Rotations, position_bias};
pub use mixed::{Difference, MixError, differences, merge};
pub use model::{Letters, Model, Request, Scored, Sink, WriteRequest, Written};
pub use plan::{Asked, Data, Item, MOST_TOKENS, Plan, PlanError, Settings};
pub use rescore::{RescoreError, rescore};
pub use resume::{Done, ResumeError, Resumed};
pub use runner::{Estimate, Outcome, RunError, Update, measure, run};

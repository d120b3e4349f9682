//! The loop: asks a batch of questions, reads the replies, writes the lines, tells how far it is.
//!
//! What must hold: lines are written in the plan's order and before anybody is told of them; what was done before is not asked again; when
//! something fails, what the model has answered before it is written first.

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{self, BadReply};
use super::model::{Model, Request, Sink, WriteRequest};
use super::plan::{Asked, Item, Plan, PlanError};
use super::resume::Done;
use crate::QuestionRecord;
use crate::protocol::{OptionOrder, Protocol};

/// How far a run is, after each batch.
#[derive(Clone, Debug)]
pub struct Update<'a> {
    /// Lines of the record, those of earlier sittings included.
    pub done: usize,
    /// Lines that it will have.
    pub total: usize,
    /// Lines that were just written.
    pub lines: &'a [QuestionRecord],
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is answered.
    Finished,
    /// The caller said stop.
    Paused,
}

/// Why a run stopped.
#[derive(Debug)]
pub enum RunError<M, S> {
    /// The plan does not work for a question.
    Plan(PlanError),
    /// The model's side failed at or after this question.
    Model { id: String, error: M },
    /// The model's reply is no answer.
    Reply(BadReply),
    /// The record cannot be written.
    Sink(S),
}

impl<M: fmt::Display, S: fmt::Display> fmt::Display for RunError<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Plan(error) => error.fmt(f),
            RunError::Model { id, error } => write!(f, "question {id}: {error}"),
            RunError::Reply(error) => error.fmt(f),
            RunError::Sink(error) => write!(f, "the record cannot be written: {error}"),
        }
    }
}

impl<M: fmt::Display + fmt::Debug, S: fmt::Display + fmt::Debug> std::error::Error for RunError<M, S> {}

/// Answers what `done` has not. `update` is called after each batch and may stop the run there.
pub async fn run<M: Model, S: Sink>(
    plan: &Plan,
    mut done: Done,
    model: &mut M,
    sink: &mut S,
    mut update: impl FnMut(&Update) -> ControlFlow<()>,
) -> Result<Outcome, RunError<M::Error, S::Error>> {
    let total = plan.items().len();
    let mut count = 0;
    let mut batch = Vec::new();
    let together = if plan.settings.protocol.writes() {
        1
    } else {
        plan.settings.together.max(1)
    };
    let mut items = plan.items().iter().copied();
    loop {
        batch.clear();
        for item in items.by_ref() {
            if done.take(plan.question(item), rotation(plan, item)) {
                count += 1;
            } else {
                batch.push(item);
            }
            if batch.len() == together {
                break;
            }
        }
        if batch.is_empty() {
            return Ok(Outcome::Finished);
        }
        let started = model.now_ms();
        let (mut lines, error) = answers(plan, &batch, model).await;
        let each = (model.now_ms() - started) / batch.len() as f64;
        let mut text = String::new();
        for line in &mut lines {
            line.milliseconds = Some((each * 1e3).round() / 1e3);
            text += &line.to_line();
        }
        if !text.is_empty() {
            sink.append(&text).await.map_err(RunError::Sink)?;
        }
        count += lines.len();
        let stop = update(&Update {
            done: count,
            total,
            lines: &lines,
        });
        match error {
            Some(Trouble::Plan(error)) => return Err(RunError::Plan(error)),
            Some(Trouble::Model { id, error }) => return Err(RunError::Model { id, error }),
            Some(Trouble::Reply(error)) => return Err(RunError::Reply(error)),
            None if stop.is_break() && count < total => return Ok(Outcome::Paused),
            None => {}
        }
    }
}

/// How long questions take on this device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Lines that were asked.
    pub lines: usize,
    pub milliseconds: f64,
    /// The whole plan at this speed, in milliseconds.
    pub whole: f64,
}

/// Asks the first `lines` of the plan and writes nothing. The very first batch makes pipelines and examples, so it is asked and not
/// counted where there is a second one.
pub async fn measure<M: Model>(plan: &Plan, model: &mut M, lines: usize) -> Result<Estimate, RunError<M::Error, std::convert::Infallible>> {
    let items = &plan.items()[..lines.clamp(1, plan.items().len())];
    let (warm, rest) = items.split_at(items.len() / 2);
    let mut timed = 0.0;
    for (part, counts) in [(warm, rest.is_empty()), (rest, true)] {
        if part.is_empty() {
            continue;
        }
        let started = model.now_ms();
        let step = if plan.settings.protocol.writes() { 1 } else { part.len() };
        for batch in part.chunks(step) {
            match answers(plan, batch, model).await.1 {
                Some(Trouble::Plan(error)) => return Err(RunError::Plan(error)),
                Some(Trouble::Model { id, error }) => return Err(RunError::Model { id, error }),
                Some(Trouble::Reply(error)) => return Err(RunError::Reply(error)),
                None => {}
            }
        }
        if counts {
            timed = model.now_ms() - started;
        }
    }
    let each = timed / rest.len().max(1) as f64;
    Ok(Estimate {
        lines: rest.len().max(1),
        milliseconds: timed,
        whole: each * plan.items().len() as f64,
    })
}

enum Trouble<M> {
    Plan(PlanError),
    Model { id: String, error: M },
    Reply(BadReply),
}

/// The rotation, where it is part of a line's identity.
fn rotation(plan: &Plan, item: Item) -> Option<usize> {
    (plan.settings.option_order == OptionOrder::Rotated).then_some(item.rotation)
}

/// A question with its context as the model sees it.
struct Context {
    item: Item,
    asked: Asked,
    text: String,
}

/// Lines in order, as far as they go, and what stopped them.
async fn answers<M: Model>(plan: &Plan, batch: &[Item], model: &mut M) -> (Vec<QuestionRecord>, Option<Trouble<M::Error>>) {
    let mut lines = Vec::with_capacity(batch.len());
    let error = answer_all(plan, batch, model, &mut lines).await.err();
    (lines, error)
}

async fn answer_all<M: Model>(
    plan: &Plan,
    batch: &[Item],
    model: &mut M,
    lines: &mut Vec<QuestionRecord>,
) -> Result<(), Trouble<M::Error>> {
    let settings = &plan.settings;
    let chat = settings.chat;
    let mut contexts = Vec::with_capacity(batch.len());
    for &item in batch {
        let asked = plan.ask(item).map_err(Trouble::Plan)?;
        let mut text = asked.text.clone();
        if chat {
            text = model.render(&text).await.map_err(|error| at(plan, item, error))?;
        }
        if !settings.protocol.writes() {
            text += &asked.lead;
        }
        contexts.push(Context { item, asked, text });
    }
    let first = |item: Item| move |error| at(plan, item, error);
    match settings.protocol {
        Protocol::Letters => {
            let requests: Vec<Request> = contexts.iter().map(|c| answer::letters(&c.asked, c.text.clone(), chat)).collect();
            let replies = model.letters(&requests).await.map_err(first(batch[0]))?;
            expect(plan, batch, replies.len())?;
            for (context, reply) in contexts.iter().zip(&replies) {
                let line = start(plan, context, Protocol::Letters);
                lines.push(answer::read_letters(line, plan.question(context.item), &context.asked, reply).map_err(Trouble::Reply)?);
            }
        }
        Protocol::LetterSets => {
            // Questions with more options than sets can be made of are scored by letters, and their lines say so.
            let (sets, letters): (Vec<&Context>, Vec<&Context>) = contexts.iter().partition(|c| answer::by_sets(&c.asked.shown.question));
            let requests: Vec<Request> = sets.iter().map(|c| answer::sets(&c.asked, c.text.clone(), chat)).collect();
            let mut by_sets = Vec::new();
            if !requests.is_empty() {
                by_sets = model.score(&requests).await.map_err(first(batch[0]))?;
            }
            let requests: Vec<Request> = letters.iter().map(|c| answer::letters(&c.asked, c.text.clone(), chat)).collect();
            let mut by_letters = Vec::new();
            if !requests.is_empty() {
                by_letters = model.letters(&requests).await.map_err(first(batch[0]))?;
            }
            expect(plan, batch, by_sets.len() + by_letters.len())?;
            let (mut by_sets, mut by_letters) = (by_sets.iter(), by_letters.iter());
            for context in &contexts {
                let question = plan.question(context.item);
                let line = if answer::by_sets(&context.asked.shown.question) {
                    let line = start(plan, context, Protocol::LetterSets);
                    by_sets.next().map(|reply| answer::read_sets(line, question, &context.asked, reply))
                } else {
                    let line = start(plan, context, Protocol::Letters);
                    by_letters
                        .next()
                        .map(|reply| answer::read_letters(line, question, &context.asked, reply))
                };
                lines.extend(line.transpose().map_err(Trouble::Reply)?);
            }
        }
        Protocol::Loglik => {
            let alone = settings.mutual_information;
            let mut requests: Vec<Request> = contexts.iter().map(|c| answer::texts(&c.asked, c.text.clone(), chat)).collect();
            if alone {
                let without: Vec<Request> = requests
                    .iter()
                    .map(|request| Request {
                        context: String::new(),
                        continuations: request.continuations.clone(),
                        rendered: false,
                    })
                    .collect();
                requests.extend(without);
            }
            let replies = model.score(&requests).await.map_err(first(batch[0]))?;
            expect(plan, batch, if alone { replies.len() / 2 } else { replies.len() })?;
            let (replies, without) = replies.split_at(batch.len());
            for (index, (context, reply)) in contexts.iter().zip(replies).enumerate() {
                let line = start(plan, context, Protocol::Loglik);
                let question = plan.question(context.item);
                lines.push(answer::read_texts(line, question, &context.asked, reply, without.get(index)).map_err(Trouble::Reply)?);
            }
        }
        Protocol::Paper | Protocol::Lenient => {
            let rationale = settings.template.id().name.starts_with("paper-rationale");
            for context in &contexts {
                let request = WriteRequest {
                    prompt: context.text.clone(),
                    rendered: chat,
                    max_tokens: settings.max_tokens,
                    stop: Vec::new(),
                };
                let written = model.write(&request).await.map_err(first(context.item))?;
                let line = start(plan, context, settings.protocol);
                lines.push(answer::read_text(
                    line,
                    plan.question(context.item),
                    settings.protocol,
                    rationale,
                    written,
                ));
            }
        }
    }
    Ok(())
}

fn start(plan: &Plan, context: &Context, protocol: Protocol) -> QuestionRecord {
    answer::line(
        plan.question(context.item),
        &context.asked,
        rotation(plan, context.item),
        protocol,
        &context.text,
    )
}

fn at<M>(plan: &Plan, item: Item, error: M) -> Trouble<M> {
    Trouble::Model {
        id: plan.question(item).id.clone(),
        error,
    }
}

fn expect<M>(plan: &Plan, batch: &[Item], found: usize) -> Result<(), Trouble<M>> {
    if found == batch.len() {
        return Ok(());
    }
    Err(Trouble::Reply(BadReply::Count {
        id: plan.question(batch[0]).id.clone(),
        found,
        expected: batch.len(),
    }))
}

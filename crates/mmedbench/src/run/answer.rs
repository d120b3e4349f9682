//! From a question to requests, and from replies to its line in the record: one function a protocol.
//!
//! What must hold: replies that are no numbers are an error with the question's id; lines speak of letters and order of the data, whatever
//! the model was shown; the first maximum in the order shown wins ties, as in lm-evaluation-harness.

use std::collections::BTreeSet;

use super::model::{Letters, Request, Scored, Written};
use super::plan::Asked;
use crate::extract;
use crate::protocol::Protocol;
use crate::scoring::{self, MOST_OPTIONS_FOR_SETS, ModelAnswer, Task};
use crate::template::Choices;
use crate::{Question, QuestionRecord, letters_to_string};

/// Replies that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    #[error("question {id}: the model gave {found} scores for {expected} continuations")]
    Count { id: String, found: usize, expected: usize },
    #[error(
        "question {id}: the model gave a score that is no number. The run stops here and this question is not counted; try another device, or a less quantised model"
    )]
    NotANumber { id: String },
}

/// Options that a set of letters can be made of.
pub fn by_sets(question: &Question) -> bool {
    question.options.len() <= MOST_OPTIONS_FOR_SETS
}

/// ` A`, ` B`, …
pub fn letters(asked: &Asked, context: String, rendered: bool) -> Request {
    Request {
        context,
        continuations: asked
            .shown
            .question
            .options
            .iter()
            .map(|(letter, _)| format!("{}{letter}", asked.delimiter))
            .collect(),
        rendered,
    }
}

/// Every set of letters with what ends it.
pub fn sets(asked: &Asked, context: String, rendered: bool) -> Request {
    Request {
        context,
        continuations: all_sets(&asked.shown.question)
            .iter()
            .map(|set| format!("{}{}{}", asked.delimiter, letters_to_string(set), asked.tail))
            .collect(),
        rendered,
    }
}

/// What `loglik` scores, by place.
pub fn choices(asked: &Asked) -> Vec<String> {
    let options = &asked.shown.question.options;
    options
        .iter()
        .map(|(letter, text)| match asked.choices {
            Choices::Letters => letter.to_string(),
            Choices::Texts => text.clone(),
        })
        .collect()
}

/// Each choice after the question.
pub fn texts(asked: &Asked, context: String, rendered: bool) -> Request {
    Request {
        context,
        continuations: choices(asked).iter().map(|choice| format!("{}{choice}", asked.delimiter)).collect(),
        rendered,
    }
}

/// What every protocol says about a question.
pub fn line(question: &Question, asked: &Asked, rotation: Option<usize>, protocol: Protocol, prompt: &str) -> QuestionRecord {
    let mut line = QuestionRecord::of(question);
    line.protocol = Some(protocol.name().into());
    line.option_order = Some(asked.shown.order_letters());
    line.rotation = rotation.map(|r| r as u32);
    line.key_position = asked.shown.question.key_position();
    line.prompt_hash = Some(crate::sha256_hex(prompt.as_bytes())[..16].to_string());
    line
}

fn predict(line: &mut QuestionRecord, question: &Question, asked: &Asked, shown: &BTreeSet<char>) {
    let letters = asked.shown.to_data(shown);
    line.correct = Some(question.is_correct(&letters));
    line.prediction = Some(letters_to_string(&letters));
}

/// `letters`.
pub fn read_letters(mut line: QuestionRecord, question: &Question, asked: &Asked, reply: &Letters) -> Result<QuestionRecord, BadReply> {
    let sets = asked.shown.question.options.iter().map(|(l, _)| BTreeSet::from([*l])).collect();
    let answer = interpret(&asked.shown.question, scoring::Protocol::Letters, sets, &reply.log_probabilities)?;
    predict(&mut line, question, asked, &answer.prediction);
    line.option_log_probabilities = Some(asked.shown.values_to_data(&answer.option_log_probabilities));
    line.tokens = Some(reply.context_tokens);
    line.truncated_tokens = (reply.truncated_tokens > 0).then_some(reply.truncated_tokens);
    Ok(line)
}

/// `letter-sets`.
pub fn read_sets(mut line: QuestionRecord, question: &Question, asked: &Asked, reply: &Scored) -> Result<QuestionRecord, BadReply> {
    let sets = all_sets(&asked.shown.question);
    let answer = interpret(&asked.shown.question, scoring::Protocol::LetterSets, sets, &reply.log_likelihoods)?;
    predict(&mut line, question, asked, &answer.prediction);
    line.option_log_probabilities = Some(asked.shown.values_to_data(&answer.option_log_probabilities));
    // The set of places becomes the set of options that stood there.
    let mut by_data = vec![f64::NEG_INFINITY; reply.log_likelihoods.len()];
    for (index, value) in reply.log_likelihoods.iter().enumerate() {
        let places = index + 1;
        let options: usize = asked
            .shown
            .order
            .iter()
            .enumerate()
            .filter(|(place, _)| places >> place & 1 == 1)
            .map(|(_, option)| 1 << option)
            .sum();
        by_data[options - 1] = *value;
    }
    line.log_likelihoods = Some(by_data);
    scored(&mut line, reply);
    Ok(line)
}

/// `loglik`; `alone` are the choices without the question.
pub fn read_texts(
    mut line: QuestionRecord,
    question: &Question,
    asked: &Asked,
    reply: &Scored,
    alone: Option<&Scored>,
) -> Result<QuestionRecord, BadReply> {
    let shown = &asked.shown;
    let sets = shown.question.options.iter().map(|(l, _)| BTreeSet::from([*l])).collect();
    let answer = interpret(&shown.question, scoring::Protocol::Letters, sets, &reply.log_likelihoods)?;
    predict(&mut line, question, asked, &answer.prediction);
    line.option_log_probabilities = Some(shown.values_to_data(&answer.option_log_probabilities));
    line.log_likelihoods = Some(shown.values_to_data(&reply.log_likelihoods));
    line.token_counts = Some(shown.values_to_data(&reply.token_counts));
    line.greedy = Some(shown.values_to_data(&reply.greedy));
    let by_place = choices(asked);
    let mut by_data = vec![String::new(); by_place.len()];
    for (choice, &to) in by_place.into_iter().zip(&shown.order) {
        by_data[to] = choice;
    }
    line.choices = Some(by_data);
    if let Some(alone) = alone {
        check(&question.id, &alone.log_likelihoods, shown.question.options.len())?;
        line.unconditional_log_likelihoods = Some(shown.values_to_data(&alone.log_likelihoods));
    }
    scored(&mut line, reply);
    Ok(line)
}

fn scored(line: &mut QuestionRecord, reply: &Scored) {
    line.tokens = Some(reply.context_tokens);
    line.truncated_tokens = (reply.truncated_tokens > 0).then_some(reply.truncated_tokens);
}

/// `paper` and `lenient`. `rationale`: the prompt asks for a rationale before the answer.
pub fn read_text(mut line: QuestionRecord, question: &Question, protocol: Protocol, rationale: bool, reply: Written) -> QuestionRecord {
    line.choices = Some(question.options.iter().map(|(_, text)| text.clone()).collect());
    line.tokens = Some(reply.prompt_tokens);
    line.truncated_tokens = (reply.truncated_tokens > 0).then_some(reply.truncated_tokens);
    line.written_tokens = Some(reply.tokens);
    line.ended = Some(reply.ended);
    line.text = Some(reply.text);
    extract::read_line(&mut line, protocol, rationale);
    line
}

fn all_sets(question: &Question) -> Vec<BTreeSet<char>> {
    let letters: Vec<char> = question.options.iter().map(|(letter, _)| *letter).collect();
    (1u32..1 << letters.len())
        .map(|bits| {
            letters
                .iter()
                .enumerate()
                .filter(|(i, _)| bits >> i & 1 == 1)
                .map(|(_, letter)| *letter)
                .collect()
        })
        .collect()
}

fn check(id: &str, scores: &[f64], expected: usize) -> Result<(), BadReply> {
    if scores.len() != expected {
        return Err(BadReply::Count {
            id: id.into(),
            found: scores.len(),
            expected,
        });
    }
    if scores.iter().any(|s| s.is_nan() || *s == f64::INFINITY) {
        return Err(BadReply::NotANumber { id: id.into() });
    }
    Ok(())
}

fn interpret(shown: &Question, protocol: scoring::Protocol, sets: Vec<BTreeSet<char>>, scores: &[f64]) -> Result<ModelAnswer, BadReply> {
    check(&shown.id, scores, sets.len())?;
    let task = Task {
        protocol,
        context: String::new(),
        continuations: Vec::new(),
        sets,
    };
    // What is left: every score is −∞, which orders nothing.
    scoring::interpret(shown, &task, scores).map_err(|_| BadReply::NotANumber { id: shown.id.clone() })
}

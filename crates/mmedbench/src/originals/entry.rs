//! What the readers share: an entry is a question or a fault with the field where it lies.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::question::LAST_LETTER;
use crate::{Language, Question};

/// An entry that is no question.
pub(super) struct Fault {
    pub field: Option<&'static str>,
    pub problem: String,
}

pub(super) type Entry = Result<Question, Fault>;

pub(super) fn fault<T>(field: &'static str, problem: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        field: Some(field),
        problem: problem.into(),
    })
}

/// A question, checked: options and key must fit each other.
pub(super) fn build(
    id: String,
    question: String,
    options: Vec<String>,
    key: &[char],
    language: Language,
    source: String,
) -> Result<Question, (Option<&'static str>, String)> {
    if question.trim().is_empty() {
        return Err((Some("question"), "empty".into()));
    }
    if !(2..=10).contains(&options.len()) {
        return Err((Some("options"), format!("{} given, two to ten are needed", options.len())));
    }
    let options: Vec<(char, String)> = ('A'..=LAST_LETTER).zip(options).collect();
    let answer: BTreeSet<char> = key.iter().copied().collect();
    if answer.is_empty() {
        return Err((Some("answer"), "missing".into()));
    }
    if let Some(missing) = answer.iter().find(|letter| !options.iter().any(|(l, _)| l == *letter)) {
        return Err((Some("answer"), format!("{missing} is not one of the options")));
    }
    Ok(Question {
        id,
        question,
        options,
        answer,
        rationale: None,
        language,
        source,
        rationale_checked: false,
        needs_image: false,
    })
}

pub(super) fn make(id: String, question: String, options: Vec<String>, key: &[char], language: Language, source: String) -> Entry {
    build(id, question, options, key, language, source).map_err(|(field, problem)| Fault { field, problem })
}

pub(super) fn lines(text: &str, read: impl Fn(usize, &Map<String, Value>) -> Entry) -> Vec<(usize, Entry)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let entry = match serde_json::from_str::<Value>(line) {
                Ok(Value::Object(object)) => read(index, &object),
                Ok(_) => Err(Fault {
                    field: None,
                    problem: "expected a JSON object".into(),
                }),
                Err(e) => Err(Fault {
                    field: None,
                    problem: format!("not valid JSON (column {})", e.column()),
                }),
            };
            (index + 1, entry)
        })
        .collect()
}

pub(super) fn document(text: &str, read: impl Fn(&Value) -> Vec<Entry>) -> Vec<(usize, Entry)> {
    match serde_json::from_str(text) {
        Ok(value) => read(&value)
            .into_iter()
            .enumerate()
            .map(|(index, entry)| (index + 1, entry))
            .collect(),
        Err(e) => vec![(
            e.line(),
            Err(Fault {
                field: None,
                problem: format!("not valid JSON (column {})", e.column()),
            }),
        )],
    }
}

pub(super) fn string(object: &Map<String, Value>, key: &'static str) -> Result<String, Fault> {
    match object.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => fault(key, "expected text"),
        None => fault(key, "missing"),
    }
}

/// Text, or a number written as text.
pub(super) fn label(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn strings<'a>(values: impl Iterator<Item = &'a Value>, field: &'static str) -> Result<Vec<String>, Fault> {
    values
        .map(|value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => fault(field, "expected texts"),
        })
        .collect()
}

/// One capital or small letter A–J.
pub(super) fn letter(text: &str, field: &'static str) -> Result<char, Fault> {
    let mut chars = text.trim().chars();
    match (chars.next().map(|c| c.to_ascii_uppercase()), chars.next()) {
        (Some(c), None) if ('A'..=LAST_LETTER).contains(&c) => Ok(c),
        _ => fault(field, format!("{text:?} is not a letter from A to J")),
    }
}

/// Values of an object ordered by key.
pub(super) fn by_key<'a>(object: &'a Map<String, Value>, key: &'static str) -> Result<Vec<&'a Value>, Fault> {
    let Some(Value::Object(options)) = object.get(key) else {
        return fault(key, "expected an object of letters and texts");
    };
    let mut pairs: Vec<(&String, &Value)> = options.iter().collect();
    pairs.sort_by_key(|(letter, _)| *letter);
    Ok(pairs.into_iter().map(|(_, text)| text).collect())
}

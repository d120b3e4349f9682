//! Formats of one JSON object a line: MedQA and MMLU, MCMLE and MedMCQA as Apollo flattens them, IgakuQA, RuMedDaNet.

use serde_json::{Map, Value};

use super::entry::*;
use crate::Language;

pub(super) fn medqa(line: usize, object: &Map<String, Value>, name: &str, source: &str) -> Entry {
    let id = label(object.get("realidx")).unwrap_or_else(|| format!("line{line}"));
    let options = strings(by_key(object, "options")?.into_iter(), "options")?;
    let key = letter(&string(object, "answer_idx")?, "answer_idx")?;
    let source = label(object.get(source)).unwrap_or_default();
    make(
        format!("{name}-{id}"),
        string(object, "question")?,
        options,
        &[key],
        Language::English,
        source,
    )
}

/// Options stand as "(A) …" lines, each with a full stop that was added; a line that does not begin with the next letter goes on with the one before.
pub(super) fn lettered(object: &Map<String, Value>) -> Entry {
    let mut options: Vec<String> = Vec::new();
    for line in string(object, "option")?.split('\n') {
        let next = char::from(b'A' + options.len().min(10) as u8);
        match (line.strip_prefix(&format!("({next}) ")), options.last_mut()) {
            (Some(text), _) => options.push(text.to_string()),
            (None, Some(last)) => *last += &format!("\n{line}"),
            (None, None) => return fault("option", "does not begin with (A)"),
        }
    }
    for option in &mut options {
        if option.ends_with('.') {
            option.pop();
        }
    }
    let key = letter(string(object, "anwer")?.trim_matches(['(', ')']), "anwer")?;
    let source = string(object, "source")?;
    let row = label(object.get("_row")).unwrap_or_default();
    let question = string(object, "question")?;
    let language = Language::guess(&question);
    let language = if source == "medmcqa" {
        Language::English
    } else if source.contains("mcmle") {
        Language::Chinese
    } else {
        language
    };
    make(format!("{source}-{row}"), question, options, &[key], language, source)
}

pub(super) fn igakuqa(object: &Map<String, Value>) -> Entry {
    let list = |key: &'static str| match object.get(key) {
        Some(Value::Array(items)) => strings(items.iter(), key),
        _ => fault(key, "expected a list"),
    };
    let key = list("answer")?.iter().map(|l| letter(l, "answer")).collect::<Result<Vec<_>, _>>()?;
    let id = string(object, "problem_id")?;
    let question = string(object, "problem_text")?;
    let mut question = make(format!("igakuqa-{id}"), question, list("choices")?, &key, Language::Japanese, id)?;
    question.needs_image = object.get("text_only").and_then(Value::as_bool) == Some(false);
    Ok(question)
}

pub(super) fn rumeddanet(object: &Map<String, Value>) -> Entry {
    let question = format!("{}\n{}", string(object, "context")?, string(object, "question")?);
    let options = ["да", "нет"];
    let Some(place) = options.iter().position(|o| object.get("answer").and_then(Value::as_str) == Some(o)) else {
        return fault("answer", "expected да or нет");
    };
    let id = string(object, "pairID")?;
    let options = options.map(String::from).to_vec();
    make(
        format!("rumeddanet-{id}"),
        question,
        options,
        &[['A', 'B'][place]],
        Language::Russian,
        "RuMedDaNet".into(),
    )
}

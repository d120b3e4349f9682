//! Formats of one JSON document a file: FrenchMedMCQA, HEAD-QA, PubMedQA.

use serde_json::Value;

use super::entry::*;
use crate::Language;

pub(super) fn french(value: &Value) -> Vec<Entry> {
    let Some(items) = value.as_array() else {
        return vec![fault("answers", "expected a list of questions")];
    };
    let one = |item: &Value| {
        let Value::Object(object) = item else {
            return fault("question", "expected an object");
        };
        let options = strings(by_key(object, "answers")?.into_iter(), "answers")?;
        let Some(Value::Array(right)) = object.get("correct_answers") else {
            return fault("correct_answers", "expected a list");
        };
        let key = strings(right.iter(), "correct_answers")?
            .iter()
            .map(|l| letter(l, "correct_answers"))
            .collect::<Result<Vec<_>, _>>()?;
        let id: String = string(object, "id")?.chars().take(16).collect();
        let source = string(object, "subject_name")?;
        make(
            format!("frenchmedmcqa-{id}"),
            string(object, "question")?,
            options,
            &key,
            Language::French,
            source,
        )
    };
    items.iter().map(one).collect()
}

pub(super) fn headqa(value: &Value) -> Vec<Entry> {
    let Some(exams) = value.get("exams").and_then(Value::as_object) else {
        return vec![fault("exams", "expected an object of examinations")];
    };
    let language = match value.get("language").and_then(Value::as_str) {
        Some("en") => Language::English,
        _ => Language::Spanish,
    };
    let one = |exam: &str, item: &Value| {
        let Value::Object(object) = item else {
            return fault("data", "expected objects");
        };
        let Some(Value::Array(answers)) = object.get("answers") else {
            return fault("answers", "expected a list");
        };
        let number = |value: Option<&Value>| label(value)?.trim().parse::<usize>().ok();
        let mut numbered = Vec::new();
        for answer in answers {
            let (Some(n), Some(text)) = (number(answer.get("aid")), answer.get("atext").and_then(Value::as_str)) else {
                return fault("answers", "an answer has no `aid` or no `atext`");
            };
            numbered.push((n, text.to_string()));
        }
        numbered.sort_by_key(|(n, _)| *n);
        if !numbered.iter().map(|(n, _)| *n).eq(1..=numbered.len()) {
            return fault("answers", "`aid` does not count from 1");
        }
        let options: Vec<String> = numbered.into_iter().map(|(_, text)| text).collect();
        let key = match number(object.get("ra")) {
            Some(n) if (1..=options.len().min(10)).contains(&n) => char::from(b'A' + n as u8 - 1),
            _ => return fault("ra", "is not the number of an answer"),
        };
        let id = label(object.get("qid")).unwrap_or_default();
        let mut question = make(
            format!("headqa-{exam}-{id}"),
            string(object, "qtext")?,
            options,
            &[key],
            language,
            exam.into(),
        )?;
        question.needs_image = object.get("image").and_then(Value::as_str).is_some_and(|image| !image.is_empty());
        Ok(question)
    };
    exams
        .iter()
        .flat_map(|(exam, body)| match body.get("data").and_then(Value::as_array) {
            Some(items) => items.iter().map(|item| one(exam, item)).collect(),
            None => vec![fault("data", "expected a list of questions")],
        })
        .collect()
}

pub(super) fn pubmedqa(value: &Value) -> Vec<Entry> {
    let Some(items) = value.as_object() else {
        return vec![fault("QUESTION", "expected an object of questions by PubMed id")];
    };
    let one = |id: &str, item: &Value| {
        let Value::Object(object) = item else {
            return fault("QUESTION", "expected an object");
        };
        let Some(Value::Array(contexts)) = object.get("CONTEXTS") else {
            return fault("CONTEXTS", "expected a list");
        };
        let mut text = strings(contexts.iter(), "CONTEXTS")?;
        text.push(string(object, "QUESTION")?);
        let options = ["yes", "no", "maybe"];
        let Some(place) = options
            .iter()
            .position(|o| object.get("final_decision").and_then(Value::as_str) == Some(o))
        else {
            return fault("final_decision", "expected yes, no or maybe");
        };
        let source = label(object.get("YEAR")).unwrap_or_default();
        let options = options.map(String::from).to_vec();
        let mut question = make(
            format!("pubmedqa-{id}"),
            text.join("\n"),
            options,
            &[['A', 'B', 'C'][place]],
            Language::English,
            source,
        )?;
        question.rationale = string(object, "LONG_ANSWER").ok().filter(|r| !r.trim().is_empty());
        Ok(question)
    };
    items.iter().map(|(id, item)| one(id, item)).collect()
}

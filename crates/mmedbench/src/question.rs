//! One multiple-choice question, and how a line of JSON becomes one.
//!
//! What must hold: letters are A–J, options are ordered by letter, the key is a non-empty set of letters that are options. Keys of the
//! line that the schema does not name are ignored. [`Question::hash`] depends on what is asked (stem, options, key) and on nothing else.
//! Next: `reader.rs` takes files apart into lines.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Language;

/// The last letter an option may have; ten options are the most that exist in the field (MedXpertQA).
pub const LAST_LETTER: char = 'J';

/// A question with its options and key. Text is plain text: markup in it means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The line's `id`, or the file's path without its ending and the line's number.
    pub id: String,
    /// The stem (for some sources a context, a line break, then the question).
    pub question: String,
    /// Letter and text, ordered by letter.
    pub options: Vec<(char, String)>,
    /// The right letters.
    pub answer: BTreeSet<char>,
    /// The stored explanation, if the source has one.
    pub rationale: Option<String>,
    pub language: Language,
    /// Where it comes from: the line's `source`, else its `meta_info`, else the file.
    pub source: String,
    /// True where a physician checked the rationale and accepted it.
    pub rationale_checked: bool,
    /// True where the source says that the question cannot be answered without its picture (`needs_image`, or IgakuQA's `text_only: false`).
    #[serde(default)]
    pub needs_image: bool,
}

/// Why a line is no question: the field at fault and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", .field.as_deref().map(|f| format!("`{f}`: ")).unwrap_or_default())]
pub struct QuestionError {
    /// The key, e.g. `options.C`; none where the line as a whole is not a JSON object.
    pub field: Option<String>,
    pub problem: String,
}

impl QuestionError {
    fn at(field: impl Into<String>, problem: impl Into<String>) -> QuestionError {
        QuestionError {
            field: Some(field.into()),
            problem: problem.into(),
        }
    }
}

impl Question {
    /// One line of a benchmark file. `default_id` and `file` fill what the line does not say; `language` comes from the file's name and
    /// gives way to the line's own key `language`.
    pub fn from_json_line(line: &str, default_id: &str, file: &str, language: Option<Language>) -> Result<Question, QuestionError> {
        let value: Value = serde_json::from_str(line).map_err(|e| QuestionError {
            field: None,
            problem: format!("not valid JSON (column {}): {}", e.column(), json_reason(&e)),
        })?;
        let Value::Object(object) = value else {
            return Err(QuestionError {
                field: None,
                problem: format!("expected a JSON object, found {}", kind(&value)),
            });
        };
        let question = text(&object, "question")?.ok_or_else(|| QuestionError::at("question", "missing"))?;
        if question.trim().is_empty() {
            return Err(QuestionError::at("question", "empty"));
        }
        let options = options(&object)?;
        let answer = answer(&object, &options)?;
        let rationale = text(&object, "rationale")?.filter(|r| !r.trim().is_empty());
        let language = match text(&object, "language")? {
            Some(name) => {
                Language::parse(&name).ok_or_else(|| QuestionError::at("language", format!("{name:?} is none of the six languages")))?
            }
            None => language.unwrap_or_else(|| Language::guess(&question)),
        };
        let id = match object.get("id") {
            None | Some(Value::Null) => default_id.to_string(),
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            Some(other) => return Err(QuestionError::at("id", format!("expected text, found {}", kind(other)))),
        };
        let source = match text(&object, "source")?.filter(|s| !s.is_empty()) {
            Some(source) => source,
            None => text(&object, "meta_info")
                .ok()
                .flatten()
                .filter(|s| !s.is_empty())
                .unwrap_or_else(|| file.to_string()),
        };
        let flag = |key: &str| object.get(key).and_then(Value::as_bool).unwrap_or(false);
        let rationale_checked = flag("human_checked") && flag("human_check_passed");
        let needs_image = flag("needs_image") || object.get("text_only").and_then(Value::as_bool) == Some(false);
        Ok(Question {
            id,
            question,
            options,
            answer,
            rationale,
            language,
            source,
            rationale_checked,
            needs_image,
        })
    }

    /// SHA-256 (hex) of stem, options and key: the same question has the same hash whatever file it came in.
    pub fn hash(&self) -> String {
        let canonical = serde_json::json!([self.question, self.options, self.answer_idx()]);
        crate::sha256_hex(canonical.to_string().as_bytes())
    }

    /// The key in `answer_idx`'s form: letters joined by "," without spaces.
    pub fn answer_idx(&self) -> String {
        letters_to_string(&self.answer)
    }

    /// True where several letters are right.
    pub fn is_multiple(&self) -> bool {
        self.answer.len() > 1
    }

    /// The key's place among the options, from 0; for several right answers the first one's.
    pub fn key_position(&self) -> usize {
        self.options
            .iter()
            .position(|(letter, _)| self.answer.contains(letter))
            .unwrap_or(0)
    }

    /// Two options with the same text, white space at the ends aside: scored by their texts they tie, and the first one wins.
    pub fn equal_options(&self) -> Option<(char, char)> {
        self.options.iter().enumerate().find_map(|(i, (letter, text))| {
            let twin = self.options[..i].iter().find(|(_, other)| other.trim() == text.trim())?;
            Some((twin.0, *letter))
        })
    }

    /// All-or-nothing: `letters` are exactly the key.
    pub fn is_correct(&self, letters: &BTreeSet<char>) -> bool {
        *letters == self.answer
    }
}

/// Letters joined by ",", in order: `A,C,E`; empty for none.
pub fn letters_to_string(letters: &BTreeSet<char>) -> String {
    letters.iter().map(char::to_string).collect::<Vec<_>>().join(",")
}

/// The inverse of [`letters_to_string`], forgiving about spaces; `None` where a part is not one letter A–J.
pub fn letters_from(text: &str) -> Option<BTreeSet<char>> {
    text.split(',').map(|part| single_letter(part.trim())).collect()
}

fn single_letter(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let letter = chars.next().filter(|c| ('A'..=LAST_LETTER).contains(c))?;
    chars.next().is_none().then_some(letter)
}

fn options(object: &Map<String, Value>) -> Result<Vec<(char, String)>, QuestionError> {
    let options = match object.get("options") {
        Some(Value::Object(options)) => options,
        Some(other) => {
            return Err(QuestionError::at(
                "options",
                format!("expected an object of letters and texts, found {}", kind(other)),
            ));
        }
        None => return Err(QuestionError::at("options", "missing")),
    };
    let mut out = Vec::new();
    for (key, value) in options {
        let letter =
            single_letter(key).ok_or_else(|| QuestionError::at(format!("options.{}", shorten(key)), "not a letter from A to J"))?;
        let Value::String(text) = value else {
            return Err(QuestionError::at(
                format!("options.{letter}"),
                format!("expected text, found {}", kind(value)),
            ));
        };
        out.push((letter, text.clone()));
    }
    if out.len() < 2 {
        return Err(QuestionError::at(
            "options",
            format!("{} given, at least two are needed", out.len()),
        ));
    }
    out.sort_by_key(|(letter, _)| *letter);
    Ok(out)
}

fn answer(object: &Map<String, Value>, options: &[(char, String)]) -> Result<BTreeSet<char>, QuestionError> {
    let field = "answer_idx";
    let letters: Option<BTreeSet<char>> = match object.get(field) {
        None | Some(Value::Null) => return Err(QuestionError::at(field, "missing")),
        Some(Value::String(text)) => letters_from(text),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().and_then(|t| single_letter(t.trim())))
            .collect(),
        Some(other) => return Err(QuestionError::at(field, format!("expected text or a list, found {}", kind(other)))),
    };
    let letters = letters.filter(|l| !l.is_empty()).ok_or_else(|| {
        QuestionError::at(
            field,
            format!("{} is not a list of letters from A to J", shorten(&object[field].to_string())),
        )
    })?;
    let missing: BTreeSet<char> = letters
        .iter()
        .copied()
        .filter(|letter| !options.iter().any(|(o, _)| o == letter))
        .collect();
    match missing.len() {
        0 => Ok(letters),
        1 => Err(QuestionError::at(
            field,
            format!("{} is not one of the options", letters_to_string(&missing)),
        )),
        _ => Err(QuestionError::at(
            field,
            format!("{} are not among the options", letters_to_string(&missing)),
        )),
    }
}

/// A text value; absent and null are `None`, anything else is an error.
fn text(object: &Map<String, Value>, key: &str) -> Result<Option<String>, QuestionError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(QuestionError::at(key, format!("expected text, found {}", kind(other)))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// serde_json's message without its own "at line 1 column n", which counts inside one line of the file.
fn json_reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or(&message).to_string()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Question, QuestionError> {
        Question::from_json_line(line, "Test/English:1", "Test/English.jsonl", Some(Language::English))
    }

    #[test]
    fn reads_the_schema_and_ignores_other_keys() {
        let q = parse(r#"{"question":"Q?","options":{"B":"two","A":"one"},"answer_idx":"B","meta_info":"step1","extra":[1]}"#).unwrap();
        assert_eq!(q.options, vec![('A', "one".to_string()), ('B', "two".to_string())]);
        assert_eq!(
            (q.answer_idx().as_str(), q.key_position(), q.source.as_str(), q.id.as_str()),
            ("B", 1, "step1", "Test/English:1")
        );
        assert_eq!(q.rationale, None);
    }

    #[test]
    fn the_key_is_text_or_a_list() {
        for key in [r#""A,C""#, r#"["A","C"]"#, r#""C, A""#] {
            let q = parse(&format!(
                r#"{{"question":"Q","options":{{"A":"1","B":"2","C":"3"}},"answer_idx":{key}}}"#
            ))
            .unwrap();
            assert_eq!(q.answer_idx(), "A,C");
            assert!(q.is_multiple());
        }
    }

    #[test]
    fn names_the_field_at_fault() {
        let cases = [
            (r#"{"options":{"A":"1","B":"2"},"answer_idx":"A"}"#, Some("question")),
            (r#"{"question":" ","options":{"A":"1","B":"2"},"answer_idx":"A"}"#, Some("question")),
            (r#"{"question":"Q","options":["1","2"],"answer_idx":"A"}"#, Some("options")),
            (r#"{"question":"Q","options":{"A":"1"},"answer_idx":"A"}"#, Some("options")),
            (
                r#"{"question":"Q","options":{"A":"1","K":"2"},"answer_idx":"A"}"#,
                Some("options.K"),
            ),
            (r#"{"question":"Q","options":{"A":"1","B":2},"answer_idx":"A"}"#, Some("options.B")),
            (r#"{"question":"Q","options":{"A":"1","B":"2"}}"#, Some("answer_idx")),
            (
                r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"C"}"#,
                Some("answer_idx"),
            ),
            (
                r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":""}"#,
                Some("answer_idx"),
            ),
            (
                r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":[]}"#,
                Some("answer_idx"),
            ),
            (
                r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"A","rationale":7}"#,
                Some("rationale"),
            ),
            (r#"{"question":"Q","options":{"A":"1""#, None),
            ("[]", None),
        ];
        for (line, field) in cases {
            assert_eq!(parse(line).unwrap_err().field.as_deref(), field, "{line}");
        }
    }

    #[test]
    fn two_right_letters_that_are_no_options_are_both_named() {
        let error = parse(r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"F,A,H"}"#).unwrap_err();
        assert_eq!(error.to_string(), "`answer_idx`: F,H are not among the options");
    }

    #[test]
    fn options_of_equal_text_are_found() {
        let q = parse(r#"{"question":"Q","options":{"A":"1","B":"2","C":" 1 "},"answer_idx":"C"}"#).unwrap();
        assert_eq!(q.equal_options(), Some(('A', 'C')));
        assert_eq!(
            parse(r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"B"}"#)
                .unwrap()
                .equal_options(),
            None
        );
    }

    #[test]
    fn the_hash_is_of_what_is_asked() {
        let line = r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"A","rationale":"r"}"#;
        let same = r#"{"id":"x","question":"Q","options":{"B":"2","A":"1"},"answer_idx":["A"]}"#;
        let other = r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"B"}"#;
        assert_eq!(parse(line).unwrap().hash(), parse(same).unwrap().hash());
        assert_ne!(parse(line).unwrap().hash(), parse(other).unwrap().hash());
        assert_eq!(parse(line).unwrap().hash().len(), 64);
    }
}

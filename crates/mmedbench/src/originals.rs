//! Readers of the benchmarks' own file formats: MedQA, MCMLE as flattened by Apollo, IgakuQA, FrenchMedMCQA, RuMedDaNet, HEAD-QA, CasiMedicos,
//! PubMedQA, MedMCQA, MMLU, JMMLU.
//!
//! What must hold: a reader gives the questions that the same data has in MMedBench's schema, letter for letter; an entry that is none is
//! reported by file, entry and field, and counted. The formats are told apart by their content, so a user only names the file.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::question::LAST_LETTER;
use crate::reader::{FileCount, LineError};
use crate::{Language, Question, ReadReport};

/// A benchmark's own format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// MedQA: `options` by letter, `answer_idx` one letter. JSONL. (MMLU in the same project's form has `subject`.)
    MedQa,
    Mmlu,
    /// Apollo's flattened rows: `option` as "(A) …", `anwer` as "(A)". JSONL. MCMLE and MedMCQA.
    Lettered,
    IgakuQa,
    FrenchMedMcqa,
    RuMedDaNet,
    HeadQa,
    /// IOB2 token files.
    CasiMedicos,
    PubMedQa,
    /// CSV without a header: question, four options, the right letter.
    Jmmlu,
}

impl Format {
    pub const ALL: [Format; 10] = [
        Format::MedQa,
        Format::Mmlu,
        Format::Lettered,
        Format::IgakuQa,
        Format::FrenchMedMcqa,
        Format::RuMedDaNet,
        Format::HeadQa,
        Format::CasiMedicos,
        Format::PubMedQa,
        Format::Jmmlu,
    ];

    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Format::MedQa => "medqa",
            Format::Mmlu => "mmlu",
            Format::Lettered => "lettered",
            Format::IgakuQa => "igakuqa",
            Format::FrenchMedMcqa => "frenchmedmcqa",
            Format::RuMedDaNet => "rumeddanet",
            Format::HeadQa => "headqa",
            Format::CasiMedicos => "casimedicos",
            Format::PubMedQa => "pubmedqa",
            Format::Jmmlu => "jmmlu",
        }
    }

    /// The inverse of [`Format::name`].
    pub fn parse(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// From the file's name and its first bytes; `None` for MMedBench's own schema and for what is neither.
    pub fn detect(path: &str, bytes: &[u8]) -> Option<Format> {
        let path = path.to_ascii_lowercase();
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned();
        let start = start.trim_start_matches('\u{feff}').trim_start();
        if path.ends_with(".tsv") {
            return start
                .split_whitespace()
                .next()
                .filter(|w| *w == "QUESTION")
                .map(|_| Format::CasiMedicos);
        }
        if path.ends_with(".csv") {
            return Some(Format::Jmmlu);
        }
        let has = |key: &str| start.contains(&format!("\"{key}\""));
        if path.ends_with(".json") {
            return if has("exams") {
                Some(Format::HeadQa)
            } else if has("CONTEXTS") {
                Some(Format::PubMedQa)
            } else if has("correct_answers") || has("answers") {
                Some(Format::FrenchMedMcqa)
            } else {
                None
            };
        }
        if !path.ends_with(".jsonl") {
            return None;
        }
        let first: Value = bytes
            .split(|b| *b == b'\n')
            .find(|line| !line.iter().all(u8::is_ascii_whitespace))
            .and_then(|line| serde_json::from_slice(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)).ok())?;
        let has = |key: &str| first.get(key).is_some();
        if has("anwer") && has("option") {
            Some(Format::Lettered)
        } else if has("problem_text") {
            Some(Format::IgakuQa)
        } else if has("pairID") {
            Some(Format::RuMedDaNet)
        } else if has("realidx") && has("subject") {
            Some(Format::Mmlu)
        } else if has("realidx") {
            Some(Format::MedQa)
        } else {
            None
        }
    }
}

/// An entry that is no question.
struct Fault {
    field: Option<&'static str>,
    problem: String,
}

type Entry = Result<Question, Fault>;

fn fault<T>(field: &'static str, problem: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        field: Some(field),
        problem: problem.into(),
    })
}

impl ReadReport {
    /// Reads a file in its benchmark's own format. For formats that are one document, an error's line is the number of the entry.
    pub fn read_original(&mut self, path: &str, bytes: &[u8], format: Format) {
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned();
        let entries: Vec<(usize, Entry)> = match format {
            Format::MedQa => lines(&text, |line, object| medqa(line, object, "medqa", "meta_info")),
            Format::Mmlu => lines(&text, |line, object| medqa(line, object, "mmlu", "subject")),
            Format::Lettered => lines(&text, |_, object| lettered(object)),
            Format::IgakuQa => lines(&text, |_, object| igakuqa(object)),
            Format::RuMedDaNet => lines(&text, |_, object| rumeddanet(object)),
            Format::FrenchMedMcqa => document(&text, french),
            Format::HeadQa => document(&text, headqa),
            Format::PubMedQa => document(&text, pubmedqa),
            Format::CasiMedicos => crate::casimedicos::read(path, &text)
                .into_iter()
                .map(|(entry, read)| (entry, read.map_err(|(field, problem)| Fault { field, problem })))
                .collect(),
            Format::Jmmlu => jmmlu(path, &text),
        };
        let (mut taken, mut broken) = (0, 0);
        for (line, entry) in entries {
            match entry {
                Ok(question) => {
                    self.questions.push(question);
                    taken += 1;
                }
                Err(Fault { field, problem }) => {
                    self.errors.push(LineError {
                        file: path.into(),
                        line,
                        field: field.map(str::to_string),
                        problem,
                    });
                    broken += 1;
                }
            }
        }
        self.files.push(FileCount {
            file: path.into(),
            taken,
            broken,
        });
    }

    /// Reads a file in whatever format it is: a benchmark's own, or MMedBench's schema.
    pub fn read_any(&mut self, path: &str, bytes: &[u8]) {
        match Format::detect(path, bytes) {
            Some(format) => self.read_original(path, bytes, format),
            None => self.offer_file(path, bytes),
        }
    }
}

/// A question, checked: options and key must fit each other.
pub(crate) fn build(
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

fn make(id: String, question: String, options: Vec<String>, key: &[char], language: Language, source: String) -> Entry {
    build(id, question, options, key, language, source).map_err(|(field, problem)| Fault { field, problem })
}

fn lines(text: &str, read: impl Fn(usize, &Map<String, Value>) -> Entry) -> Vec<(usize, Entry)> {
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

fn document(text: &str, read: impl Fn(&Value) -> Vec<Entry>) -> Vec<(usize, Entry)> {
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

fn string(object: &Map<String, Value>, key: &'static str) -> Result<String, Fault> {
    match object.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => fault(key, "expected text"),
        None => fault(key, "missing"),
    }
}

/// Text, or a number written as text.
fn label(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn strings<'a>(values: impl Iterator<Item = &'a Value>, field: &'static str) -> Result<Vec<String>, Fault> {
    values
        .map(|value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => fault(field, "expected texts"),
        })
        .collect()
}

/// One capital or small letter A–J.
fn letter(text: &str, field: &'static str) -> Result<char, Fault> {
    let mut chars = text.trim().chars();
    match (chars.next().map(|c| c.to_ascii_uppercase()), chars.next()) {
        (Some(c), None) if ('A'..=LAST_LETTER).contains(&c) => Ok(c),
        _ => fault(field, format!("{text:?} is not a letter from A to J")),
    }
}

/// Values of an object ordered by key.
fn by_key<'a>(object: &'a Map<String, Value>, key: &'static str) -> Result<Vec<&'a Value>, Fault> {
    let Some(Value::Object(options)) = object.get(key) else {
        return fault(key, "expected an object of letters and texts");
    };
    let mut pairs: Vec<(&String, &Value)> = options.iter().collect();
    pairs.sort_by_key(|(letter, _)| *letter);
    Ok(pairs.into_iter().map(|(_, text)| text).collect())
}

fn medqa(line: usize, object: &Map<String, Value>, name: &str, source: &str) -> Entry {
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
fn lettered(object: &Map<String, Value>) -> Entry {
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

fn igakuqa(object: &Map<String, Value>) -> Entry {
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

fn rumeddanet(object: &Map<String, Value>) -> Entry {
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

fn french(value: &Value) -> Vec<Entry> {
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

fn headqa(value: &Value) -> Vec<Entry> {
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

fn pubmedqa(value: &Value) -> Vec<Entry> {
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

/// Rows of question, four options and the right letter. Cells may be quoted and hold line breaks (RFC 4180).
fn jmmlu(path: &str, text: &str) -> Vec<(usize, Entry)> {
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".csv");
    csv_rows(text)
        .into_iter()
        .enumerate()
        .map(|(index, (line, mut cells))| {
            let entry = if cells.len() < 4 {
                fault("row", format!("{} cells, at least four are needed", cells.len()))
            } else {
                let key = letter(&cells.pop().unwrap_or_default(), "answer");
                let question = cells.remove(0);
                let language = Language::guess(&question);
                let options = cells.iter().map(|cell| cell.trim().to_string()).collect();
                key.and_then(|key| make(format!("{name}-{index}"), question, options, &[key], language, name.into()))
            };
            (line, entry)
        })
        .collect()
}

/// Rows with the line they begin on.
fn csv_rows(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut rows = Vec::new();
    let (mut line, mut begun) = (1, 1);
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                rows.push((begun, std::mem::take(&mut cells)));
                begun = line + 1;
            }
            '\r' if !quoted => {}
            other => cell.push(other),
        }
        line += usize::from(c == '\n');
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        rows.push((begun, cells));
    }
    rows.retain(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_entries_are_named_and_counted() {
        let mut report = ReadReport::default();
        let french = r#"[{"id":"1","question":"Q","answers":{"a":"1","b":"2"},"correct_answers":["a","f","g"],"subject_name":"s"},
                         {"id":"2","question":"Q","answers":{"a":"1","b":"2"},"correct_answers":["b"],"subject_name":"s"}, 7]"#;
        report.read_any("test.json", french.as_bytes());
        assert_eq!((report.files[0].taken, report.files[0].broken), (1, 2));
        assert_eq!(
            report.errors[0].to_string(),
            "test.json, line 1, field `answer`: F is not one of the options"
        );
        report.read_any(
            "x.jsonl",
            br#"{"problem_id":"1","problem_text":"Q","choices":["1","2"],"answer":["z"]}"#,
        );
        assert_eq!(report.errors[2].field.as_deref(), Some("answer"));
        report.read_any(
            "h.json",
            br#"{"exams":{"Cuaderno_2017_1_Q":{"data":[{"qid":"1","qtext":"Q","ra":"9","answers":[]}]}}}"#,
        );
        assert_eq!(report.errors[3].field.as_deref(), Some("ra"));
        report.read_any(
            "m.jsonl",
            b"{\"question\":\"Q\",\"option\":\"(A) x.\\n(B) y.\",\"anwer\":\"(B)\",\"source\":\"medmcqa\",\"_row\":4}\nnonsense",
        );
        assert_eq!(report.questions.last().unwrap().options[1].1, "y");
        assert_eq!(report.errors[4].line, 2);
        report.read_any("broken.json", b"{\"exams\": [");
        assert_eq!(report.files.last().unwrap().broken, 1);
    }

    #[test]
    fn a_question_that_needs_its_picture_says_so() {
        let mut report = ReadReport::default();
        let line = r#"{"problem_id":"1","problem_text":"写真","choices":["1","2"],"answer":["a"],"text_only":false}"#;
        report.read_any("x.jsonl", line.as_bytes());
        assert!(report.questions[0].needs_image);
    }

    #[test]
    fn quoted_cells_may_hold_commas_and_breaks() {
        let rows = csv_rows("\"a, \"\"b\"\"\nc\",d,A\r\nq,1,2,B\n");
        assert_eq!(
            rows,
            vec![
                (1, vec!["a, \"b\"\nc".to_string(), "d".into(), "A".into()]),
                (3, vec!["q".into(), "1".into(), "2".into(), "B".into()])
            ]
        );
    }
}

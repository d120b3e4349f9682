//! JSONL files into questions: what was taken, and every line that was not, by file, line and field.
//!
//! What must hold: taken + broken = non-empty lines of every file; nothing is dropped in silence (files that hold no questions by their
//! name are listed as skipped). Bytes that are no UTF-8 spoil their own line only. Next: `archive.rs` reads the same files out of a zip.

use serde::{Deserialize, Serialize};

use crate::{Language, Question};

/// Why one line was not taken. Its `Display` is what a person reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{file}, line {line}{}: {problem}", .field.as_deref().map(|f| format!(", field `{f}`")).unwrap_or_default())]
pub struct LineError {
    pub file: String,
    /// From 1.
    pub line: usize,
    pub field: Option<String>,
    pub problem: String,
}

/// How one file went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCount {
    pub file: String,
    pub taken: usize,
    pub broken: usize,
}

/// All that was read, and all that was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadReport {
    pub questions: Vec<Question>,
    pub errors: Vec<LineError>,
    pub files: Vec<FileCount>,
    /// Files passed over because they are no question files (see [`is_question_file`]).
    pub skipped: Vec<String>,
}

impl ReadReport {
    /// Reads one JSONL file into the report. `path` names it in ids and errors; its name may give the language.
    pub fn read_file(&mut self, path: &str, bytes: &[u8]) {
        let path = clean_path(path);
        let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
        let language = Language::from_file_name(&path);
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (mut taken, mut broken) = (0, 0);
        for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let number = index + 1;
            let read = match std::str::from_utf8(line) {
                Ok(text) => {
                    Question::from_json_line(text.trim(), &format!("{stem}:{number}"), &path, language).map_err(|e| (e.field, e.problem))
                }
                Err(e) => Err((None, format!("not UTF-8 (byte {} of the line)", e.valid_up_to() + 1))),
            };
            match read {
                Ok(question) => {
                    self.questions.push(question);
                    taken += 1;
                }
                Err((field, problem)) => {
                    self.errors.push(LineError {
                        file: path.clone(),
                        line: number,
                        field,
                        problem,
                    });
                    broken += 1;
                }
            }
        }
        self.files.push(FileCount { file: path, taken, broken });
    }

    /// Reads the file if its name is that of a question file, else lists it as skipped.
    pub fn offer_file(&mut self, path: &str, bytes: &[u8]) {
        if is_question_file(path) {
            self.read_file(path, bytes)
        } else {
            self.skipped.push(clean_path(path))
        }
    }

    /// One sentence: "212 questions taken from 2 files, 3 lines could not be read."
    pub fn summary(&self) -> String {
        let plural = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let mut out = format!(
            "{} taken from {}",
            plural(self.questions.len(), "question", "questions"),
            plural(self.files.len(), "file", "files")
        );
        if !self.errors.is_empty() {
            out += &format!(", {} could not be read", plural(self.errors.len(), "line", "lines"));
        }
        out + "."
    }
}

/// A JSONL file by its name; not the side files of provenance, nor what macOS adds to archives.
pub fn is_question_file(path: &str) -> bool {
    let path = clean_path(path).to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    name.ends_with(".jsonl")
        && !name.ends_with(".provenance.jsonl")
        && !name.starts_with('.')
        && !path.split('/').any(|part| part == "__macosx")
}

/// Forward slashes, no leading "./" or "/".
fn clean_path(path: &str) -> String {
    path.replace('\\', "/").trim_start_matches("./").trim_start_matches('/').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"A"}"#;

    #[test]
    fn broken_lines_are_counted_and_named() {
        let mut report = ReadReport::default();
        let mut bytes = format!("\u{feff}{GOOD}\r\n\n{{\"question\":\"Q\"}}\nnonsense\n").into_bytes();
        bytes.extend(b"{\"question\":\"\xff\"}\n");
        bytes.extend(GOOD.as_bytes());
        report.read_file("Test/Spanish.jsonl", &bytes);
        assert_eq!(
            report.files,
            vec![FileCount {
                file: "Test/Spanish.jsonl".into(),
                taken: 2,
                broken: 3
            }]
        );
        assert_eq!(report.questions[1].id, "Test/Spanish:6");
        assert_eq!(report.questions[0].language, Language::Spanish);
        assert_eq!(report.errors[0].to_string(), "Test/Spanish.jsonl, line 3, field `options`: missing");
        assert_eq!(report.errors[1].line, 4);
        assert_eq!(report.errors[1].field, None);
        assert_eq!(report.errors[2].problem, "not UTF-8 (byte 14 of the line)");
        assert_eq!(report.summary(), "2 questions taken from 1 file, 3 lines could not be read.");
    }

    #[test]
    fn side_files_are_skipped_and_listed() {
        let mut report = ReadReport::default();
        for path in [
            "./Train/English.jsonl",
            "Train/English.provenance.jsonl",
            "__MACOSX/Train/._English.jsonl",
            "readme.txt",
        ] {
            report.offer_file(path, GOOD.as_bytes());
        }
        assert_eq!(report.files.len(), 1);
        assert_eq!(report.files[0].file, "Train/English.jsonl");
        assert_eq!(report.skipped.len(), 3);
    }
}

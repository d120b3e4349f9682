//! Readers of the benchmarks' own file formats: MedQA, MCMLE as flattened by Apollo, IgakuQA, FrenchMedMCQA, RuMedDaNet, HEAD-QA, CasiMedicos,
//! PubMedQA, MedMCQA, MMLU, JMMLU.
//!
//! What must hold: a reader gives the questions that the same data has in MMedBench's schema, letter for letter; an entry that is none is
//! reported by file, entry and field, and counted. The formats are told apart by their content, so a user only names the file.
//!
//! [`Format`] tells formats apart; `entry` is what the readers share, the other files are the readers.

mod casimedicos;
mod documents;
mod entry;
mod format;
mod jmmlu;
mod lines;

pub use format::Format;

use crate::ReadReport;
use crate::reader::{FileCount, LineError};
use entry::{Entry, Fault, document, lines};

impl ReadReport {
    /// Reads a file in its benchmark's own format. For formats that are one document, an error's line is the number of the entry.
    pub fn read_original(&mut self, path: &str, bytes: &[u8], format: Format) {
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned();
        let entries: Vec<(usize, Entry)> = match format {
            Format::MedQa => lines(&text, |line, object| lines::medqa(line, object, "medqa", "meta_info")),
            Format::Mmlu => lines(&text, |line, object| lines::medqa(line, object, "mmlu", "subject")),
            Format::Lettered => lines(&text, |_, object| lines::lettered(object)),
            Format::IgakuQa => lines(&text, |_, object| lines::igakuqa(object)),
            Format::RuMedDaNet => lines(&text, |_, object| lines::rumeddanet(object)),
            Format::FrenchMedMcqa => document(&text, documents::french),
            Format::HeadQa => document(&text, documents::headqa),
            Format::PubMedQa => document(&text, documents::pubmedqa),
            Format::CasiMedicos => casimedicos::read(path, &text)
                .into_iter()
                .map(|(entry, read)| (entry, read.map_err(|(field, problem)| Fault { field, problem })))
                .collect(),
            Format::Jmmlu => jmmlu::read(path, &text),
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
}

//! Going on with a record that was interrupted.
//!
//! What must hold: a last line without its end was cut and counts as not written, also where it happens to be whole JSON; every other line
//! that cannot be read is an error, because something else has happened to the file. A record of another run is refused with the fields that differ.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;

use super::mixed::{Difference, differences, list};
use crate::record::RUN_VERSION;
use crate::{Question, QuestionRecord, RunHeader};

/// What every record begins with.
const HEADER_START: &[u8] = b"{\"mmedkit_run\":";

/// Whether `bytes` may be the beginning of a text that begins with `start`.
fn is_part_of(bytes: &[u8], start: &[u8]) -> bool {
    bytes.starts_with(start) || start.starts_with(bytes)
}

/// Which lines there are already. Eight bytes a line, whatever the questions weigh.
#[derive(Clone, Debug, Default)]
pub struct Done(HashMap<u64, u32>);

impl Done {
    fn key(id: &str, hash: &str, rotation: Option<u32>) -> u64 {
        let mut hasher = DefaultHasher::new();
        (id, hash, rotation).hash(&mut hasher);
        hasher.finish()
    }

    /// Notes a line.
    pub fn add(&mut self, line: &QuestionRecord) {
        *self.0.entry(Done::key(&line.id, &line.question_hash, line.rotation)).or_default() += 1;
    }

    /// Lines noted and not taken yet.
    pub fn len(&self) -> usize {
        self.0.values().map(|n| *n as usize).sum()
    }

    /// True where nothing is done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the question is done; one noted line answers for one question, so that a question that stands twice in the data is asked twice.
    pub fn take(&mut self, question: &Question, rotation: Option<usize>) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let key = Done::key(&question.id, &question.hash(), rotation.map(|r| r as u32));
        let Some(count) = self.0.get_mut(&key) else { return false };
        *count -= 1;
        if *count == 0 {
            self.0.remove(&key);
        }
        true
    }
}

/// A record that can be gone on with.
#[derive(Debug)]
pub struct Resumed {
    pub header: RunHeader,
    pub done: Done,
    /// The record's whole lines. What lies behind is to be cut off before anything is appended.
    pub keep_bytes: u64,
    /// A last line was cut in the middle.
    pub mended: bool,
}

/// Why a record cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error("the record is of another run; it differs in {}. Choose another output, or the same settings", list(.0))]
    Other(Vec<Difference>),
    #[error("line 1 of the record is no run header: {0}")]
    Header(String),
    #[error("the record has version {0}; this program reads version {RUN_VERSION}")]
    Version(u32),
    #[error("line {line} of the record cannot be read ({reason}); only its last line may be cut")]
    Line { line: usize, reason: String },
    #[error("the record cannot be read: {0}")]
    Read(#[from] std::io::Error),
}

impl Resumed {
    /// Reads a record line by line; `each` sees what is there already. `None` for a record that holds no whole header: begin anew.
    pub fn read(
        mut input: impl BufRead,
        header: &RunHeader,
        mut each: impl FnMut(&QuestionRecord),
    ) -> Result<Option<Resumed>, ResumeError> {
        let mut buffer = Vec::new();
        let mut keep_bytes = 0;
        let mut found: Option<RunHeader> = None;
        let mut done = Done::default();
        for number in 1.. {
            buffer.clear();
            let length = input.read_until(b'\n', &mut buffer)?;
            let ended = buffer.last() == Some(&b'\n');
            if found.is_none() && length > 0 && !ended && !is_part_of(&buffer, HEADER_START) {
                return Err(ResumeError::Header("it is some other file, which is left alone".into()));
            }
            if length == 0 || !ended {
                return Ok(found.map(|header| Resumed {
                    header,
                    done,
                    keep_bytes,
                    mended: length > 0,
                }));
            }
            keep_bytes += length as u64;
            if buffer.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if found.is_none() {
                let there: RunHeader = serde_json::from_slice(&buffer).map_err(|e| ResumeError::Header(e.to_string()))?;
                if there.mmedkit_run != RUN_VERSION {
                    return Err(ResumeError::Version(there.mmedkit_run));
                }
                let differences = differences(&there, header);
                if !differences.is_empty() {
                    return Err(ResumeError::Other(differences));
                }
                found = Some(there);
            } else {
                let line: QuestionRecord = serde_json::from_slice(&buffer).map_err(|e| ResumeError::Line {
                    line: number,
                    reason: e.to_string(),
                })?;
                done.add(&line);
                each(&line);
            }
        }
        unreachable!("the loop ends with the input")
    }
}

//! Stage `map`: a unit's files become documents that passed all steps, with the signatures by which copies are found, and statistics.
//!
//! Everything runs as one stream, so that one batch of documents is in memory, whatever the files hold.

use std::fs::File;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::runner::{Build, Marker, Progress, Stage};
use super::steps::Steps;
use crate::read::{self, Format, ReadProblem, Reader};
use crate::statistics::Statistics;
use crate::storage::{Fetched, Storage};
use crate::write::JsonLinesWriter;
use crate::{AtomicFile, Counts, Document, DocumentWriter, Error, Result, dedup};

/// Documents that passed all steps.
pub(super) fn documents(unit: u64) -> String {
    format!("work/documents/{unit:05}.jsonl.zst")
}

/// Their signatures.
pub(super) fn signatures(unit: u64) -> String {
    format!("work/signatures/{unit:05}.bin")
}

/// Statistics of a unit of a stage.
pub(super) fn statistics(stage: Stage, unit: u64) -> String {
    format!("work/statistics/{}-{unit:05}.json", stage.name())
}

/// Documents that share text with a benchmark's questions, a [`contamination::Line`] each.
pub(super) fn contaminated(unit: u64) -> String {
    format!("work/contaminated/{unit:05}.jsonl.zst")
}

/// Documents and files that could not be read, a [`LeftOut`] each.
pub(super) fn left_out(unit: u64) -> String {
    format!("work/left_out/{unit:05}.jsonl.zst")
}

/// A line of the list of what could not be read.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// As documents of that file name it.
    pub file: String,
    /// Line, row, entry or page in the file, where it is one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// As statistics count it.
    pub kind: String,
    /// For people.
    pub problem: String,
}

/// The counter of documents of a language in a marker.
pub(super) const DOCUMENTS: &str = "documents.";

pub(super) fn run(build: &Build, unit: u64, progress: &dyn Progress) -> Result<Marker> {
    build.check_recognition(&build.plan()?.units[unit as usize])?;
    let input = build.plan()?.units[unit as usize].input;
    let steps = build.steps()?;
    let mut stream = Stream {
        build,
        progress,
        steps,
        files: build.plan()?.units[unit as usize].files.iter(),
        input: build.input(input)?,
        options: build.settings.config.input[input].options(),
        name: build.settings.config.input[input].name.as_deref(),
        open: None,
        writer: DocumentWriter::create(build.output.writable(&documents(unit)))?,
        left_out: JsonLinesWriter::create(build.output.writable(&left_out(unit)))?,
        contaminated: match steps.look_for_questions() {
            true => Some(JsonLinesWriter::create(build.output.writable(&contaminated(unit)))?),
            false => None,
        },
        statistics: Statistics::default(),
        kept: Counts::default(),
    };
    stream.steps.enter(&mut stream.statistics);
    let mut names = vec![documents(unit), left_out(unit)];
    if build.settings.finds_copies() {
        let options = build.settings.config.duplicates.options();
        let path = build.output.writable(&signatures(unit));
        dedup::signatures::map(&mut stream, &options, build.settings.config.duplicates.buckets, &path, &|_| {})?;
        names.push(signatures(unit));
    } else {
        stream.by_ref().try_for_each(|document| document.map(drop))?;
    }
    stream.writer.commit()?;
    stream.left_out.commit()?;
    if let Some(list) = stream.contaminated {
        list.commit()?;
        names.push(contaminated(unit));
    }
    let mut marker = Marker {
        counts: stream.kept,
        ..Marker::default()
    };
    for name in names {
        marker.files.push((name.clone(), build.output.publish(&name)?));
    }
    let json = serde_json::to_vec(&stream.statistics).expect("plain data");
    build.output.write(&statistics(Stage::Map, unit), &json)?;
    Ok(marker)
}

impl Build {
    /// The steps, made once.
    pub(super) fn steps(&self) -> Result<&Steps> {
        get_or_try(&self.steps, || Steps::new(&self.settings))
    }
}

/// What is made at most a few times, and kept.
pub(super) fn get_or_try<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if cell.get().is_none() {
        let made = make()?;
        // Another thread may have been quicker; both made the same.
        let _ = cell.set(made);
    }
    Ok(cell.get().expect("was set"))
}

/// The documents that pass; what passes is also written, what does not is counted.
struct Stream<'a> {
    build: &'a Build,
    progress: &'a dyn Progress,
    steps: &'a Steps,
    files: std::slice::Iter<'a, (String, u64)>,
    input: Storage,
    options: read::ReadOptions,
    /// Of the input.
    name: Option<&'a str>,
    open: Option<Open>,
    writer: DocumentWriter,
    left_out: JsonLinesWriter<AtomicFile>,
    /// None where nothing is looked for.
    contaminated: Option<JsonLinesWriter<AtomicFile>>,
    statistics: Statistics,
    kept: Counts,
}

/// The file that is being read.
struct Open {
    reader: Reader,
    /// Of the file on this machine, which must live as long as it is read.
    _fetched: Fetched,
    /// Bytes that were not yet reported as done.
    left: u64,
}

impl Stream<'_> {
    fn open(&self, path: &str, bytes: u64) -> Result<std::result::Result<Open, ReadProblem>> {
        let fetched = self.input.fetch(path)?;
        let unreadable = |error| Error::io(self.input.shown(path), error);
        let file = File::open(&fetched.path).map_err(unreadable)?;
        let now = file.metadata().map_err(unreadable)?.len();
        if now != bytes {
            return Err(Error::Refused(format!(
                "{}: {now} bytes, but {bytes} when the plan was made; inputs may not change during a build",
                self.input.shown(path)
            )));
        }
        let Some(format) = Format::of(path) else {
            return Err(Error::Refused(format!("{}: not a format that is read", self.input.shown(path))));
        };
        let reader = read::open_file(file, path, format, &self.options);
        Ok(reader.map(|reader| Open {
            reader,
            _fetched: fetched,
            left: bytes,
        }))
    }

    /// What cannot be read is counted; a file of a wrong shape ends the build.
    fn count(&mut self, problem: ReadProblem) -> Result<()> {
        if problem.is_fatal() {
            return Err(Error::Refused(problem.to_string()));
        }
        *self.statistics.problems.entry(problem.name().to_owned()).or_default() += 1;
        self.progress.note(&format!("left out: {problem}"));
        let place = problem.place();
        self.left_out.write(&LeftOut {
            file: match self.name {
                Some(name) => format!("{name}/{}", place.file),
                None => place.file.clone(),
            },
            part: place.part.map(|(unit, number)| format!("{unit} {number}")),
            kind: problem.name().to_owned(),
            problem: problem.to_string(),
        })
    }

    /// The next document as read.
    fn read(&mut self) -> Result<Option<Document>> {
        loop {
            let Some(open) = &mut self.open else {
                let Some((path, bytes)) = self.files.next() else { return Ok(None) };
                match self.open(path, *bytes)? {
                    Ok(open) => self.open = Some(open),
                    Err(problem) => {
                        self.count(problem)?;
                        self.progress.advance(*bytes);
                    }
                }
                continue;
            };
            match open.reader.next() {
                Some(Ok(document)) => {
                    // Compressed files have more text than bytes: their bar stands still at their end.
                    let read = open.left.min(document.text.len() as u64);
                    open.left -= read;
                    self.progress.advance(read);
                    return Ok(Some(match self.name {
                        Some(name) => document.of_input(name),
                        None => document,
                    }));
                }
                Some(Err(problem)) => self.count(problem)?,
                None => {
                    self.statistics.reading.merge(open.reader.counts());
                    self.progress.advance(open.left);
                    self.open = None;
                }
            }
        }
    }

    fn next_kept(&mut self) -> Result<Option<Document>> {
        while let Some(mut document) = self.read()? {
            self.statistics.add_read(&document);
            let outcome = self.steps.apply(&mut document, &mut self.statistics);
            if let (Some(list), Some(line)) = (&mut self.contaminated, outcome.contaminated) {
                list.write(&line)?;
            }
            if outcome.stays {
                let language = crate::statistics::LanguageTag::of(document.language);
                self.kept.add(&format!("{DOCUMENTS}{language}"), 1);
                self.writer.write(&document)?;
                return Ok(Some(document));
            }
        }
        Ok(None)
    }
}

impl Iterator for Stream<'_> {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Result<Document>> {
        debug_assert!(!self.build.settings.config.input.is_empty());
        self.next_kept().transpose()
    }
}

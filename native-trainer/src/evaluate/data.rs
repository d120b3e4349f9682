//! Finds questions: a file or folder or zip, in MMedBench's schema or in a benchmark's own format, and what is for asking and what for examples.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mmedbench::ReadReport;
use mmedbench::archive::{Limits, read_zip};
use mmedbench::originals::Format;
use mmedbench::reader::is_question_file;

/// How files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// MMedBench's schema.
    Schema,
    Original(Format),
}

impl Reader {
    /// Its name in commands.
    pub fn parse(name: &str) -> Result<Reader, String> {
        if name == "mmedbench" {
            return Ok(Reader::Schema);
        }
        let names = || Format::ALL.map(Format::name).join(", ");
        Format::parse(name)
            .map(Reader::Original)
            .ok_or_else(|| format!("not one of mmedbench, {}", names()))
    }
}

/// What was found, with everything that could not be read.
#[derive(Debug, Default)]
pub struct Found {
    pub asked: ReadReport,
    /// The training questions beside it.
    pub training: ReadReport,
}

/// Reads `path`; formats are told apart by content unless a reader is named.
pub fn read(path: &Path, reader: Option<Reader>) -> Result<Found> {
    let name = || path.display().to_string();
    let mut report = ReadReport::default();
    if path.is_dir() {
        for (file, relative) in files(path)? {
            let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
            match reader {
                Some(reader) => read_by(reader, &mut report, &relative, &bytes),
                None => report.read_any(&relative, &bytes),
            }
        }
    } else {
        let bytes = fs::read(path).with_context(name)?;
        let file = path.file_name().map_or_else(name, |file| file.to_string_lossy().into_owned());
        if bytes.starts_with(b"PK\x03\x04") {
            report = read_zip(&file, &bytes, Limits::default()).with_context(name)?;
        } else {
            let own = || Format::detect(&file, &bytes).map_or(Reader::Schema, Reader::Original);
            read_by(reader.unwrap_or_else(own), &mut report, &file, &bytes); // whatever it is called
        }
    }
    if report.questions.is_empty() {
        let first = report.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        bail!("{}: no questions{first}", name());
    }
    let training = |file: &str| in_folder(file, "train");
    if report.files.iter().any(|file| in_folder(&file.file, "test")) && report.files.iter().any(|file| training(&file.file)) {
        return Ok(apart(report, training));
    }
    // The folder Test itself, or one file of it: its sibling holds the examples.
    let is_test = |folder: &Path| folder.is_dir() && folder.file_name().is_some_and(|n| n.eq_ignore_ascii_case("test"));
    let test = [Some(path), path.parent()].into_iter().flatten().find(|folder| is_test(folder));
    let training = match test.and_then(|test| sibling(test, "train")) {
        Some(train) => read(&train, reader)?.asked,
        None => ReadReport::default(),
    };
    Ok(Found { asked: report, training })
}

fn read_by(reader: Reader, report: &mut ReadReport, file: &str, bytes: &[u8]) {
    match reader {
        Reader::Schema => report.read_file(file, bytes),
        Reader::Original(format) => report.read_original(file, bytes, format),
    }
}

/// Parts the files that hold examples from those that are asked.
fn apart(report: ReadReport, training: impl Fn(&str) -> bool) -> Found {
    let mut found = Found::default();
    found.asked.skipped = report.skipped;
    // Questions stand in the order of their files.
    let mut questions = report.questions.into_iter();
    for file in report.files {
        let part = if training(&file.file) {
            &mut found.training
        } else {
            &mut found.asked
        };
        part.questions.extend(questions.by_ref().take(file.taken));
        part.files.push(file);
    }
    for error in report.errors {
        let part = if training(&error.file) {
            &mut found.training
        } else {
            &mut found.asked
        };
        part.errors.push(error);
    }
    found
}

/// Marks the questions whose ids stand in a file, one a line, as those that need their picture, where the data itself does not say it.
pub fn mark_images(report: &mut ReadReport, ids: &Path) -> Result<()> {
    let text = fs::read_to_string(ids).with_context(|| ids.display().to_string())?;
    let mut wanted: BTreeSet<&str> = text.lines().map(str::trim).filter(|id| !id.is_empty()).collect();
    let known: BTreeSet<String> = report.questions.iter().map(|question| question.id.clone()).collect();
    for question in &mut report.questions {
        question.needs_image |= wanted.contains(question.id.as_str());
    }
    wanted.retain(|id| !known.contains(*id));
    if let Some(first) = wanted.first() {
        bail!("{}: no question has the id {first:?} ({} such ids)", ids.display(), wanted.len());
    }
    Ok(())
}

/// Whether a file's path has this folder in it.
fn in_folder(path: &str, folder: &str) -> bool {
    path.split('/').rev().skip(1).any(|part| part.eq_ignore_ascii_case(folder))
}

fn sibling(path: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(path.parent()?)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_dir() && path.file_name().is_some_and(|n| n.eq_ignore_ascii_case(name)))
}

/// Files that may hold questions, by path, with their paths relative to `root`.
fn files(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let original = [".json", ".tsv", ".csv"]
                .iter()
                .any(|ending| relative.to_ascii_lowercase().ends_with(ending));
            if is_question_file(&relative) || original {
                found.push((path, relative));
            }
        }
    }
    found.sort();
    Ok(found)
}

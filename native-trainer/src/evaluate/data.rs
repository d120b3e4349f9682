//! Finds questions: a file or folder or zip, in MMedBench's schema or in a benchmark's own format, and what is for asking and what for examples.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mmedbench::archive::{Limits, read_zip};
use mmedbench::originals::Format;
use mmedbench::reader::is_question_file;
use mmedbench::{Question, ReadReport};

/// What is asked, with everything that could not be read, and the training questions beside it.
pub fn read(path: &Path) -> Result<(ReadReport, Vec<Question>)> {
    let name = || path.display().to_string();
    let mut report = ReadReport::default();
    if path.is_dir() {
        for (file, relative) in files(path)? {
            let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
            report.read_any(&relative, &bytes);
        }
    } else {
        let bytes = fs::read(path).with_context(name)?;
        let file = path.file_name().map_or_else(name, |file| file.to_string_lossy().into_owned());
        if bytes.starts_with(b"PK\x03\x04") {
            report = read_zip(&file, &bytes, Limits::default()).with_context(name)?;
        } else if let Some(format) = Format::detect(&file, &bytes) {
            report.read_original(&file, &bytes, format);
        } else {
            report.read_file(&file, &bytes); // whatever it is called
        }
    }
    if report.questions.is_empty() {
        let first = report.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        bail!("{}: no questions{first}", name());
    }
    let training = |file: &str| in_folder(file, "train");
    let mut beside = Vec::new();
    if report.files.iter().any(|file| in_folder(&file.file, "test")) && report.files.iter().any(|file| training(&file.file)) {
        // Questions stand in the order of their files.
        let mut questions = std::mem::take(&mut report.questions).into_iter();
        for file in &report.files {
            let of_file = questions.by_ref().take(file.taken);
            if training(&file.file) {
                beside.extend(of_file);
            } else {
                report.questions.extend(of_file);
            }
        }
        report.errors.retain(|error| !training(&error.file));
        report.files.retain(|file| !training(&file.file));
    } else if path.is_dir() && path.file_name().is_some_and(|n| n.eq_ignore_ascii_case("test")) {
        // The folder Test itself: its sibling holds the examples.
        if let Some(train) = sibling(path, "train") {
            beside = read(&train)?.0.questions;
        }
    } else if let Some(parent) = path
        .parent()
        .filter(|p| p.file_name().is_some_and(|n| n.eq_ignore_ascii_case("test")))
        && let Some(train) = sibling(parent, "train")
    {
        // One file of it, likewise.
        beside = read(&train)?.0.questions;
    }
    Ok((report, beside))
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

//! Question files that a student chooses: JSONL files, benchmarks' own files, zip archives, a folder.
//!
//! What must hold: what could be read is kept even where some lines could not, and what could not is said by file, line and field.

use mmedbench::ReadReport;

use crate::archive;
use crate::files::read;
use crate::library::{Deck, Library};
use crate::notices::{Notice, Notices, Topic};
use crate::text::{bytes, count};

/// Files above this are refused before they are read.
const LARGEST: f64 = 512e6;
/// Line errors that are shown; the rest is counted.
const MOST_ERRORS: usize = 20;

/// Reads the chosen files, keeps the questions as a deck and tells what went wrong. `None` where nothing could be taken.
pub async fn take(files: web_sys::FileList, library: Library, notices: Notices) -> Option<Deck> {
    let files: Vec<web_sys::File> = (0..files.length()).filter_map(|i| files.get(i)).collect();
    let title = title(&files)?;
    let mut report = ReadReport::default();
    let mut problems: Vec<String> = Vec::new();
    for file in &files {
        if let Err(problem) = take_file(file, &mut report).await {
            problems.push(problem);
        }
    }
    if report.files.is_empty() && problems.is_empty() {
        problems.push("There is no .jsonl and no .zip file among the chosen files, and no benchmark’s own (.json, .csv, .tsv).".into());
    }
    let deck = if report.questions.is_empty() {
        None
    } else {
        match library.add_deck(title, &report).await {
            Ok(deck) => Some(deck),
            Err(problem) => {
                problems.push(format!("The questions could not be stored: {problem}."));
                None
            }
        }
    };
    tell(&report, problems, notices);
    deck
}

async fn take_file(file: &web_sys::File, report: &mut ReadReport) -> Result<(), String> {
    let name = path(file);
    let zip = name.to_ascii_lowercase().ends_with(".zip");
    if !zip && !mmedbench::reader::is_question_file(&name) && !is_original(&name) {
        report.skipped.push(name);
        return Ok(());
    }
    if file.size() > LARGEST {
        return Err(format!(
            "{name} has {}; files of questions are far smaller than {}",
            bytes(file.size() as u64),
            bytes(LARGEST as u64)
        ));
    }
    if zip {
        return archive::read_into(&name, file, report).await;
    }
    report.read_any(&name, &read(file).await?);
    Ok(())
}

/// A benchmark's own file by its name; whether it is one, its content says.
fn is_original(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".json", ".csv", ".tsv"].iter().any(|ending| name.ends_with(ending))
}

/// Path inside a chosen folder, else the file's name.
fn path(file: &web_sys::File) -> String {
    let inside = js_sys::Reflect::get(file, &"webkitRelativePath".into())
        .ok()
        .and_then(|p| p.as_string());
    inside.filter(|p| !p.is_empty()).unwrap_or_else(|| file.name())
}

/// The folder, the file, or how many files.
fn title(files: &[web_sys::File]) -> Option<String> {
    let first = path(files.first()?);
    Some(match (first.split_once('/'), files.len()) {
        (Some((folder, _)), _) => folder.to_string(),
        (None, 1) => first,
        (None, n) => format!("{first} and {}", count(n - 1, "other file", "other files")),
    })
}

fn tell(report: &ReadReport, mut problems: Vec<String>, notices: Notices) {
    if problems.is_empty() && report.errors.is_empty() {
        return notices.clear(Topic::Questions);
    }
    problems.extend(report.errors.iter().take(MOST_ERRORS).map(ToString::to_string));
    if report.errors.len() > MOST_ERRORS {
        problems.push(format!("… and {} more.", count(report.errors.len() - MOST_ERRORS, "line", "lines")));
    }
    let title = if report.files.is_empty() {
        "The files could not be read.".to_string()
    } else {
        report.summary()
    };
    notices.show(Notice {
        topic: Topic::Questions,
        title,
        details: problems,
        remedies: Vec::new(),
    });
}

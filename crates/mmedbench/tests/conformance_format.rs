//! Real files in MMedBench's format, from the conformance folder: every one is read whole, and counts equal those its README states.
//!
//! The crate's own fixtures (`own_files.rs`) are read in any case.

mod vectors;

use std::collections::BTreeMap;
use std::path::Path;

use mmedkit_mmedbench::{Language, ReadReport, reader::is_question_file};

/// Question files below `root`, with their paths relative to it.
fn question_files(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if is_question_file(&name) {
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{} holds no question files", root.display());
    found
}

#[test]
fn conformance_every_line_is_a_question() {
    let Some(root) = vectors::root() else { return };
    for part in ["mmedbench-format", "rationale-format", "english-benchmarks", "bundle-ja"] {
        for (name, bytes) in question_files(&root.join(part)) {
            let mut report = ReadReport::default();
            report.read_file(&name, &bytes);
            assert_eq!(report.errors, vec![], "{part}/{name}");
            let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).count();
            assert_eq!(report.questions.len(), lines, "{part}/{name}");
            println!("{part}/{name}: {lines} questions");
            if part == "rationale-format" {
                assert!(
                    report.questions.iter().all(|q| q.rationale.is_some() && q.rationale_checked),
                    "{name}"
                );
            }
        }
    }
}

/// The table under "## Counts": language | Train | Test | options | several right answers (Train/Test).
#[test]
fn conformance_counts_are_those_of_the_readme() {
    let Some(root) = vectors::root() else { return };
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let table = readme.split("## Counts").nth(1).expect("the README has a section Counts");
    let mut stated: BTreeMap<(Language, bool), (usize, usize)> = BTreeMap::new();
    for row in table.lines().take_while(|line| !line.starts_with("## ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let Some(language) = cells.first().and_then(|c| Language::parse(c)) else {
            continue;
        };
        let (train, test) = cells[4].split_once('/').unwrap();
        stated.insert((language, true), (cells[1].parse().unwrap(), train.trim().parse().unwrap()));
        stated.insert((language, false), (cells[2].parse().unwrap(), test.trim().parse().unwrap()));
    }
    assert_eq!(stated.len(), 12, "six languages, two splits");
    for (name, bytes) in question_files(&root.join("mmedbench-format")) {
        let mut report = ReadReport::default();
        report.read_file(&name, &bytes);
        let train = name.starts_with("Train/");
        let language = Language::from_file_name(&name).unwrap();
        let (questions, several) = stated
            .remove(&(language, train))
            .unwrap_or_else(|| panic!("{name} is not in the README"));
        assert_eq!(report.questions.len(), questions, "{name}");
        assert_eq!(
            report.questions.iter().filter(|q| q.is_multiple()).count(),
            several,
            "{name}: several right answers"
        );
        assert!(report.questions.iter().all(|q| q.language == language), "{name}");
        // The guess that helps where a file's name says nothing: it is right for nearly every real question.
        let guessed = report.questions.iter().filter(|q| Language::guess(&q.question) == language).count();
        println!("{name}: {questions} questions, language guessed right for {guessed}");
        assert!(
            guessed * 100 >= questions * 90,
            "{name}: language guessed right for {guessed} of {questions}"
        );
    }
    assert!(stated.is_empty(), "in the README but not in the folder: {stated:?}");
}

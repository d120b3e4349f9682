//! `mmedkit corpus inspect`: what an input holds, before anything is decided about it.

use std::collections::BTreeMap;

use anyhow::Result;
use mmedc::lang_id::{self, LanguageId};
use mmedc::{Counts, Step};
use serde::Serialize;

use super::input::InputArgs;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub input: InputArgs,
    /// Identify every document's language and compare it with the declared one
    #[arg(long)]
    pub identify_language: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Documents of one source and language.
#[derive(Debug, Default, Serialize)]
struct Row {
    documents: u64,
    characters: u64,
    bytes: u64,
    empty: u64,
    longest_characters: u64,
}

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
struct Report {
    /// Files by format.
    files: BTreeMap<&'static str, u64>,
    /// By source, then language (`""` where none is declared).
    documents: BTreeMap<String, BTreeMap<String, Row>>,
    licenses: BTreeMap<String, u64>,
    not_read: BTreeMap<&'static str, u64>,
    counts: Counts,
    other_files: u64,
    excluded_files: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    languages: Option<Counts>,
}

/// Reads everything once.
pub fn run(args: &Args) -> Result<()> {
    let inputs = args.input.list()?;
    let mut files = BTreeMap::new();
    for (_, file) in &inputs.files {
        *files.entry(file.format.name()).or_insert(0) += 1;
    }
    let mut documents: BTreeMap<String, BTreeMap<String, Row>> = BTreeMap::new();
    let mut licenses = BTreeMap::new();
    let mut languages = Counts::default();
    let read = inputs.documents(&args.input.options(), |_, mut document| {
        let language = document.language.map(|language| language.code()).unwrap_or_default();
        let row = (documents.entry(document.source.clone()).or_default())
            .entry(language.into())
            .or_default();
        let characters = document.text.chars().count() as u64;
        row.documents += 1;
        row.characters += characters;
        row.bytes += document.text.len() as u64;
        row.empty += u64::from(characters == 0);
        row.longest_characters = row.longest_characters.max(characters);
        *licenses.entry(document.license.clone()).or_insert(0) += 1;
        if args.identify_language {
            LanguageId::default().apply(&mut document, &mut languages);
        }
        Ok(())
    })?;
    let report = Report {
        files,
        documents,
        licenses,
        not_read: read.problems.clone(),
        counts: read.counts.clone(),
        other_files: read.other,
        excluded_files: read.excluded,
        languages: args.identify_language.then_some(languages),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    for (format, n) in &report.files {
        println!("{n} {format} files");
    }
    println!(
        "{:<24} {:<8} {:>10} {:>14} {:>14} {:>8} {:>12}",
        "source", "language", "documents", "characters", "bytes", "empty", "longest"
    );
    for (source, rows) in &report.documents {
        for (language, row) in rows {
            println!(
                "{source:<24} {:<8} {:>10} {:>14} {:>14} {:>8} {:>12}",
                if language.is_empty() { "?" } else { language },
                row.documents,
                row.characters,
                row.bytes,
                row.empty,
                row.longest_characters
            );
        }
    }
    for (license, n) in report.licenses.iter().filter(|(license, _)| !license.is_empty()) {
        println!("licence {license}: {n} documents");
    }
    if let Some(counts) = &report.languages {
        print!("{}", lang_id::table(counts));
        for (name, n) in counts
            .0
            .iter()
            .filter(|(name, _)| name.starts_with("found") || *name == "not_found")
        {
            println!("undeclared, {}: {n}", name.replace('/', " "));
        }
    }
    read.print_problems();
    Ok(())
}

//! `mmedkit report`: what run records say. The numbers and their layout are `mmedbench::report`'s.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use mmedbench::report::{Report, Style, as_csv, as_html, as_tables, report};

use crate::run_files;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Records of `mmedkit evaluate` or of the app: JSONL files, or folders that hold the parts of one run
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// How to write it; html is one page with charts that needs no other file
    #[arg(long, default_value = "table")]
    pub format: Format,
    /// A file instead of standard output
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Published models beside the run in tables: the best so many; 0 for none. The page always has all
    #[arg(long, default_value_t = 8)]
    pub published: usize,
}

/// Ways to write a report.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For the terminal
    Table,
    Markdown,
    /// One row per group of questions, shares in 0 to 1
    Csv,
    Json,
    Html,
}

/// Writes the report.
pub fn run(args: &Args, output: impl Write) -> Result<()> {
    let mut reports: Vec<Report> = Vec::new();
    for path in &args.runs {
        let record = run_files::read(path)?;
        reports.push(report(&record).with_context(|| path.display().to_string())?);
    }
    let tables = |style| -> String {
        reports
            .iter()
            .map(|r| as_tables(r, style, Some(args.published)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let text = match args.format {
        Format::Table => tables(Style::Terminal),
        Format::Markdown => tables(Style::Markdown),
        Format::Csv => as_csv(&reports),
        Format::Json => serde_json::to_string_pretty(&reports)? + "\n",
        Format::Html => as_html(&reports),
    };
    if text.is_empty() {
        bail!("nothing to report");
    }
    run_files::write(args.output.as_deref(), &text, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"mmedkit_run":1,"run_id":"r","started":"2026-11-23T03:00:00Z","software":"test","mode":"evaluation","seed":1,"model":null,"prompt":null}"#;

    fn line(id: usize, right: bool) -> String {
        format!(
            r#"{{"id":"q{id}","question_hash":"h{id}","language":"Russian","source":"s","gold":"A","prediction":"{}","correct":{right},"key_position":0}}"#,
            if right { "A" } else { "B" }
        )
    }

    fn arguments(runs: Vec<PathBuf>, format: Format) -> Args {
        Args {
            runs,
            format,
            output: None,
            published: 3,
        }
    }

    #[test]
    fn a_cut_record_is_reported_up_to_the_cut_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let text = [HEADER.to_string(), line(1, true), line(2, false), line(3, true)].join("\n");
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        for (format, part) in [
            (Format::Table, "Russian"),
            (Format::Markdown, "| Russian | 2 | 1 | 50.0 |"),
            (Format::Csv, ",language,Russian,Russian,2,1,0.5,"),
            (Format::Json, "\"accuracy\": 0.5"),
            (Format::Html, "<svg"),
        ] {
            let mut out = Vec::new();
            run(&arguments(vec![path.clone()], format), &mut out).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains(part), "{format:?}: {out}");
        }
        let file = folder.path().join("page.html");
        let mut args = arguments(vec![path], Format::Html);
        args.output = Some(file.clone());
        run(&args, std::io::sink()).unwrap();
        assert!(std::fs::read_to_string(file).unwrap().starts_with("<!doctype html>"));
    }

    #[test]
    fn a_folder_holds_parts_of_one_run() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(&arguments(vec![folder.path().into()], Format::Csv), std::io::sink()).unwrap_err();
        assert!(error.to_string().contains("no record"), "{error:#}");
        for (name, lines) in [
            ("a.jsonl", [line(1, true), line(2, false)]),
            ("b.jsonl", [line(3, true), line(4, true)]),
        ] {
            std::fs::write(folder.path().join(name), format!("{HEADER}\n{}\n", lines.join("\n"))).unwrap();
        }
        let mut out = Vec::new();
        run(&arguments(vec![folder.path().into()], Format::Csv), &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains(",all,all,,4,3,0.75,"));
        std::fs::write(folder.path().join("c.jsonl"), HEADER.replace("\"seed\":1", "\"seed\":2") + "\n").unwrap();
        let error = run(&arguments(vec![folder.path().into()], Format::Csv), std::io::sink()).unwrap_err();
        assert!(format!("{error:#}").contains("seed"), "{error:#}");
    }

    #[test]
    fn damage_is_named_by_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        std::fs::write(&path, format!("{HEADER}\nnonsense\n{}\n", line(1, true))).unwrap();
        let error = format!("{:#}", run(&arguments(vec![path], Format::Table), std::io::sink()).unwrap_err());
        assert!(error.contains("run.jsonl") && error.contains("line 2"), "{error}");
    }
}

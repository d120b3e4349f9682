//! `mmedkit compare`: two run records question by question. The numbers and their layout are `mmedbench::report`'s.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use mmedbench::report::compare::compare;
use mmedbench::report::{Style, comparison_tables};

use crate::run_files;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The first run (A): a record, or a folder that holds its parts
    pub first: PathBuf,
    /// The second run (B), of the same data
    pub second: PathBuf,
    #[arg(long, default_value = "table")]
    pub format: Format,
    /// A file instead of standard output
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Questions on which the runs differ to list in tables; JSON always has all
    #[arg(long, default_value_t = 20)]
    pub differences: usize,
}

/// Ways to write a comparison.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For the terminal
    Table,
    Markdown,
    Json,
}

/// Writes the comparison.
pub fn run(args: &Args, output: impl Write) -> Result<()> {
    let (first, second) = (run_files::read(&args.first)?, run_files::read(&args.second)?);
    let comparison = compare(&first, &second)?;
    let text = match args.format {
        Format::Table => comparison_tables(&comparison, Style::Terminal, args.differences),
        Format::Markdown => comparison_tables(&comparison, Style::Markdown, args.differences),
        Format::Json => serde_json::to_string_pretty(&comparison)? + "\n",
    };
    run_files::write(args.output.as_deref(), &text, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(folder: &std::path::Path, name: &str, data: &str, right: &[bool]) -> PathBuf {
        let mut text = format!(
            r#"{{"mmedkit_run":1,"run_id":"{name}","started":"","software":"test","mode":"evaluation","seed":1,"model":null,"prompt":null,"evaluation":{{"protocol":"letters","shots":0,"chat_template":false,"option_order":"as-given","context_length":1,"data":{{"name":"d","hash":"{data}","questions":9,"unreadable_lines":0}}}}}}"#
        );
        for (id, right) in right.iter().enumerate() {
            let answer = if *right { "A" } else { "B" };
            text += &format!(
                "\n{{\"id\":\"q{id}\",\"question_hash\":\"h{id}\",\"language\":\"Spanish\",\"source\":\"s\",\"gold\":\"A\",\"prediction\":\"{answer}\",\"correct\":{right},\"key_position\":0}}"
            );
        }
        let path = folder.join(name);
        std::fs::write(&path, text + "\n").unwrap();
        path
    }

    #[test]
    fn differences_are_counted_and_other_data_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = record(folder.path(), "a.jsonl", "d1", &[true, true, true, false]);
        let second = record(folder.path(), "b.jsonl", "d1", &[true, false, false, false]);
        let other = record(folder.path(), "c.jsonl", "d2", &[true]);
        let args = |second: &PathBuf, format| Args {
            first: first.clone(),
            second: second.clone(),
            format,
            output: None,
            differences: 1,
        };
        let text = |format| {
            let mut out = Vec::new();
            run(&args(&second, format), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(text(Format::Table).contains("1 of 2 questions"));
        // Two differences one way: p = 2 / 2² and half of that.
        assert!(text(Format::Markdown).contains("| all | 4 | 75.0 | 25.0 | 50.0 |"));
        assert!(text(Format::Markdown).contains("| 2 | 0 | 0.5000 | 0.2500 |"));
        let json: serde_json::Value = serde_json::from_str(&text(Format::Json)).unwrap();
        assert_eq!(json["differing"].as_array().unwrap().len(), 2);
        let error = run(&args(&other, Format::Table), std::io::sink()).unwrap_err();
        assert!(error.to_string().contains("different data"), "{error:#}");
    }
}

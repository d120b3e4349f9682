//! `mmedkit report`: what run records say. The numbers and their layout are `mmedbench::report`'s.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use mmedbench::rating::{self, Ratings};
use mmedbench::report::rationales::{Pair, missing, pairs, rationales};
use mmedbench::report::{Report, Style, as_csv, as_html, as_tables, ratings_as_csv, ratings_as_html, ratings_as_tables, report};
use mmedbench::{Question, RunRecord};

use crate::bertscore::BertScore;
use crate::evaluate::data;
use crate::run_files;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Records of `mmedkit evaluate` or of the app: JSONL files, or folders that hold the parts of one run
    #[arg(required_unless_present = "ratings", value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Instead of runs: raters' records of one study of rationales, as the app's rating page exports them. Says the mean score and rank of
    /// each source, how far raters agree and, with --data, which metrics order the texts as people do. May be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "runs")]
    pub ratings: Vec<PathBuf>,
    /// The questions that were asked, as given to `evaluate`: rationales that the runs wrote are compared with the stored ones. May be given
    /// several times
    #[arg(long, value_name = "PATH")]
    pub data: Vec<PathBuf>,
    /// Add BERTScore F1 by a BERT on this machine: a Hugging Face folder with config.json, model.safetensors and tokenizer.json. The paper's is
    /// bert-base-multilingual-cased. It computes on the processor
    #[arg(long, value_name = "FOLDER", requires = "data")]
    pub bertscore: Option<PathBuf>,
    /// The layer whose vectors are compared, from 1. By default that of the Python package bert_score, for the models that it knows
    #[arg(long, value_name = "N", requires = "bertscore")]
    pub bertscore_layer: Option<usize>,
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
    let mut questions: Vec<Question> = Vec::new();
    for path in &args.data {
        questions.extend(data::read(path, None)?.asked.questions);
    }
    let bert = args
        .bertscore
        .as_deref()
        .map(|folder| BertScore::open(folder, args.bertscore_layer))
        .transpose()?;
    if !args.ratings.is_empty() {
        let text = ratings(args, &questions, bert.as_ref())?;
        return run_files::write(args.output.as_deref(), &text, output);
    }
    let mut reports: Vec<Report> = Vec::new();
    for path in &args.runs {
        let record = run_files::read(path)?;
        let mut report = report(&record).with_context(|| path.display().to_string())?;
        if !args.data.is_empty() {
            with_rationales(&mut report, &record, &questions, bert.as_ref()).with_context(|| path.display().to_string())?;
        }
        reports.push(report);
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

/// Rationale scores, or why there are none.
fn with_rationales(report: &mut Report, record: &RunRecord, questions: &[Question], bert: Option<&BertScore>) -> Result<()> {
    let pairs = pairs(record, questions);
    if let Some(mut scores) = rationales(&pairs) {
        if let Some(bert) = bert {
            scores.set_bert_score(bert.how(), &pairs, &bert.of_pairs(&pairs)?);
        }
        report.rationales = Some(scores);
        return Ok(());
    }
    let why = missing(record.questions.iter().any(|line| line.text.is_some()), &pairs);
    report.warnings.push(format!("There are no rationale scores: {why}."));
    Ok(())
}

/// What raters said.
fn ratings(args: &Args, questions: &[Question], bert: Option<&BertScore>) -> Result<String> {
    let read = |path: &PathBuf| Ratings::from_jsonl(&run_files::text(path)?).with_context(|| path.display().to_string());
    let all = args.ratings.iter().map(read).collect::<Result<Vec<_>>>()?;
    let summary = rating::summary(&all)?;
    let texts = rating::rated_texts(&all, questions);
    let mut metrics = rating::correlations(&texts);
    if let Some(bert) = bert {
        let pairs: Vec<Pair> = texts.iter().map(|text| text.pair).collect();
        let name = format!("BERTScore F1 ({})", bert.how());
        metrics.extend(rating::correlation(&name, &texts, &bert.of_pairs(&pairs)?));
    }
    if !args.data.is_empty() && texts.is_empty() {
        eprintln!("no judged question has a stored rationale in the data: there is nothing to correlate");
    }
    Ok(match args.format {
        Format::Table => ratings_as_tables(&summary, &metrics, Style::Terminal),
        Format::Markdown => ratings_as_tables(&summary, &metrics, Style::Markdown),
        Format::Csv => ratings_as_csv(&summary, &metrics),
        Format::Json => serde_json::to_string_pretty(&serde_json::json!({ "ratings": summary, "correlations": metrics }))? + "\n",
        Format::Html => ratings_as_html(&summary, &metrics),
    })
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
            ratings: Vec::new(),
            data: Vec::new(),
            bertscore: None,
            bertscore_layer: None,
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
    fn rationales_are_scored_beside_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let question = r#"{"question":"Why?","options":{"A":"one","B":"two"},"answer_idx":"A","rationale":"Insulin lowers the glucose."}"#;
        let hash = Question::from_json_line(question, "q1", "f", None).unwrap().hash();
        let data = folder.path().join("English.jsonl");
        std::fs::write(&data, question).unwrap();
        let path = folder.path().join("run.jsonl");
        let written = r####""text":"###Rationale: Insulin lowers the pressure.\n###Answer: OPTION A IS CORRECT.","question_hash""####;
        let of_question = line(1, true)
            .replace("Russian", "English")
            .replace("\"h1\"", &format!("\"{hash}\""));
        std::fs::write(&path, format!("{HEADER}\n{}\n", of_question.replace("\"question_hash\"", written))).unwrap();
        let said = |path: &PathBuf, format| {
            let mut args = arguments(vec![path.clone()], format);
            args.data = vec![data.clone()];
            let mut out = Vec::new();
            run(&args, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        // Four of five words agree (the full stop is one), and two of four pairs of words.
        for (format, part) in [
            (Format::Table, "80.0"),
            (Format::Markdown, "| English | 1 | 0 | nltk | 80.0 | 63.2 |"),
            (Format::Csv, ",1,0,nltk,0.8,0.632"),
            (Format::Json, "\"rouge_authors\": ["),
            (Format::Html, "<th scope=\"col\">ROUGE-1 (authors)</th>"),
        ] {
            let out = said(&path, format);
            assert!(out.contains(part), "{format:?}: {out}");
        }
        std::fs::write(&path, format!("{HEADER}\n{}\n", line(1, true))).unwrap();
        assert!(said(&path, Format::Table).contains("no rationale scores: no answer was written"));
        std::fs::write(
            &path,
            format!(
                "{HEADER}\n{}\n",
                of_question.replace(&hash, "h9").replace("\"question_hash\"", written)
            ),
        )
        .unwrap();
        assert!(said(&path, Format::Table).contains("has a stored rationale"));
    }

    /// The study whose numbers `mmedbench` compares with SciPy's, through the command line.
    #[test]
    fn ratings_are_reported_in_every_format() {
        let fixtures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/mmedbench/tests/fixtures/rating"));
        let said = |raters: &[&str], data: bool, format| {
            let mut args = arguments(Vec::new(), format);
            args.ratings = raters.iter().map(|rater| fixtures.join(rater).with_extension("jsonl")).collect();
            args.data = if data { vec![fixtures.join("questions.jsonl")] } else { Vec::new() };
            let mut out = Vec::new();
            run(&args, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        let all = ["first", "second", "third"];
        for (format, part) in [
            (Format::Table, "Krippendorff's alpha (ordinal) 0.537"),
            (Format::Markdown, "| BLEU-1 | 32 | 0.697 | <0.0001 |"),
            (Format::Csv, ",alpha,French,ordinal,"),
            (Format::Json, "\"metric\": \"TER\""),
            (Format::Html, "<caption>Kendall"),
        ] {
            let out = said(&all, true, format).unwrap();
            assert!(out.contains(part), "{format:?}: {out}");
        }
        let alone = said(&all[..1], false, Format::Table).unwrap();
        assert!(alone.contains("not defined") && !alone.contains("Kendall"), "{alone}");
        let error = format!("{:#}", said(&["first", "first"], true, Format::Table).unwrap_err());
        assert!(error.contains("two records of first"), "{error}");
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

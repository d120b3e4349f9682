//! `mmedkit corpus filter`: which documents are about medicine, and the other steps over single documents.
//!
//! The steps run in this order, each only where it is asked for: normalise, language, quality, the medical rule, a benchmark's questions, personal
//! data. What must hold: documents come out in the order of the input, whatever the number of threads, with the ids that they came with; every
//! document has its line in the report; results have their names when all of them are whole.
//!
//! - [`plan`]: the steps, and what becomes of a document
//! - [`results`]: where that goes

mod plan;
mod results;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use mmedc::Document;
use rayon::prelude::*;

use super::benchmark::BenchmarkArgs;
use super::input::InputArgs;
use plan::{Outcome, Plan};
use results::Results;

/// Documents that threads share out between two writes, and their bytes at most.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 64 << 20;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub input: InputArgs,
    /// The medical rule that decides
    #[arg(long, value_enum)]
    pub rule: RuleArg,
    /// Keyword lists and thresholds as JSON, in place of those of MMedC
    #[arg(long, value_name = "FILE")]
    pub keywords: Option<PathBuf>,
    /// Where the decisions go: for every document one JSON object a line with file, lang, chars, unique_hits, hit_chars, density, keep, stage
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Decide by both rules and write the documents on which they differ, as JSONL; a table goes to standard output
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Where the kept documents go, as JSONL; a name that ends in .gz or .zst is compressed
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Before the rule: normalise characters, with this Unicode form
    #[arg(long, value_enum, value_name = "FORM")]
    pub normalise: Option<FormArg>,
    /// Before the rule: identify languages, name those that are undeclared, and report disagreement or drop the document
    #[arg(long, value_enum, value_name = "ACTION")]
    pub identify_language: Option<OnDisagreementArg>,
    /// Before the rule: drop documents by the quality rules of Gopher and FineWeb, with the papers' thresholds
    #[arg(long)]
    pub quality: bool,
    #[command(flatten)]
    pub benchmark: BenchmarkArgs,
    /// Where documents that hold a benchmark's questions are listed, with what they share; without it, the first are told on standard error
    #[arg(long, value_name = "FILE", requires = "benchmark")]
    pub contaminated: Option<PathBuf>,
    /// After the rule: mask e-mail addresses, telephone and record numbers in the output
    #[arg(long)]
    pub mask_personal_data: bool,
}

/// [`Rule`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuleArg {
    /// The filter that made MMedC, to the letter
    Mmedc,
    /// The same with its known faults mended
    Mmedkit,
    /// Keep all: only the other steps run
    None,
}

/// [`Form`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormArg {
    Nfc,
    Nfkc,
}

/// [`OnDisagreement`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OnDisagreementArg {
    Report,
    Drop,
}

/// Filters.
pub fn run(args: &Args) -> Result<()> {
    let plan = Plan::new(args)?;
    let inputs = args.input.files()?;
    let mut results = Results::create(args)?;
    let mut batch: Vec<(String, Document)> = Vec::new();
    let mut batch_bytes = 0;
    let mut flush = |batch: &mut Vec<(String, Document)>| -> Result<()> {
        let outcomes: Vec<(String, Outcome)> = (std::mem::take(batch).into_par_iter())
            .map(|(input, document)| (input, plan.apply(document)))
            .collect();
        outcomes.into_iter().try_for_each(|(input, outcome)| results.take(&input, outcome))
    };
    let read = inputs.documents(&args.input.options(), |input, document| {
        batch_bytes += document.text.len();
        batch.push((input.to_string(), document));
        if batch.len() == BATCH || batch_bytes > BATCH_BYTES {
            batch_bytes = 0;
            flush(&mut batch)?;
        }
        Ok(())
    })?;
    flush(&mut batch)?;
    results.finish(&read)
}

//! `mmedkit corpus filter`: which documents are about medicine.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use mmedc::filter::{Keywords, MedicalFilter, Rule};
use mmedc::read;

use super::input::{InputArgs, shown};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub input: InputArgs,
    /// The rule that decides
    #[arg(long, value_enum)]
    pub rule: RuleArg,
    /// Keyword lists and thresholds as JSON, in place of those of MMedC
    #[arg(long, value_name = "FILE")]
    pub keywords: Option<PathBuf>,
    /// Where the decisions go: one JSON object a line with file, lang, chars, unique_hits, hit_chars, density, keep, stage
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Where the kept documents go, as JSONL
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// [`Rule`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RuleArg {
    /// The filter that made MMedC, to the letter
    Mmedc,
}

impl From<RuleArg> for Rule {
    fn from(arg: RuleArg) -> Rule {
        match arg {
            RuleArg::Mmedc => Rule::Mmedc,
        }
    }
}

/// Filters.
pub fn run(args: &Args) -> Result<()> {
    let keywords = match &args.keywords {
        None => Keywords::mmedc(),
        Some(path) => {
            let json = std::fs::read(path).with_context(|| path.display().to_string())?;
            Keywords::from_json(&path.display().to_string(), &json)?
        }
    };
    let filter = MedicalFilter::new(args.rule.into(), &keywords);
    let inputs = args.input.files()?;
    let options = args.input.options();
    let create = |path: &Option<PathBuf>| -> Result<Option<BufWriter<File>>> {
        let Some(path) = path else { return Ok(None) };
        Ok(Some(BufWriter::new(
            File::create(path).with_context(|| format!("{}: cannot be written", path.display()))?,
        )))
    };
    let (mut report, mut output) = (create(&args.report)?, create(&args.output)?);
    let bar = inputs.progress()?;
    let (mut seen, mut kept, mut problems) = (0u64, 0u64, 0u64);
    for (name, input) in &inputs.files {
        for document in read::open(input, &options)? {
            let document = match document {
                Ok(document) => document,
                Err(problem) if problem.is_fatal() => return Err(problem.into()),
                Err(problem) => {
                    problems += 1;
                    bar.suspend(|| eprintln!("left out: {problem}"));
                    continue;
                }
            };
            let file = shown(name, &document.file);
            let Some(language) = document.language else {
                bail!(
                    "{file}: nothing names the language of document {}; name it with --language",
                    document.position
                );
            };
            let Some(decision) = filter.decide(language, &document.text) else {
                bail!("{file}: there are no keywords for {language}");
            };
            seen += 1;
            kept += u64::from(decision.keep);
            if let Some(report) = &mut report {
                writeln!(report, "{}", decision.to_json(&file, language))?;
            }
            if let Some(output) = output.as_mut().filter(|_| decision.keep) {
                serde_json::to_writer(&mut *output, &document)?;
                output.write_all(b"\n")?;
            }
        }
        bar.inc(input.bytes);
    }
    for writer in [&mut report, &mut output].into_iter().flatten() {
        writer.flush()?;
    }
    bar.finish_and_clear();
    eprintln!("{kept} of {seen} documents kept; {problems} could not be read");
    Ok(())
}

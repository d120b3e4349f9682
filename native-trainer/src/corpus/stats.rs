//! `mmedkit corpus stats` and `mmedkit corpus report`: what a corpus consists of, as a table, JSON or a page.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mmedc::build::finish::STATISTICS;
use mmedc::statistics::table::{Unit, grouped, lines, table};
use mmedc::statistics::{LanguageTag, Statistics, StepStatistics};
use mmedc::{lang_id, report};

use super::input::InputArgs;
use crate::model;

/// Arguments of `stats`.
#[derive(clap::Args, Debug)]
pub struct StatsArgs {
    #[command(flatten)]
    pub source: Source,
    /// Print the numbers as JSON in place of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `report`.
#[derive(clap::Args, Debug)]
pub struct ReportArgs {
    #[command(flatten)]
    pub source: Source,
    /// The page
    #[arg(long, value_name = "FILE.html")]
    pub output: PathBuf,
    /// Its title
    #[arg(long, default_value = "Medical text corpus")]
    pub title: String,
}

/// The output of `corpus build`, whose numbers are known, or any documents, which are counted.
#[derive(clap::Args, Debug)]
pub struct Source {
    #[command(flatten)]
    pub input: InputArgs,
    /// Count tokens too: a GGUF file, a tokenizer.json or a folder with one
    #[arg(long, value_name = "MODEL")]
    pub tokenizer: Option<PathBuf>,
}

impl Source {
    /// The numbers, and the configuration they come from.
    fn statistics(&self) -> Result<(Statistics, String)> {
        if let [only] = self.input.input.as_slice()
            && let Some(found) = finished(only)
        {
            let json = std::fs::read(&found).with_context(|| found.display().to_string())?;
            let statistics =
                serde_json::from_slice(&json).with_context(|| format!("{}: not the statistics of a corpus", found.display()))?;
            let identity = found.with_file_name(mmedc::build::config::IDENTITY);
            return Ok((statistics, std::fs::read_to_string(identity).unwrap_or_default()));
        }
        self.count().map(|statistics| (statistics, String::new()))
    }

    fn count(&self) -> Result<Statistics> {
        let tokenizer = self.tokenizer.as_deref().map(model::open_tokenizer).transpose()?;
        let inputs = self.input.files()?;
        let options = self.input.options();
        let mut statistics = Statistics::default();
        let read = inputs.documents(&options, |_, document| {
            let tokens = tokenizer
                .as_ref()
                .map(|tokenizer| tokenizer.encode(&document.text, false, false))
                .transpose()?;
            statistics.add_read(&document);
            statistics.add_kept(&document, tokens.map(|tokens| tokens.len() as u64));
            statistics.samples.offer("kept", "kept", &document, String::new);
            Ok(())
        })?;
        statistics.reading = read.counts;
        statistics.problems = read.problems.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        Ok(statistics)
    }
}

/// The statistics of a finished build, if that is what the path names.
fn finished(path: &Path) -> Option<PathBuf> {
    let inside = path.join(STATISTICS);
    let named = path.file_name().is_some_and(|name| name == STATISTICS).then(|| path.to_owned());
    inside.is_file().then_some(inside).or(named)
}

/// Prints tables.
pub fn stats(args: &StatsArgs) -> Result<()> {
    let (statistics, _) = args.source.statistics()?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&statistics)?);
        return Ok(());
    }
    let units = [
        (Unit::Tokens, statistics.has_tokens()),
        (Unit::Characters, true),
        (Unit::Documents, true),
    ];
    for (unit, _) in units.into_iter().filter(|(_, shown)| *shown) {
        println!("{}", table(&statistics.kept, unit));
    }
    if !statistics.steps.is_empty() {
        println!("{}", steps(&statistics));
    }
    print!("{}", languages(&statistics));
    for (kind, count) in &statistics.problems {
        println!("could not be read, {kind}: {}", grouped(*count));
    }
    Ok(())
}

/// How identified languages agree with declared ones, where a step looked.
pub fn languages(statistics: &Statistics) -> String {
    let looked = |step: &&StepStatistics| !lang_id::agreements(&step.counts).is_empty();
    let tables = statistics.steps.iter().filter(looked);
    tables.map(|step| format!("\n{}", lang_id::table(&step.counts))).collect()
}

/// Documents that each step dropped, by language.
fn steps(statistics: &Statistics) -> String {
    let languages: Vec<LanguageTag> = statistics.read.by_language().into_keys().collect();
    let mut header = vec!["dropped by".to_string()];
    header.extend(languages.iter().map(|language| language.code().to_string()));
    header.push("all".into());
    let mut rows = vec![header];
    for step in &statistics.steps {
        for (reason, dropped) in &step.dropped {
            let mut row = vec![format!("{}: {reason}", step.name)];
            row.extend(
                languages
                    .iter()
                    .map(|language| dropped.get(language).map_or("–".into(), |tally| grouped(tally.documents))),
            );
            row.push(grouped(dropped.values().map(|tally| tally.documents).sum()));
            rows.push(row);
        }
    }
    let mut sums = vec!["kept".to_string()];
    let kept = statistics.kept.by_language();
    sums.extend(
        languages
            .iter()
            .map(|language| kept.get(language).map_or("–".into(), |tally| grouped(tally.documents))),
    );
    sums.push(grouped(statistics.kept.total().documents));
    rows.push(sums);
    lines(&rows)
}

/// Writes the page.
pub fn page(args: &ReportArgs) -> Result<()> {
    let (statistics, pipeline) = args.source.statistics()?;
    mmedc::write::write_file(&args.output, report::html(&args.title, &statistics, &pipeline).as_bytes())?;
    eprintln!("{} is written", args.output.display());
    Ok(())
}

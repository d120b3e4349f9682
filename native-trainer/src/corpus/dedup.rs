//! `mmedkit corpus dedup`: one copy of each document, and none that holds a benchmark's questions.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use mmedc::dedup::{Options, pairs, resolve, signatures};
use mmedc::{Counts, Document, DocumentWriter};

use super::benchmark::{Benchmark, BenchmarkArgs};
use super::input::InputArgs;
use super::lines::Lines;
use super::progress::{self, Work};
use super::units::{Units, names, on_threads};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub input: InputArgs,
    /// Folder of the results: documents/ (what stays), removals/ (what went, and for which copy), contaminated.jsonl, summary.json
    #[arg(long)]
    pub output: PathBuf,
    /// Find only exact or only near copies
    #[arg(long, value_enum)]
    pub only: Option<KindArg>,
    /// Compare only documents of the same declared language
    #[arg(long)]
    pub within_languages: bool,
    /// Compare only documents of the same source
    #[arg(long)]
    pub within_sources: bool,
    /// Source whose copies stay; may be given several times, best first
    #[arg(long, value_name = "SOURCE")]
    pub prefer: Vec<String>,
    /// Bands of the near-duplicate signature
    #[arg(long, default_value_t = Options::default().bands)]
    pub bands: usize,
    /// Values of a band: texts of similarity s are found with probability 1 - (1 - s^rows)^bands
    #[arg(long, default_value_t = Options::default().rows)]
    pub rows: usize,
    /// Words of the runs that are compared
    #[arg(long, default_value_t = Options::default().word_ngram)]
    pub word_ngram: usize,
    /// Characters of the runs that are compared, in Chinese and Japanese
    #[arg(long, default_value_t = Options::default().char_ngram)]
    pub char_ngram: usize,
    /// Of the hash functions
    #[arg(long, default_value_t = Options::default().seed)]
    pub seed: u64,
    /// Parts of the search for pairs
    #[arg(long, default_value_t = 16)]
    pub buckets: u32,
    #[command(flatten)]
    pub benchmark: BenchmarkArgs,
    /// Threads; 0 for all cores
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Kinds of copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// The same letters and digits
    Exact,
    /// Nearly the same runs of words
    Near,
}

impl Args {
    fn options(&self) -> Options {
        Options {
            exact: self.only != Some(KindArg::Near),
            near: self.only != Some(KindArg::Exact),
            bands: self.bands,
            rows: self.rows,
            word_ngram: self.word_ngram,
            char_ngram: self.char_ngram,
            across_languages: !self.within_languages,
            across_sources: !self.within_sources,
            prefer: self.prefer.clone(),
            seed: self.seed,
        }
    }
}

/// Searches.
pub fn run(args: &Args) -> Result<()> {
    on_threads(args.threads, || search(args))
}

fn search(args: &Args) -> Result<()> {
    let options = args.options();
    options.check()?;
    let benchmark = args.benchmark.open()?;
    let units = Units::new(&args.input)?;
    let count = units.count();
    let work = args.output.join("work");
    let settings = serde_json::json!({
        "copies": options, "buckets": args.buckets, "keep_contaminated": args.benchmark.keep_contaminated,
        "benchmark": benchmark.as_ref().map(|benchmark| &benchmark.hash),
    });
    units.settings(settings)?.claim(&args.output, "settings.json")?;

    let summary = args.output.join("summary.json");
    if let Ok(bytes) = std::fs::read(&summary) {
        let counts = serde_json::from_slice(&bytes).with_context(|| summary.display().to_string())?;
        eprintln!("done before:");
        tell(args, &counts);
        return Ok(());
    }

    // Each stage leaves its files under their names only when they are whole, so a search that was stopped goes on where it was.
    let documents = names(&work, "documents", count, "jsonl.zst");
    let signatures = names(&work, "signatures", count, "bin");
    let contaminated = names(&work, "contaminated", count, "jsonl");
    let bar = units.progress();
    let mut problems = 0;
    for unit in 0..count {
        if !signatures[unit].exists() {
            let outputs = [&documents[unit], &signatures[unit], &contaminated[unit]];
            sign(&units, unit, benchmark.as_ref(), args, &bar, &mut problems, outputs)?;
        }
        bar.inc(units.bytes(unit));
    }
    bar.finish_and_clear();
    let pairs = names(&work, "pairs", args.buckets as usize, "bin");
    let bar = progress::stage("looking for pairs", Work::Parts, pairs.len() as u64);
    for (bucket, output) in (0..).zip(&pairs) {
        if !output.exists() {
            pairs::reduce(&signatures, bucket, output)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let bar = progress::stage("joining pairs to groups", Work::Parts, 1);
    let removals = names(&args.output.join("removals"), "removals", count, "jsonl.zst");
    let mut counts = resolve::resolve(&signatures, &pairs, &removals)?;
    bar.finish_and_clear();
    let bar = progress::stage("writing what stays", Work::Bytes, (0..count).map(|unit| units.bytes(unit)).sum());
    let outputs = names(&args.output.join("documents"), "documents", count, "jsonl.zst");
    for (unit, output) in outputs.iter().enumerate() {
        let documents = mmedc::read_documents(&documents[unit], units.max_document_bytes())?;
        resolve::apply(documents, &removals[unit], output)?;
        bar.inc(units.bytes(unit));
    }
    bar.finish_and_clear();
    if benchmark.is_some() {
        let path = args.output.join("contaminated.jsonl");
        let mut report = Lines::create(&path)?;
        let mut lines = 0;
        for part in &contaminated {
            let part = File::open(part).with_context(|| part.display().to_string())?;
            for line in BufReader::new(part).lines() {
                report.write(&line?)?;
                lines += 1;
            }
        }
        report.finish()?.commit()?;
        counts.add("contaminated", lines);
    }
    counts.add("unreadable", problems);
    mmedc::write::write_file(&summary, &serde_json::to_vec_pretty(&counts)?)?;
    std::fs::remove_dir_all(&work).with_context(|| work.display().to_string())?;
    tell(args, &counts);
    Ok(())
}

/// Stage 1 for a unit: its documents, those with questions left out, and their signatures.
fn sign(
    units: &Units,
    unit: usize,
    benchmark: Option<&Benchmark>,
    args: &Args,
    bar: &indicatif::ProgressBar,
    problems: &mut u64,
    [documents, signatures, contaminated]: [&PathBuf; 3],
) -> Result<()> {
    let mut writer = DocumentWriter::create(documents)?;
    let mut report = Lines::create(contaminated)?;
    let mut look = |document: Document| -> mmedc::Result<Option<Document>> {
        if let Some(line) = benchmark.and_then(|benchmark| benchmark.runs.look_at(&document)) {
            let written = report.write(&serde_json::to_string(&line).expect("plain data"));
            written.map_err(|error| mmedc::Error::Refused(format!("{error:#}")))?;
            if !args.benchmark.keep_contaminated {
                return Ok(None);
            }
        }
        writer.write(&document)?;
        Ok(Some(document))
    };
    let kept = units
        .documents(unit, bar, problems)
        .filter_map(|document| document.and_then(&mut look).transpose());
    // The signatures come last: where they are, the other two are.
    let partial = signatures.with_extension("partial");
    signatures::map(kept, &args.options(), args.buckets, &partial, &|_| {})?;
    writer.commit()?;
    report.finish()?.commit()?;
    std::fs::rename(&partial, signatures).with_context(|| signatures.display().to_string())
}

fn tell(args: &Args, counts: &Counts) {
    let count = |name: &str| counts.0.get(name).copied().unwrap_or(0);
    eprintln!("{:>12} documents compared", count("documents"));
    eprintln!("{:>12} exact copies removed", count("exact"));
    eprintln!("{:>12} near copies removed", count("near"));
    eprintln!("{:>12} stay, in {}", count("kept"), args.output.join("documents").display());
    if !args.benchmark.benchmark.is_empty() {
        let what = if args.benchmark.keep_contaminated {
            "kept"
        } else {
            "removed before"
        };
        eprintln!(
            "{:>12} hold text of the benchmark ({what}), listed in {}",
            count("contaminated"),
            args.output.join("contaminated.jsonl").display()
        );
    }
    if count("unreadable") > 0 {
        eprintln!("{:>12} could not be read", count("unreadable"));
    }
}

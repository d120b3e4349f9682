//! `mmedkit rescore` and `mmedkit merge`: what can be done with records without the model.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mmedbench::{Protocol, RunRecord, run};

use crate::run_files;

/// Arguments of `rescore`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A record of written answers, or a folder that holds the parts of one
    pub record: PathBuf,
    /// paper or lenient
    #[arg(long, value_parser = super::protocol)]
    pub protocol: Protocol,
    /// Where to write; by default beside the record, with the protocol in its name
    #[arg(long)]
    pub output: Option<PathBuf>,
}

/// Arguments of `merge`.
#[derive(clap::Args, Debug)]
pub struct MergeArgs {
    /// Parts of one run: records, or folders of them. One that was cut in the middle of a line counts up to there
    #[arg(required = true)]
    pub records: Vec<PathBuf>,
    /// The whole
    #[arg(long)]
    pub output: PathBuf,
}

/// Reads written answers again.
pub fn rescore(args: &Args) -> Result<()> {
    let mut record = run_files::read(&args.record)?;
    let changed = run::rescore(&mut record, args.protocol).with_context(|| args.record.display().to_string())?;
    let output = args.output.clone().unwrap_or_else(|| beside(&args.record, args.protocol));
    write(&output, &record)?;
    let unread = record.questions.iter().filter(|line| line.prediction.is_none()).count();
    let right = record.questions.iter().filter(|line| line.correct == Some(true)).count();
    println!(
        "{}: {} answers read as {}, {changed} read otherwise than before, {right} right, {unread} not read",
        output.display(),
        record.questions.len(),
        args.protocol
    );
    Ok(())
}

/// Joins parts of a run.
pub fn merge(args: &MergeArgs) -> Result<()> {
    let records = args.records.iter().map(|path| run_files::read(path)).collect::<Result<Vec<_>>>()?;
    let whole = run::merge(records)?;
    write(&args.output, &whole)?;
    println!("{}: {} answers", args.output.display(), whole.questions.len());
    Ok(())
}

fn beside(record: &Path, protocol: Protocol) -> PathBuf {
    let stem = record.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    record.with_file_name(format!("{stem}.{protocol}.jsonl"))
}

/// A new file; an old one is never written over.
fn write(path: &Path, record: &RunRecord) -> Result<()> {
    let open = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = open.with_context(|| format!("{}: the record is written to a new file only", path.display()))?;
    file.write_all(record.to_jsonl().as_bytes())
        .with_context(|| path.display().to_string())
}

//! `mmedkit corpus`: from raw text to training data, each step as a command.

mod benchmark;
pub mod build;
pub mod dedup;
pub mod filter;
mod input;
pub mod inspect;
mod lines;
pub mod pack;
mod progress;
pub mod stats;
pub mod tokenize;
mod units;

use anyhow::Result;
use clap::Subcommand;

/// The steps.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Build a corpus from a configuration, alone or as one of many tasks
    Build(build::Args),
    /// Decide which documents are about medicine, and write the decisions and the kept documents
    Filter(filter::Args),
    /// Count what an input holds: documents by source and language, what cannot be read, languages
    Inspect(inspect::Args),
    /// Keep one copy of each document, and none that holds a benchmark's questions
    Dedup(dedup::Args),
    /// Turn documents into shards of tokens
    Tokenize(tokenize::Args),
    /// Join shards into what `mmedkit pretrain --corpus` reads, or into the windows of MMedC's authors
    Pack(pack::Args),
    /// Print the statistics of a built corpus, or of any documents
    Stats(stats::StatsArgs),
    /// Write the statistics of a built corpus, or of any documents, as a page with charts
    Report(stats::ReportArgs),
}

/// Runs one.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Build(args) => build::run(args),
        Command::Filter(args) => filter::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Dedup(args) => dedup::run(args),
        Command::Tokenize(args) => tokenize::run(args),
        Command::Pack(args) => pack::run(args),
        Command::Stats(args) => stats::stats(args),
        Command::Report(args) => stats::page(args),
    }
}

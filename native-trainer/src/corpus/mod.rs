//! `mmedkit corpus`: from raw text to training data, each step as a command.

pub mod filter;
mod input;

use anyhow::Result;
use clap::Subcommand;

/// The steps.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Decide which documents are about medicine, and write the decisions and the kept documents
    Filter(filter::Args),
}

/// Runs one.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Filter(args) => filter::run(args),
    }
}

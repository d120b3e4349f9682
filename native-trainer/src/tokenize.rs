//! `mmedkit tokenize`: one JSON array of ids for each JSON string on a line.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::model;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A GGUF file or a Hugging Face folder (tokenizer.json is enough)
    #[arg(long)]
    pub model: PathBuf,
    /// Without the tokens that the model expects around a text
    #[arg(long)]
    pub no_special: bool,
}

/// Reads lines until the input ends.
pub fn run(args: &Args, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let tokenizer = model::open_tokenizer(&args.model)?;
    for (index, line) in input.lines().enumerate() {
        let number = index + 1;
        let line = line.with_context(|| format!("standard input, line {number}"))?;
        let text: String = serde_json::from_str(&line)
            .with_context(|| format!("standard input, line {number}: not a JSON string (write it in double quotes)"))?;
        let ids = tokenizer
            .encode(&text, !args.no_special, false)
            .with_context(|| format!("standard input, line {number}"))?;
        serde_json::to_writer(&mut output, &ids)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(())
}

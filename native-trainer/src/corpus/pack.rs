//! `mmedkit corpus pack`: shards → the folder that `mmedkit pretrain --corpus` reads, or the windows of MMedC's authors.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use mmedc::shards::{EXTENSION, Shard, Vocabulary, pack, windows};

use super::progress::{self, Work};
use super::tokenize::{KIND, SETTINGS};
use super::units::{Settings, names};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder that `corpus tokenize` wrote
    #[arg(long)]
    pub input: PathBuf,
    /// Folder of the result
    #[arg(long)]
    pub output: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = LayoutArg::Packed)]
    pub layout: LayoutArg,
    /// Share of the documents of each language that is held out for validation; chosen by their ids (packed)
    #[arg(long, default_value_t = pack::Options::default().hold_out)]
    pub hold_out: f64,
    /// Of the choice of documents held out (packed)
    #[arg(long, default_value_t = pack::Options::default().seed)]
    pub seed: u64,
    /// Tokens of a shard, at most (packed)
    #[arg(long, default_value_t = pack::Options::default().shard_tokens)]
    pub shard_tokens: u64,
    /// Tokens of a window (windows)
    #[arg(long, default_value_t = windows::Options::default().window)]
    pub window: usize,
    /// Tokens from one window to the next (windows)
    #[arg(long, default_value_t = windows::Options::default().stride)]
    pub stride: usize,
}

/// Layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutArg {
    /// Documents end to end in large shards, boundaries kept
    Packed,
    /// As MMedC's authors: one NumPy file for each window, short documents padded
    Windows,
}

/// Packs.
pub fn run(args: &Args) -> Result<()> {
    let path = args.input.join(SETTINGS);
    let Some(settings) = Settings::read(&path)? else {
        bail!(
            "{}: there is no {SETTINGS}; make the folder with `mmedkit corpus tokenize`",
            args.input.display()
        );
    };
    let vocabulary: Vocabulary =
        serde_json::from_value(settings.settings["vocabulary"].clone()).with_context(|| path.display().to_string())?;
    let inputs = names(&args.input, KIND, settings.units, EXTENSION);
    let mut tokens = 0;
    for input in &inputs {
        if !input.exists() {
            bail!(
                "{}: is missing; `mmedkit corpus tokenize` was not finished, run it again",
                input.display()
            );
        }
        tokens += Shard::open(input)?.header.tokens;
    }
    let bar = progress::stage("packing", Work::Tokens, tokens);
    match args.layout {
        LayoutArg::Packed => {
            let options = pack::Options {
                shard_tokens: args.shard_tokens,
                hold_out: args.hold_out,
                seed: args.seed,
            };
            let manifest = pack::pack(&inputs, &vocabulary, &options, &args.output, &|tokens| bar.inc(tokens))?;
            bar.finish_and_clear();
            eprintln!("{} tokens to train on, in {} shards", manifest.train_tokens(), manifest.train.len());
            for (language, files) in &manifest.validation {
                let tokens: u64 = files.iter().map(|file| file.tokens).sum();
                let documents: u64 = files.iter().map(|file| file.documents).sum();
                eprintln!("{tokens} tokens of {documents} documents held out: {language}");
            }
            if manifest.too_short > 0 {
                eprintln!("{} documents of a single token left out", manifest.too_short);
            }
        }
        LayoutArg::Windows => {
            let options = windows::Options {
                window: args.window,
                stride: args.stride,
            };
            let counts = windows::write(&inputs, &vocabulary, options, &args.output, &|tokens| bar.inc(tokens))?;
            bar.finish_and_clear();
            let count = |name: &str| counts.0.get(name).copied().unwrap_or(0);
            eprintln!(
                "{} windows of {} documents, {} tokens of padding",
                count("windows"),
                count("documents"),
                count("padding")
            );
        }
    }
    Ok(())
}

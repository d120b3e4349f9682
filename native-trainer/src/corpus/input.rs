//! What the commands over documents have in common: inputs and how they are read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use mmedc::Language;
use mmedc::read::{self, InputFile, InvalidUtf8, ReadOptions};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct InputArgs {
    /// Folder or file to read: .txt, .zip of .txt, .jsonl (.gz, .zst), .parquet, the authors' textbook .json, .pdf; may be given several times
    #[arg(long, required = true, value_name = "TREE")]
    pub input: Vec<PathBuf>,
    /// Leave out files whose path inside the input holds this; may be given several times (the authors advise cultural_filtered_data_used for MMedC)
    #[arg(long, value_name = "TEXT")]
    pub exclude: Vec<String>,
    /// Language of every document: en, zh, ja, fr, ru, es; without it, what rows, folders and file names say
    #[arg(long, value_name = "CODE")]
    pub language: Option<Language>,
    /// Source of every document, which statistics count by; without it, what rows say, or the first folder
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Licence of documents that name none
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub license: String,
    /// Field or column that holds the text
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub text_field: String,
    /// What to do about bytes that are not UTF-8
    #[arg(long, value_enum, default_value_t = InvalidUtf8Arg::Replace)]
    pub invalid_utf8: InvalidUtf8Arg,
    /// Longest document, in MiB; longer ones are left out and counted
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub max_document_mib: u64,
}

/// [`InvalidUtf8`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InvalidUtf8Arg {
    /// Put U+FFFD and count
    Replace,
    /// Leave the document out
    Refuse,
}

impl InputArgs {
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            invalid_utf8: match self.invalid_utf8 {
                InvalidUtf8Arg::Replace => InvalidUtf8::Replace,
                InvalidUtf8Arg::Refuse => InvalidUtf8::Refuse,
            },
            max_document_bytes: self.max_document_mib.saturating_mul(1 << 20),
            text_field: self.text_field.clone(),
            language: self.language,
            source: self.source.clone(),
            license: self.license.clone(),
        }
    }

    /// Every file of every input, in order, each with the name of its input, so that `NAME/FILE` reads as `tar` would name it.
    pub fn files(&self) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        for root in &self.input {
            let listing = read::list(root, &self.exclude)?;
            let name = if root.is_dir() { folder_name(root)? } else { String::new() };
            inputs.other += listing.other;
            inputs.excluded += listing.excluded;
            inputs.files.extend(listing.files.into_iter().map(|file| (name.clone(), file)));
        }
        Ok(inputs)
    }
}

/// The files of all inputs.
#[derive(Default)]
pub struct Inputs {
    /// Name of the input and file in it.
    pub files: Vec<(String, InputFile)>,
    /// Files of other formats.
    pub other: u64,
    /// Files left out by name.
    pub excluded: u64,
}

impl Inputs {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.bytes).sum()
    }

    /// A bar over the bytes of all files; hidden where standard error is no terminal.
    pub fn progress(&self) -> Result<ProgressBar> {
        let bar = ProgressBar::new(self.bytes());
        bar.set_style(ProgressStyle::with_template(
            "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left {msg}",
        )?);
        Ok(bar)
    }
}

/// `NAME/FILE`, or `FILE` where the input is that file.
pub fn shown(input: &str, file: &str) -> String {
    if input.is_empty() {
        file.to_string()
    } else {
        format!("{input}/{file}")
    }
}

fn folder_name(root: &Path) -> Result<String> {
    let whole = root.canonicalize().with_context(|| root.display().to_string())?;
    Ok(whole
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default())
}

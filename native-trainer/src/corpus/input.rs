//! What the commands over documents have in common: inputs and how they are read.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use indicatif::ProgressBar;
use mmedc::read::{self, Format, InputFile, InvalidUtf8, Ocr, ReadOptions, ReadProblem};
use mmedc::{Counts, Document, Language};

use super::progress::{self, Work};

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
    /// Command that reads PDFs which are only images, or `off`; without it, `tesseract` where that is installed
    #[arg(long, value_name = "COMMAND")]
    pub tesseract: Option<PathBuf>,
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
            exclude: self.exclude.clone(),
            ocr: match &self.tesseract {
                Some(command) if command.as_os_str() == "off" => Ocr::Off,
                Some(command) => Ocr::Tesseract(command.clone()),
                None => Ocr::Tesseract("tesseract".into()),
            },
            ..ReadOptions::default()
        }
    }

    /// Every file of every input, in order, each with the name of its input, so that `NAME/FILE` reads as `tar` would name it. Refuses inputs whose
    /// documents could not be told apart.
    pub fn files(&self) -> Result<Inputs> {
        let inputs = self.list()?;
        inputs.tell_apart(&self.options())?;
        Ok(inputs)
    }

    /// The same where nobody asks for ids.
    pub fn list(&self) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        let options = self.options();
        for root in &self.input {
            let listing = read::list(root, &options)?;
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

/// Whether a file's documents have ids that an earlier step made; then they name other files.
fn brings_ids(file: &InputFile, options: &ReadOptions) -> bool {
    let first = (file.format == Format::Jsonl)
        .then(|| read::open(file, options).ok()?.find_map(Result::ok))
        .flatten();
    first.is_some_and(|document| document.file != file.file)
}

/// What was counted while reading.
#[derive(Default)]
pub struct Read {
    pub documents: u64,
    /// Problems by their short names.
    pub problems: BTreeMap<&'static str, u64>,
    pub counts: Counts,
    pub other: u64,
    pub excluded: u64,
}

/// Problems that are printed one by one; the rest is counted.
const MOST_SHOWN: u64 = 20;

impl Inputs {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.bytes).sum()
    }

    /// A bar over the bytes of all files; hidden where standard error is no terminal.
    pub fn progress(&self) -> ProgressBar {
        progress::quiet("reading", Work::Bytes, self.bytes())
    }

    /// Ids are made of sources, files and positions: files of the same name in two inputs would have the same. What an earlier step wrote brings
    /// its ids with it.
    fn tell_apart(&self, options: &ReadOptions) -> Result<()> {
        let mut seen: HashMap<&str, &InputFile> = HashMap::new();
        for (_, file) in &self.files {
            let Some(other) = seen.insert(&file.file, file) else { continue };
            if other.path == file.path || !brings_ids(other, options) || !brings_ids(file, options) {
                bail!(
                    "{} and {}: documents of both would have the same ids, for their files have the same name; give the folder above both as the one --input, \
                     or read them apart, each with a --source",
                    other.path.display(),
                    file.path.display()
                );
            }
        }
        Ok(())
    }

    /// Reads everything in order and gives each document with the name of its input to `take`. Documents that cannot be read are told on
    /// standard error and counted; a file of a wrong shape (a parquet without the column) ends it.
    pub fn documents(&self, options: &ReadOptions, mut take: impl FnMut(&str, Document) -> Result<()>) -> Result<Read> {
        let mut read = Read {
            other: self.other,
            excluded: self.excluded,
            ..Read::default()
        };
        let bar = self.progress();
        let problem = |read: &mut Read, problem: ReadProblem| -> Result<()> {
            if problem.is_fatal() {
                return Err(problem.into());
            }
            if read.problems.values().sum::<u64>() < MOST_SHOWN {
                bar.suspend(|| eprintln!("left out: {problem}"));
            }
            *read.problems.entry(problem.name()).or_default() += 1;
            Ok(())
        };
        for (input, file) in &self.files {
            match read::open(file, options) {
                Err(found) => problem(&mut read, found)?,
                Ok(mut reader) => {
                    for document in reader.by_ref() {
                        match document {
                            Ok(document) => {
                                read.documents += 1;
                                take(input, document)?;
                            }
                            Err(found) => problem(&mut read, found)?,
                        }
                    }
                    read.counts.merge(reader.counts());
                }
            }
            bar.inc(file.bytes);
        }
        bar.finish_and_clear();
        Ok(read)
    }
}

impl Read {
    /// Tells on standard error what was not read, and what was odd.
    pub fn print_problems(&self) {
        for (name, n) in &self.problems {
            eprintln!("not read ({name}): {n}");
        }
        for (name, n) in &self.counts.0 {
            eprintln!("read: {name} {n}");
        }
        if self.other > 0 {
            eprintln!("files of other formats: {}", self.other);
        }
        if self.excluded > 0 {
            eprintln!("files left out by --exclude: {}", self.excluded);
        }
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

//! Shards of single files → the folder a trainer reads: documents end to end in shards of about equal size, validation text apart.
//!
//! A document is held out by a hash of its id, so that the same documents are held out whatever else is in the corpus, and however it is cut
//! into files and tasks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::manifest::{FORMAT, File, Manifest, NAME};
use super::{EXTENSION, Shard, ShardWriter, Vocabulary};
use crate::{Error, Result};

/// Settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Tokens of a shard, at most; a longer document has a shard of its own.
    pub shard_tokens: u64,
    /// Share of the documents that is held out, of each language.
    pub hold_out: f64,
    /// Of the choice of documents held out.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            shard_tokens: 1 << 28,
            hold_out: 0.005,
            seed: 1,
        }
    }
}

impl Options {
    /// Whether a document is held out.
    pub fn is_held_out(&self, id: &[u8; 16]) -> bool {
        // 53 bits are what a double holds.
        ((xxh3_64_with_seed(id, self.seed) >> 11) as f64) < self.hold_out * (1u64 << 53) as f64
    }
}

/// Shards of one kind, one after the other.
struct Series<'a> {
    folder: &'a Path,
    name: String,
    vocabulary: &'a Vocabulary,
    limit: u64,
    open: Option<(String, ShardWriter)>,
    done: Vec<File>,
}

impl<'a> Series<'a> {
    fn new(folder: &'a Path, name: String, vocabulary: &'a Vocabulary, limit: u64) -> Series<'a> {
        Series {
            folder,
            name,
            vocabulary,
            limit,
            open: None,
            done: Vec::new(),
        }
    }

    fn writer(&mut self, tokens: u64) -> Result<&mut ShardWriter> {
        if self.open.as_ref().is_some_and(|(_, writer)| writer.tokens() + tokens > self.limit) {
            self.end()?;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let file = format!("{}-{:05}.{EXTENSION}", self.name, self.done.len());
                let writer = ShardWriter::create(&self.folder.join(&file), self.vocabulary)?;
                (file, writer)
            }
        };
        Ok(&mut self.open.insert(open).1)
    }

    fn end(&mut self) -> Result<()> {
        if let Some((file, writer)) = self.open.take() {
            self.done.push(File::of(&writer.commit()?, file));
        }
        Ok(())
    }
}

/// Packs shards, in this order, into `folder`. `progress` hears the tokens done.
/// Errors: a folder packed with other settings or another vocabulary (the difference is named); shards of another vocabulary; no text to train on.
pub fn pack(inputs: &[PathBuf], vocabulary: &Vocabulary, options: &Options, folder: &Path, progress: &dyn Fn(u64)) -> Result<Manifest> {
    if options.shard_tokens == 0 || !(0.0..1.0).contains(&options.hold_out) {
        return Err(Error::Refused(
            "pack: shard_tokens must be at least 1, and hold_out at least 0 and less than 1".to_owned(),
        ));
    }
    let name = folder.join(NAME);
    if name.exists() {
        let old = Manifest::open(folder)?;
        old.vocabulary.check_same(vocabulary, folder)?;
        if old.options != *options {
            return Err(Error::Refused(format!(
                "{}: packed with other settings; use those, or another folder\n  then: {}\n  now:  {}",
                folder.display(),
                serde_json::to_string(&old.options).expect("plain data"),
                serde_json::to_string(options).expect("plain data")
            )));
        }
        // While shards are replaced, nobody may take the folder for whole.
        std::fs::remove_file(&name).map_err(|error| Error::io(&name, error))?;
    }
    let mut train = Series::new(folder, "train".to_owned(), vocabulary, options.shard_tokens);
    let mut validation: BTreeMap<String, Series> = BTreeMap::new();
    let mut too_short = 0;
    let mut tokens = Vec::new();
    for path in inputs {
        let shard = open_input(path, vocabulary)?;
        for (document, metadata) in (0..).zip(shard.metadata()?) {
            let metadata = metadata?;
            tokens.clear();
            shard.read(shard.range(document), &mut tokens);
            progress(metadata.tokens);
            if tokens.len() < 2 {
                too_short += 1;
                continue;
            }
            let series = if options.is_held_out(&shard.id(document)) {
                let language = metadata.language.map_or("und", |language| language.code());
                validation
                    .entry(language.to_owned())
                    .or_insert_with(|| Series::new(folder, format!("validation-{language}"), vocabulary, options.shard_tokens))
            } else {
                &mut train
            };
            series.writer(metadata.tokens)?.add(&tokens, &metadata)?;
        }
    }
    train.end()?;
    for series in validation.values_mut() {
        series.end()?;
    }
    if train.done.is_empty() {
        return Err(Error::Refused(format!(
            "{}: there is no text to train on in {} shards",
            folder.display(),
            inputs.len()
        )));
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        vocabulary: vocabulary.clone(),
        options: options.clone(),
        train: train.done,
        validation: validation.into_iter().map(|(language, series)| (language, series.done)).collect(),
        too_short,
    };
    manifest.write(folder)?;
    Ok(manifest)
}

/// A shard that was made with this vocabulary, its content checked.
pub(super) fn open_input(path: &Path, vocabulary: &Vocabulary) -> Result<Shard> {
    let shard = Shard::open(path)?;
    if shard.header.vocabulary != vocabulary.hash() {
        return Err(Error::format(
            path,
            "made with another tokenizer than the rest; tokenise its text again",
        ));
    }
    shard.verify()?;
    Ok(shard)
}

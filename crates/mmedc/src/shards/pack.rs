//! Shards of single files → the folder a trainer reads: documents end to end in shards of about equal size, validation text apart.
//!
//! A document is held out by a hash of its id, so that the same documents are held out whatever else is in the corpus, and however it is cut
//! into files and tasks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::manifest::{FORMAT, File, Input, Manifest, NAME, check_same};
use super::{EXTENSION, METADATA, Shard, ShardWriter, Vocabulary};
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

/// How the names of shards begin.
const TRAIN: &str = "train";
const VALIDATION: &str = "validation-";

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

/// Packs shards, in this order, into `folder`. `progress` hears the tokens done. A folder that is packed already, with these settings and of this
/// input, is left as it is.
/// Errors: a folder packed with other settings, of other input or with another vocabulary (the difference is named); shards of another
/// vocabulary; no text to train on.
pub fn pack(inputs: &[PathBuf], vocabulary: &Vocabulary, options: &Options, folder: &Path, progress: &dyn Fn(u64)) -> Result<Manifest> {
    if options.shard_tokens == 0 || !(0.0..1.0).contains(&options.hold_out) {
        return Err(Error::Refused(
            "pack: shard_tokens must be at least 1, and hold_out at least 0 and less than 1".to_owned(),
        ));
    }
    let name = folder.join(NAME);
    let old = name.exists().then(|| Manifest::open(folder)).transpose()?;
    if let Some(old) = &old {
        old.vocabulary.check_same(vocabulary, folder)?;
    }
    let input = Input::of(inputs, vocabulary)?;
    if let Some(old) = old {
        check_same(folder, (&old.options, &old.input), (options, &input))?;
        let whole = |files: &[File]| old.open_shards(folder, files).is_ok();
        if whole(&old.train) && old.validation.values().all(|files| whole(files)) {
            progress(input.tokens);
            return Ok(old);
        }
        // While shards are replaced, nobody may take the folder for whole.
        std::fs::remove_file(&name).map_err(|error| Error::io(&name, error))?;
    }
    remove_stale(folder)?;
    let mut train = Series::new(folder, TRAIN.to_owned(), vocabulary, options.shard_tokens);
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
                    .or_insert_with(|| Series::new(folder, format!("{VALIDATION}{language}"), vocabulary, options.shard_tokens))
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
        input,
        train: train.done,
        validation: validation.into_iter().map(|(language, series)| (language, series.done)).collect(),
        too_short,
    };
    manifest.write(folder)?;
    Ok(manifest)
}

/// Shards without a manifest are what a killed process left; under other settings they would not all be replaced.
fn remove_stale(folder: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| Error::io(folder, error))?,
    };
    for entry in entries {
        let path = entry.map_err(|error| Error::io(folder, error))?.path();
        let stem = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(EXTENSION)?.strip_suffix('.')?.rsplit_once('-'));
        if !stem.is_some_and(|(kind, _)| kind == TRAIN || kind.starts_with(VALIDATION)) {
            continue;
        }
        for path in [path.with_extension(METADATA), path] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path, error)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// A shard that was made with this vocabulary.
pub(super) fn open_input(path: &Path, vocabulary: &Vocabulary) -> Result<Shard> {
    let shard = Shard::open(path)?;
    if shard.header.vocabulary != vocabulary.hash() {
        return Err(Error::format(
            path,
            "made with another tokenizer than the rest; tokenise its text again",
        ));
    }
    Ok(shard)
}

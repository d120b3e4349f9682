//! Stage `pack`: the units' shards become the folder that a trainer reads.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokenizer::Tokenizer;

use super::map::get_or_try;
use super::runner::{Build, Marker, Progress, Stage};
use crate::shards::{METADATA, Vocabulary, manifest, pack, tokenize, windows};
use crate::storage::Fetched;
use crate::{Document, Error, Result};

/// `[tokenize]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizeSettings {
    /// A `tokenizer.json`, a folder with one, or a GGUF file.
    pub tokenizer: String,
    #[serde(default)]
    pub layout: Layout,
    /// Of the layout `packed`.
    #[serde(default)]
    pub packed: pack::Options,
    /// Of the layout `windows`.
    #[serde(default)]
    pub windows: windows::Options,
}

/// What `shards/` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Documents end to end, in memory-mapped files.
    #[default]
    Packed,
    /// The authors' windows, one file each.
    Windows,
}

/// The folder.
pub const SHARDS: &str = "shards";

/// A unit's shard.
pub(super) fn shard(unit: u64) -> String {
    format!("work/tokens/{unit:05}.{}", crate::shards::EXTENSION)
}

/// What lies beside it.
pub(super) fn metadata(unit: u64) -> String {
    format!("work/tokens/{unit:05}.{METADATA}")
}

/// A tokenizer with what its shards say of it.
pub struct Tokens {
    tokenizer: Tokenizer,
    pub vocabulary: Vocabulary,
}

impl Tokens {
    /// Ids of a document, nothing before or after.
    pub fn encode(&self, document: &Document) -> Result<Vec<u32>> {
        let refused = |error| Error::Refused(format!("document {} ({}): {error}", document.id, document.file));
        tokenize::encode(&self.tokenizer, &document.text).map_err(refused)
    }
}

impl Build {
    /// What makes tokens, opened when it is first asked for; none where the configuration has no `[tokenize]`.
    pub(super) fn tokens(&self) -> Result<Option<&Tokens>> {
        let Some(settings) = &self.settings.config.tokenize else {
            return Ok(None);
        };
        get_or_try(&self.tokens, || {
            let tokenizer = (self.open_tokenizer)(&self.settings.base.join(&settings.tokenizer))?;
            let vocabulary = Vocabulary::of(&tokenizer)?;
            Ok(Tokens { tokenizer, vocabulary })
        })
        .map(Some)
    }
}

pub(super) fn run(build: &Build, progress: &dyn Progress) -> Result<Marker> {
    let (Some(tokens), Some(settings)) = (build.tokens()?, &build.settings.config.tokenize) else {
        return Ok(Marker::default());
    };
    let folder = build.output.writable(SHARDS);
    let done = |tokens| progress.advance(tokens);
    let (_held, inputs) = inputs(build)?;
    let mut marker = Marker::default();
    match settings.layout {
        Layout::Packed => {
            let manifest = pack::pack(&inputs, &tokens.vocabulary, &settings.packed, &folder, &done)?;
            let files = manifest.train.iter().chain(manifest.validation.values().flatten());
            // The manifest comes last: a folder that has one is whole.
            let names = files.flat_map(|file| {
                [
                    Path::new(&file.file).with_extension(METADATA).display().to_string(),
                    file.file.clone(),
                ]
            });
            for name in names.chain([manifest::NAME.to_owned()]) {
                let name = format!("{SHARDS}/{name}");
                let bytes = build.output.publish(&name)?;
                marker.files.push((name, bytes));
            }
        }
        Layout::Windows => {
            marker.counts = windows::write(&inputs, &tokens.vocabulary, settings.windows, &folder, &done)?;
        }
    }
    Ok(marker)
}

/// All units' shards, on this machine, each with its metadata beside it.
fn inputs(build: &Build) -> Result<(Vec<Fetched>, Vec<PathBuf>)> {
    let (mut held, mut paths) = (Vec::new(), Vec::new());
    for unit in 0..build.units(Stage::Write)? {
        let [tokens, beside] = build.output.fetch_together([&shard(unit), &metadata(unit)])?;
        paths.push(tokens.path.clone());
        held.extend([tokens, beside]);
    }
    Ok((held, paths))
}

//! `shards.json`: what a folder of packed shards holds. It is written last, so a folder that has one is whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::format::language_byte;
use super::{Shard, Vocabulary};
use crate::{Error, Result, write::write_file};

/// Name of the file.
pub const NAME: &str = "shards.json";
/// What its field `format` says.
pub const FORMAT: &str = "mmedkit-shards-1";

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub vocabulary: Vocabulary,
    pub options: super::pack::Options,
    /// What it was made of.
    #[serde(default)]
    pub input: Input,
    /// What to train on, in the order of the documents that went in.
    pub train: Vec<File>,
    /// What is held out: languages by code, `und` where none was declared.
    pub validation: BTreeMap<String, Vec<File>>,
    /// Documents of a single token, from which nothing can be learned; they are left out.
    pub too_short: u64,
}

/// The documents that were packed, in their order; how they were cut into files does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub documents: u64,
    pub tokens: u64,
    /// Of ids, languages and tokens, in hexadecimal.
    pub hash: String,
}

impl Input {
    /// Reads all shards, which must be of this vocabulary and as they were written.
    pub fn of(shards: &[PathBuf], vocabulary: &Vocabulary) -> Result<Input> {
        let (mut hash, mut tokens) = (Xxh3::new(), Vec::new());
        let mut input = Input::default();
        for path in shards {
            let shard = super::pack::open_input(path, vocabulary)?;
            shard.verify()?;
            for document in 0..shard.documents() {
                let range = shard.range(document);
                hash.update(&shard.id(document));
                hash.update(&[language_byte(shard.language(document))]);
                hash.update(&(range.end - range.start).to_le_bytes());
                tokens.clear();
                shard.read(range, &mut tokens);
                hash.update(bytemuck::cast_slice(&tokens));
            }
            input.documents += shard.documents();
            input.tokens += shard.header.tokens;
        }
        input.hash = format!("{:032x}", hash.digest128());
        Ok(input)
    }
}

/// Refuses results that were made with other options or of other input than now, with the difference. (Another vocabulary:
/// [`Vocabulary::check_same`].)
pub fn check_same<O: PartialEq + Serialize>(folder: &Path, then: (&O, &Input), now: (&O, &Input)) -> Result<()> {
    let mut differences = Vec::new();
    differ("settings", then.0, now.0, &mut differences);
    differ("input", then.1, now.1, &mut differences);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{}: packed with other settings or of other input; use the same, or another folder\n  {}",
        folder.display(),
        differences.join("\n  ")
    )))
}

fn differ<T: PartialEq + Serialize>(what: &str, then: &T, now: &T, differences: &mut Vec<String>) {
    let json = |value: &T| serde_json::to_string(value).expect("plain data");
    if then != now {
        differences.push(format!("{what} then: {}\n  {what} now:  {}", json(then), json(now)));
    }
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Name in the folder.
    pub file: String,
    pub documents: u64,
    pub tokens: u64,
    /// Of its content, in hexadecimal.
    pub hash: String,
}

/// One short text for the content of several shards, in hexadecimal.
pub fn fingerprint(hashes: &[&str]) -> String {
    let hash = Sha256::digest(hashes.join("\n"));
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Manifest {
    /// Reads a folder's manifest.
    pub fn open(folder: &Path) -> Result<Manifest> {
        let path = folder.join(NAME);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::format(
                    folder,
                    format!("no folder of packed shards (there is no {NAME}); make one with `mmedkit corpus pack`"),
                ));
            }
            read => read.map_err(|error| Error::io(&path, error))?,
        };
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| Error::format(&path, error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(Error::format(
                &path,
                format!("format {:?}, but this program reads {FORMAT:?}", manifest.format),
            ));
        }
        Ok(manifest)
    }

    /// Writes it.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write_file(folder.join(NAME), &serde_json::to_vec_pretty(self).expect("plain data"))
    }

    /// Opens some of the shards and holds each against its entry.
    pub fn open_shards(&self, folder: &Path, files: &[File]) -> Result<Vec<Shard>> {
        files
            .iter()
            .map(|entry| {
                if entry.file.contains(['/', '\\']) {
                    return Err(Error::format(
                        folder.join(NAME),
                        format!("{:?} is no file of this folder", entry.file),
                    ));
                }
                let shard = Shard::open(&folder.join(&entry.file))?;
                let found = File::of(&shard.header, entry.file.clone());
                if found != *entry || shard.header.vocabulary != self.vocabulary.hash() {
                    return Err(Error::format(&shard.path, format!("not the shard that {NAME} names; pack again")));
                }
                Ok(shard)
            })
            .collect()
    }

    /// Tokens to train on.
    pub fn train_tokens(&self) -> u64 {
        self.train.iter().map(|file| file.tokens).sum()
    }
}

impl File {
    /// The entry of a shard.
    pub fn of(header: &super::format::Header, file: String) -> File {
        File {
            file,
            documents: header.documents,
            tokens: header.tokens,
            hash: header.content.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

//! `shards.json`: what a folder of packed shards holds. It is written last, so a folder that has one is whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
    /// What to train on, in the order of the documents that went in.
    pub train: Vec<File>,
    /// What is held out: languages by code, `und` where none was declared.
    pub validation: BTreeMap<String, Vec<File>>,
    /// Documents of a single token, from which nothing can be learned; they are left out.
    pub too_short: u64,
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

//! Models kept on this machine, block by block, so that a download goes on where it stopped and damage is found.
//!
//! ```text
//! folder of a model
//!   manifest.json  what is being kept: name, address, length, expected SHA-256; written once, before any data
//!   data           the file
//!   blocks         64 bytes for each block that is stored: its SHA-256, and the state of the whole file's SHA-256 after it
//!                  (for the last block: the finished hash)
//! ```
//!
//! A block counts as stored when its entry is in `blocks`, which is written after the data. Whatever is cut off in between is fetched
//! again. The logic is the same everywhere; [`Files`] says where folders are: in OPFS in a browser ([`Opfs`]), in memory in tests.

mod add;
mod files;
mod layout;
mod memory;
mod stored;

use crate::error::{Error, Result};
use crate::hash::{self, Hash};
use crate::source::Budget;

pub use add::Addition;
pub use files::{Files, StoredFile};
pub use layout::BLOCK;
pub use memory::MemoryFiles;
pub use stored::{Reopen, StoredSource};

use layout::{Blocks, Manifest};

#[cfg(target_arch = "wasm32")]
mod opfs;
#[cfg(target_arch = "wasm32")]
pub use opfs::{Opfs, estimate};

/// A model in the store, whole or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredModel {
    /// Its name.
    pub name: String,
    /// Where it came from; none for a file from disk.
    pub url: Option<String>,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// Bytes of it that are here.
    pub stored: u64,
    /// SHA-256 of the whole file in hexadecimal, once it is here.
    pub sha256: Option<String>,
}

impl StoredModel {
    /// True when nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.sha256.is_some()
    }
}

/// A place where models are kept. See [`Store::add`], [`Store::open`].
#[derive(Debug)]
pub struct Store<F> {
    files: F,
    budget: Budget,
}

impl<F: Files> Store<F> {
    /// The store in `files`, moving at most [`crate::source::IN_FLIGHT_LIMIT`] bytes at once.
    pub fn new(files: F) -> Store<F> {
        Store::with_budget(files, Budget::default())
    }

    /// As [`Store::new`] with a budget that others share.
    pub fn with_budget(files: F, budget: Budget) -> Store<F> {
        assert!(budget.limit() >= BLOCK, "a block must fit the budget");
        Store { files, budget }
    }

    /// The limit on bytes in memory, and its peak so far.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// All models, by name. Folders that are no model's are passed over.
    pub async fn list(&self) -> Result<Vec<StoredModel>> {
        let mut models = Vec::new();
        for folder in self.files.folders().await? {
            if let Some((manifest, blocks)) = self.read(&folder).await? {
                models.push(manifest.describe(&blocks));
            }
        }
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(models)
    }

    /// The model `name`, if it is here, whole or not.
    pub async fn find(&self, name: &str) -> Result<Option<StoredModel>> {
        Ok(self
            .read(&folder_of(name))
            .await?
            .map(|(manifest, blocks)| manifest.describe(&blocks)))
    }

    /// Removes the model `name`. [`Error::InUse`] while another tab loads or reads it.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let folder = folder_of(name);
        let lock = self.files.lock(&folder, name).await?;
        if self.files.read_small(&folder, layout::MANIFEST).await?.is_none() {
            return Err(Error::NotStored {
                file: name.to_owned(),
                hint: "",
            });
        }
        self.files.remove(&folder, name).await?;
        drop(lock);
        Ok(())
    }

    /// Manifest and blocks of a folder; `None` where there is no manifest that makes sense.
    async fn read(&self, folder: &str) -> Result<Option<(Manifest, Blocks)>> {
        let Some(json) = self.files.read_small(folder, layout::MANIFEST).await? else {
            return Ok(None);
        };
        // A manifest that was cut off while it was written stands for nothing: no data were stored yet.
        let Some(manifest) = Manifest::parse(&json) else { return Ok(None) };
        if folder_of(&manifest.name) != folder {
            return Ok(None);
        }
        let log = self.files.read_small(folder, layout::BLOCKS).await?.unwrap_or_default();
        let blocks = Blocks::parse(&log, manifest.length);
        Ok(Some((manifest, blocks)))
    }
}

/// The folder of a model: a name that every file system takes, whatever the model is called.
fn folder_of(name: &str) -> String {
    hash::hex(&hash::sha256(name.as_bytes())[..16])
}

/// The error for bytes that are not what was promised.
fn wrong_hash(file: &str, what: &str, expected: &Hash, actual: &Hash) -> Error {
    Error::Hash {
        file: file.to_owned(),
        what: what.to_owned(),
        expected: hash::hex(expected),
        actual: hash::hex(actual),
    }
}

//! What lies in a model's folder.

use super::StoredModel;
use crate::hash::{self, Hash, Running};
use serde::{Deserialize, Serialize};

/// Bytes of a block: what is fetched, checked and repaired at once.
pub const BLOCK: usize = 4 << 20;
/// Names of the three files.
pub const MANIFEST: &str = "manifest.json";
pub const DATA: &str = "data";
pub const BLOCKS: &str = "blocks";
/// Bytes of an entry of [`BLOCKS`].
pub const ENTRY: usize = 64;

/// What is being kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this layout: 1.
    pub version: u32,
    /// The model's name here.
    pub name: String,
    /// Where it comes from.
    pub url: Option<String>,
    /// What the server calls this state of the file (its ETag).
    pub validator: Option<String>,
    /// Bytes of the whole file.
    pub length: u64,
    /// Bytes of a block: [`BLOCK`].
    pub block: u64,
    /// SHA-256 that the whole file should have, in hexadecimal.
    pub sha256: Option<String>,
}

impl Manifest {
    /// From JSON; `None` for what another version wrote, or what was cut off.
    pub fn parse(json: &[u8]) -> Option<Manifest> {
        let manifest: Manifest = serde_json::from_slice(json).ok()?;
        (manifest.version == 1 && manifest.block == BLOCK as u64).then_some(manifest)
    }

    /// For lists.
    pub fn describe(&self, blocks: &Blocks) -> StoredModel {
        StoredModel {
            name: self.name.clone(),
            url: self.url.clone(),
            bytes: self.length,
            stored: blocks.stored_bytes(),
            sha256: blocks.whole().map(|whole| hash::hex(&whole)),
        }
    }
}

/// Hashes of the blocks that are stored: the first ones of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    length: u64,
    entries: Vec<(Hash, Hash)>,
}

impl Blocks {
    /// From the log; an entry that was cut off does not count.
    pub fn parse(log: &[u8], length: u64) -> Blocks {
        let total = count(length);
        let halves = |entry: &[u8; ENTRY]| (entry[..32].try_into().expect("32 bytes"), entry[32..].try_into().expect("32 bytes"));
        let entries = log.as_chunks::<ENTRY>().0.iter().take(total).map(halves).collect();
        Blocks { length, entries }
    }

    /// Blocks of the whole file.
    pub fn total(&self) -> usize {
        count(self.length)
    }

    /// Blocks that are stored.
    pub fn stored(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that are stored.
    pub fn stored_bytes(&self) -> u64 {
        (self.stored() as u64 * BLOCK as u64).min(self.length)
    }

    /// Where block `index` is: first byte and number of bytes.
    pub fn range(&self, index: usize) -> (u64, usize) {
        let start = index as u64 * BLOCK as u64;
        (start, (self.length - start).min(BLOCK as u64) as usize)
    }

    /// SHA-256 of block `index`.
    pub fn hash(&self, index: usize) -> &Hash {
        &self.entries[index].0
    }

    /// SHA-256 of the whole file, when it is stored.
    pub fn whole(&self) -> Option<Hash> {
        if self.length == 0 {
            return Some(Running::default().finish(&[]));
        }
        (self.stored() == self.total()).then(|| self.entries[self.total() - 1].1)
    }

    /// The whole file's hash as far as blocks are stored; not for a file that is complete.
    pub fn running(&self) -> Running {
        match self.entries.last() {
            None => Running::default(),
            Some((_, state)) => Running::resume(state, self.stored_bytes()),
        }
    }

    /// Takes the next block in; returns its entry for the log. `running` goes on with it.
    pub fn push(&mut self, bytes: &[u8], running: &mut Running) -> [u8; ENTRY] {
        let block = hash::sha256(bytes);
        let last = self.stored() + 1 == self.total();
        let state = if last {
            running.clone().finish(bytes)
        } else {
            running.update(bytes);
            running.state()
        };
        self.entries.push((block, state));
        let mut entry = [0; ENTRY];
        entry[..32].copy_from_slice(&block);
        entry[32..].copy_from_slice(&state);
        entry
    }

    /// Forgets all blocks from `stored` on.
    pub fn truncate(&mut self, stored: usize) {
        self.entries.truncate(stored);
    }
}

fn count(length: u64) -> usize {
    length.div_ceil(BLOCK as u64) as usize
}

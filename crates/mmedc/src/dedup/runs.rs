//! Entries sorted in bounded memory: full runs are sorted and put on disk, and merged at the end.
//!
//! What must hold: the order is that of one large sort; what is in memory does not grow with the number of entries.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::spill::nameless;
use crate::{Error, Result};

/// A key and the document that has it.
pub type Entry = (u128, u32);

/// Bytes of an entry on disk.
pub const ENTRY: usize = 20;
/// Entries of a run: 16 MiB in memory.
const RUN: usize = 1 << 19;
/// What is read ahead of all runs together.
const AHEAD: usize = 8 << 20;

/// Entries in the order in which they are found.
pub struct Runs {
    /// Whose entries these will be.
    target: PathBuf,
    /// Entries of a run, at most.
    limit: usize,
    open: Vec<Entry>,
    file: Option<File>,
    /// Where each run ends in the file, in bytes.
    ends: Vec<u64>,
}

impl Runs {
    /// For a file that is being written.
    pub fn for_file(target: &Path) -> Runs {
        Runs {
            target: target.to_owned(),
            limit: RUN,
            open: Vec::new(),
            file: None,
            ends: Vec::new(),
        }
    }

    /// Adds an entry. Sorts on rayon's threads.
    pub fn push(&mut self, entry: Entry) -> Result<()> {
        self.open.push(entry);
        if self.open.len() == self.limit { self.end_run() } else { Ok(()) }
    }

    fn end_run(&mut self) -> Result<()> {
        self.open.par_sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(nameless(&self.target)?),
        };
        let mut part = Vec::with_capacity(4096 * ENTRY);
        for entries in self.open.chunks(4096) {
            part.clear();
            part.extend(entries.iter().flat_map(to_bytes));
            file.write_all(&part).map_err(|error| Error::io(&self.target, error))?;
        }
        let before = self.ends.last().copied().unwrap_or(0);
        self.ends.push(before + (self.open.len() * ENTRY) as u64);
        self.open.clear();
        Ok(())
    }

    /// Gives all entries to `take`, sorted.
    pub fn merge(mut self, mut take: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        if self.ends.is_empty() {
            self.open.par_sort_unstable();
            return self.open.into_iter().try_for_each(take);
        }
        if !self.open.is_empty() {
            self.end_run()?;
        }
        drop(std::mem::take(&mut self.open));
        let mut file = self.file.take().expect("there are runs");
        let ahead = (AHEAD / self.ends.len() / ENTRY).max(16) * ENTRY;
        let mut begin = 0;
        let mut runs: Vec<Run> = Vec::with_capacity(self.ends.len());
        for end in &self.ends {
            runs.push(Run {
                at: std::mem::replace(&mut begin, *end),
                end: *end,
                read: Vec::new(),
                next: 0,
            });
        }
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            let head = run.next(&mut file, ahead).map_err(|error| Error::io(&self.target, error))?;
            heads.extend(head.map(|head| Reverse((head, number))));
        }
        while let Some(Reverse((entry, number))) = heads.pop() {
            take(entry)?;
            let head = runs[number]
                .next(&mut file, ahead)
                .map_err(|error| Error::io(&self.target, error))?;
            heads.extend(head.map(|head| Reverse((head, number))));
        }
        Ok(())
    }
}

/// A sorted run on disk, being read.
struct Run {
    at: u64,
    end: u64,
    read: Vec<u8>,
    next: usize,
}

impl Run {
    fn next(&mut self, file: &mut File, ahead: usize) -> std::io::Result<Option<Entry>> {
        if self.next == self.read.len() {
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            self.read.resize(left.min(ahead), 0);
            self.next = 0;
            if self.read.is_empty() {
                return Ok(None);
            }
            file.seek(SeekFrom::Start(self.at))?;
            file.read_exact(&mut self.read)?;
            self.at += self.read.len() as u64;
        }
        let entry = from_bytes(&self.read[self.next..self.next + ENTRY]);
        self.next += ENTRY;
        Ok(Some(entry))
    }
}

/// As on disk, little-endian.
pub fn to_bytes(entry: &Entry) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..16].copy_from_slice(&entry.0.to_le_bytes());
    bytes[16..].copy_from_slice(&entry.1.to_le_bytes());
    bytes
}

/// Back; `bytes` are [`ENTRY`] long.
pub fn from_bytes(bytes: &[u8]) -> Entry {
    (
        u128::from_le_bytes(bytes[..16].try_into().expect("16 bytes")),
        u32::from_le_bytes(bytes[16..ENTRY].try_into().expect("4 bytes")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::mix;

    #[test]
    fn runs_on_disk_give_what_one_sort_gives() {
        let folder = tempfile::tempdir().unwrap();
        for (count, limit) in [(0u32, 7), (6, 7), (7, 7), (8, 7), (50_000, 1000), (5000, 3)] {
            let mut runs = Runs::for_file(&folder.path().join("a.bin"));
            runs.limit = limit;
            // Keys repeat, so that the second part decides too.
            let entries = || (0..count).map(|document| (u128::from(mix(u64::from(document)) % 997), document));
            entries().for_each(|entry| runs.push(entry).unwrap());
            assert_eq!(runs.ends.len(), count as usize / limit);
            assert!(runs.open.len() < limit);
            let mut merged = Vec::new();
            runs.merge(|entry| {
                merged.push(entry);
                Ok(())
            })
            .unwrap();
            let mut expected: Vec<Entry> = entries().collect();
            expected.sort_unstable();
            assert_eq!(merged, expected, "{count} in runs of {limit}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

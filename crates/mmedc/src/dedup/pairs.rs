//! Stage 2: documents that share a key, of one bucket of all files.
//!
//! A file of pairs: `"MMKPAIR1"`, u32 files, u32 bucket, u64 pairs, then the pairs, each four u32: file and document of one, file and document of the
//! other. Everybody in a group is paired with the group's first, which is enough to connect them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::signatures::open_all;
use crate::{AtomicFile, Counts, Error, Result};

const MAGIC: &[u8; 8] = b"MMKPAIR1";
const HEADER: usize = 24;
const PAIR: usize = 16;

/// A document: number of its file in the search, number in the file.
pub type Place = (u32, u32);

/// Merges bucket `bucket` of all files of signatures, which must be given in the same order to every stage.
pub fn reduce(signatures: &[PathBuf], bucket: u32, output: &Path) -> Result<Counts> {
    let files = open_all(signatures)?;
    let buckets = files.first().map_or(0, |file| file.buckets);
    if bucket >= buckets {
        return Err(Error::Refused(format!(
            "there is no bucket {bucket}: the files of signatures have {buckets}"
        )));
    }
    let problem = |error| Error::io(output, error);
    let mut file = BufWriter::with_capacity(1 << 18, AtomicFile::create(output)?);
    file.write_all(&header(files.len() as u32, bucket, 0)).map_err(problem)?;

    let mut streams: Vec<_> = files.iter().map(|file| file.bucket(bucket)).collect();
    let mut heads = BinaryHeap::new();
    for (number, stream) in (0u32..).zip(&mut streams) {
        if let Some(entry) = stream.next() {
            let (key, document) = entry?;
            heads.push(Reverse((key, number, document)));
        }
    }
    let mut first: Option<(u128, Place)> = None;
    let (mut pairs, mut keys) = (0u64, 0u64);
    while let Some(Reverse((key, number, document))) = heads.pop() {
        if let Some(entry) = streams[number as usize].next() {
            let (key, document) = entry?;
            heads.push(Reverse((key, number, document)));
        }
        keys += 1;
        match first {
            Some((group, place)) if group == key => {
                for value in [place.0, place.1, number, document] {
                    file.write_all(&value.to_le_bytes()).map_err(problem)?;
                }
                pairs += 1;
            }
            _ => first = Some((key, (number, document))),
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(problem)?;
    file.write_all(&header(files.len() as u32, bucket, pairs)).map_err(problem)?;
    file.into_inner().map_err(|error| problem(error.into_error()))?.commit()?;
    let mut counts = Counts::default();
    counts.add("keys", keys);
    counts.add("pairs", pairs);
    Ok(counts)
}

fn header(files: u32, bucket: u32, pairs: u64) -> Vec<u8> {
    [&MAGIC[..], &files.to_le_bytes(), &bucket.to_le_bytes(), &pairs.to_le_bytes()].concat()
}

/// An open file of pairs.
pub struct Pairs {
    path: PathBuf,
    map: Mmap,
    /// Files of signatures it was made from.
    pub files: u32,
    /// Which bucket of theirs.
    pub bucket: u32,
}

impl Pairs {
    /// Opens a file and checks its count against its length.
    pub fn open(path: &Path) -> Result<Pairs> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        // Safety: such files are put in place by a rename when they are whole, and never written again.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))?;
        let whole = map.len() >= HEADER && map[..8] == MAGIC[..] && (map.len() - HEADER).is_multiple_of(PAIR);
        let count = whole.then(|| u64::from_le_bytes(map[16..24].try_into().expect("8 bytes")));
        if count != Some((map.len().saturating_sub(HEADER) / PAIR) as u64) {
            return Err(Error::format(path, "not a whole file of pairs; make it again"));
        }
        let number = |at: usize| u32::from_le_bytes(map[at..at + 4].try_into().expect("4 bytes"));
        let (files, bucket) = (number(8), number(12));
        Ok(Pairs {
            path: path.to_owned(),
            map,
            files,
            bucket,
        })
    }

    /// All pairs; `documents` are the counts of the files of signatures.
    pub fn iter<'a>(&'a self, documents: &'a [u32]) -> impl Iterator<Item = Result<(Place, Place)>> + 'a {
        self.map[HEADER..].chunks_exact(PAIR).map(move |pair| {
            let number = |at: usize| u32::from_le_bytes(pair[at..at + 4].try_into().expect("4 bytes"));
            let (a, b) = ((number(0), number(4)), (number(8), number(12)));
            let known = |place: Place| documents.get(place.0 as usize).is_some_and(|count| place.1 < *count);
            if known(a) && known(b) {
                Ok((a, b))
            } else {
                Err(Error::format(
                    &self.path,
                    "a pair names a document that is not there; make the file again",
                ))
            }
        })
    }
}

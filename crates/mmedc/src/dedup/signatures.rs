//! Stage 1: what two copies would share, of every document of one file, sorted.
//!
//! A file of signatures (little-endian throughout):
//!
//! ```text
//! "MMKSIGN1"  u32 length of the options  options as JSON
//! u64 documents  u64 entries  u32 buckets  u64 × (buckets + 1): where each bucket begins, in entries
//! documents × (16-byte id, u128 exact hash, u32 priority)
//! entries × (u128 key, u32 document)
//! ```
//!
//! Entries are sorted by key. Bucket b holds the keys of the b-th part of all possible ones, so that a bucket of one file and the same bucket
//! of another can be merged by a task that reads nothing else. What may not be compared (other bands, other languages if so asked) has
//! other keys, because it is hashed in.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rayon::prelude::*;
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use super::Options;
use super::minhash::MinHash;
use super::runs::{self, ENTRY, Runs};
use crate::units::{Unit, Units, rolling};
use crate::{AtomicFile, Counts, Document, Error, Result};

const MAGIC: &[u8; 8] = b"MMKSIGN1";
const DOCUMENT: usize = 36;
/// Text that is looked at together.
const BATCH_BYTES: usize = 4 << 20;

/// Elements of the set that stands for a text: a 32-bit hash of each run of units. A shorter text is one run; a text without letters and
/// digits has none.
pub fn shingles(units: &Units, options: &Options) -> Vec<u32> {
    let length = match units.unit {
        Unit::Word => options.word_ngram,
        Unit::Character => options.char_ngram,
    };
    rolling(&units.hashes, length.min(units.hashes.len()))
        .map(|hash| hash as u32)
        .collect()
}

/// 16 bytes that stand for an id: those it spells in hexadecimal, or a hash of anything else.
pub fn id_bytes(id: &str) -> [u8; 16] {
    let hexadecimal = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let value = hexadecimal.then(|| u128::from_str_radix(id, 16).ok()).flatten();
    value.unwrap_or_else(|| xxh3_128(id.as_bytes())).to_be_bytes()
}

struct Signed {
    id: [u8; 16],
    exact: u128,
    priority: u32,
    keys: Vec<u128>,
}

/// Makes the keys of documents.
pub struct Signer<'a> {
    options: &'a Options,
    minhash: MinHash,
}

impl<'a> Signer<'a> {
    /// Checks the options.
    pub fn new(options: &'a Options) -> Result<Signer<'a>> {
        options.check()?;
        Ok(Signer {
            options,
            minhash: MinHash::new(options.bands * options.rows, options.seed),
        })
    }

    /// Values of the near-duplicate signature; none for a text without letters and digits.
    pub fn signature(&self, text: &str) -> Option<Vec<u32>> {
        let shingles = shingles(&Units::new(text), self.options);
        (!shingles.is_empty()).then(|| self.minhash.signature(&shingles))
    }

    fn sign(&self, document: &Document) -> Signed {
        let units = Units::new(&document.text);
        let exact = units.exact_hash(&document.text);
        // Documents that may not be compared get other keys.
        let mut scope = Vec::new();
        if !self.options.across_languages {
            scope.extend_from_slice(document.language.map_or("", |language| language.code()).as_bytes());
        }
        scope.push(0);
        if !self.options.across_sources {
            scope.extend_from_slice(document.source.as_bytes());
        }
        scope.push(0);
        let mut keys = Vec::new();
        let mut buffer = Vec::new();
        let mut key = |seed: u64, values: &mut dyn Iterator<Item = u8>| {
            buffer.clear();
            buffer.extend_from_slice(&scope);
            buffer.extend(values);
            keys.push(xxh3_128_with_seed(&buffer, seed));
        };
        if self.options.exact {
            key(0, &mut exact.to_le_bytes().into_iter());
        }
        if self.options.near {
            let shingles = shingles(&units, self.options);
            if !shingles.is_empty() {
                let signature = self.minhash.signature(&shingles);
                for (band, rows) in signature.chunks_exact(self.options.rows).enumerate() {
                    key(1 + band as u64, &mut rows.iter().flat_map(|row| row.to_le_bytes()));
                }
            }
        }
        Signed {
            id: id_bytes(&document.id),
            exact,
            priority: self.options.priority(&document.source),
            keys,
        }
    }
}

/// Writes the signatures of `documents` to `output`, cut into `buckets`. `progress` hears the bytes of text done. Runs on rayon's threads, in memory
/// that does not grow with the number of documents: the table goes out as it comes, and entries are sorted by [`runs`].
pub fn map(
    documents: impl IntoIterator<Item = Result<Document>>,
    options: &Options,
    buckets: u32,
    output: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Counts> {
    if buckets == 0 {
        return Err(Error::Refused("deduplication: there must be at least one bucket".to_owned()));
    }
    let signer = Signer::new(options)?;
    let problem = |error| Error::io(output, error);
    let mut file = std::io::BufWriter::with_capacity(1 << 18, AtomicFile::create(output)?);
    let options = options.to_json();
    let header = |documents: u32, begins: &[u64]| {
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&(options.len() as u32).to_le_bytes());
        header.extend_from_slice(options.as_bytes());
        header.extend_from_slice(&u64::from(documents).to_le_bytes());
        header.extend_from_slice(&begins.last().copied().unwrap_or(0).to_le_bytes());
        header.extend_from_slice(&buckets.to_le_bytes());
        header.extend(begins.iter().flat_map(|begin| begin.to_le_bytes()));
        header
    };
    let mut begins = vec![0; buckets as usize + 1];
    // Its numbers come when they are known.
    file.write_all(&header(0, &begins)).map_err(problem)?;
    let mut entries = Runs::for_file(output);
    let mut counts = Counts::default();
    let mut count = 0u32;
    crate::batches::in_batches(documents, BATCH_BYTES, |batch| {
        let signed: Vec<Signed> = batch.par_iter().map(|document| signer.sign(document)).collect();
        for document in signed {
            file.write_all(&document.id).map_err(problem)?;
            file.write_all(&document.exact.to_le_bytes()).map_err(problem)?;
            file.write_all(&document.priority.to_le_bytes()).map_err(problem)?;
            document.keys.into_iter().try_for_each(|key| entries.push((key, count)))?;
            count = count
                .checked_add(1)
                .ok_or_else(|| Error::Refused(format!("{}: more than 2^32 documents", output.display())))?;
        }
        let bytes: u64 = batch.iter().map(|document| document.text.len() as u64).sum();
        counts.add("documents", batch.len() as u64);
        counts.add("bytes", bytes);
        progress(bytes);
        Ok(())
    })?;
    let (mut bucket, mut written) = (0, 0u64);
    entries.merge(|entry| {
        while bucket <= bucket_of(entry.0, buckets) as usize {
            begins[bucket] = written;
            bucket += 1;
        }
        written += 1;
        file.write_all(&runs::to_bytes(&entry)).map_err(problem)
    })?;
    begins[bucket..].fill(written);
    file.seek(SeekFrom::Start(0)).map_err(problem)?;
    file.write_all(&header(count, &begins)).map_err(problem)?;
    file.into_inner().map_err(|error| problem(error.into_error()))?.commit()?;
    Ok(counts)
}

/// Keys are spread evenly, so equal parts of their range hold about as many.
fn bucket_of(key: u128, buckets: u32) -> u32 {
    ((u128::from((key >> 64) as u64) * u128::from(buckets)) >> 64) as u32
}

/// An open file of signatures.
pub struct Signatures {
    /// Where it is.
    pub path: PathBuf,
    /// As JSON.
    pub options: String,
    /// How many documents it speaks of.
    pub documents: u32,
    /// How many buckets it is cut into.
    pub buckets: u32,
    map: Mmap,
    begins: usize,
    table: usize,
    entries: usize,
}

impl Signatures {
    /// Opens a file and checks its counts against its length.
    pub fn open(path: &Path) -> Result<Signatures> {
        let problem = |problem: &str| Error::format(path, format!("{problem}; make it again"));
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        // Safety: such files are put in place by a rename when they are whole, and never written again.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))?;
        let mut rest = &map[..];
        let mut take = |length: usize| rest.split_off(..length).ok_or_else(|| problem("the file of signatures is cut off"));
        if take(8)? != MAGIC {
            return Err(problem("not a file of signatures of this version"));
        }
        let length = u32::from_le_bytes(take(4)?.try_into().expect("4 bytes")) as usize;
        let options = std::str::from_utf8(take(length)?)
            .map_err(|_| problem("the options are no text"))?
            .to_owned();
        let mut number = || take(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")));
        let (documents, entries) = (number()?, number()?);
        let buckets = u32::from_le_bytes(take(4)?.try_into().expect("4 bytes"));
        let begins = 8 + 4 + length + 8 + 8 + 4;
        let sizes = || {
            let table = begins.checked_add((buckets as usize).checked_add(1)?.checked_mul(8)?)?;
            let start = table.checked_add(usize::try_from(documents).ok()?.checked_mul(DOCUMENT)?)?;
            let end = start.checked_add(usize::try_from(entries).ok()?.checked_mul(ENTRY)?)?;
            Some((table, start, end))
        };
        let Some((table, start, _)) = sizes().filter(|(_, _, end)| *end == map.len()) else {
            return Err(problem("the file of signatures has another length than its counts say"));
        };
        let Ok(documents) = u32::try_from(documents) else {
            return Err(problem("the file of signatures counts more than 2^32 documents"));
        };
        let signatures = Signatures {
            path: path.to_owned(),
            options,
            documents,
            buckets,
            map,
            begins,
            table,
            entries: start,
        };
        let begins: Vec<u64> = (0..=buckets).map(|bucket| signatures.begin(bucket)).collect();
        if begins.first() != Some(&0) || begins.last() != Some(&entries) || !begins.is_sorted() {
            return Err(problem("the buckets of the file of signatures do not follow each other"));
        }
        Ok(signatures)
    }

    fn begin(&self, bucket: u32) -> u64 {
        let at = self.begins + 8 * bucket as usize;
        u64::from_le_bytes(self.map[at..at + 8].try_into().expect("8 bytes"))
    }

    /// Keys and documents of a bucket, by key.
    pub fn bucket(&self, bucket: u32) -> impl Iterator<Item = Result<(u128, u32)>> + '_ {
        let range = self.entries + self.begin(bucket) as usize * ENTRY..self.entries + self.begin(bucket + 1) as usize * ENTRY;
        self.map[range].chunks_exact(ENTRY).map(|entry| {
            let (key, document) = runs::from_bytes(entry);
            if document >= self.documents {
                return Err(Error::format(
                    &self.path,
                    "an entry names a document that is not there; make the file again",
                ));
            }
            Ok((key, document))
        })
    }

    fn document(&self, document: u32) -> &[u8] {
        let at = self.table + document as usize * DOCUMENT;
        &self.map[at..at + DOCUMENT]
    }

    /// What decides which copy stays: the smaller one does.
    pub fn rank(&self, document: u32) -> (u32, [u8; 16]) {
        let document = self.document(document);
        let priority = u32::from_le_bytes(document[32..].try_into().expect("4 bytes"));
        (priority, document[..16].try_into().expect("16 bytes"))
    }

    /// Equal for documents of the same normal form.
    pub fn exact_hash(&self, document: u32) -> u128 {
        u128::from_le_bytes(self.document(document)[16..32].try_into().expect("16 bytes"))
    }
}

/// Opens all files of a search and refuses those that do not belong together.
pub(super) fn open_all(paths: &[PathBuf]) -> Result<Vec<Signatures>> {
    let files = paths.iter().map(|path| Signatures::open(path)).collect::<Result<Vec<_>>>()?;
    if let Some(first) = files.first() {
        for file in &files {
            if (&file.options, file.buckets) != (&first.options, first.buckets) {
                return Err(Error::Refused(format!(
                    "{} and {} were made with other settings; make the older one again.\n  {} in {} buckets\n  {} in {} buckets",
                    first.path.display(),
                    file.path.display(),
                    first.options,
                    first.buckets,
                    file.options,
                    file.buckets
                )));
            }
        }
    }
    Ok(files)
}

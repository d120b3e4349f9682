//! Stages 3 and 4: groups of copies, which of them stays, and the documents without the others.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::pairs::Pairs;
use super::signatures::{Signatures, open_all};
use crate::write::JsonLinesWriter;
use crate::{Counts, Document, DocumentWriter, Error, Result};

/// A document that is dropped: a line of a list of removals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Number in its file, from 0.
    pub document: u64,
    /// Its id, where that is 32 hexadecimal digits; else their hash.
    pub id: String,
    /// Id of the copy that stays.
    pub kept: String,
    /// `exact` if the kept copy has the same normal form, else `near`.
    pub kind: Kind,
}

/// How alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Exact,
    Near,
}

/// Connected components; the root of each is its best document.
struct Groups<'a> {
    files: &'a [Signatures],
    /// Number of each file's first document.
    starts: Vec<u64>,
    parents: Vec<u32>,
}

impl Groups<'_> {
    fn root(&mut self, mut document: u32) -> u32 {
        while self.parents[document as usize] != document {
            let parent = self.parents[document as usize];
            self.parents[document as usize] = self.parents[parent as usize];
            document = self.parents[document as usize];
        }
        document
    }

    fn place(&self, document: u32) -> (usize, u32) {
        let file = self.starts.partition_point(|start| *start <= u64::from(document)) - 1;
        (file, (u64::from(document) - self.starts[file]) as u32)
    }

    /// Documents of the same id (a file that was given twice) have the same place; the numbers of their texts decide, then that of the file.
    fn rank(&self, document: u32) -> ((u32, [u8; 16]), u128, u32) {
        let (file, number) = self.place(document);
        (self.files[file].rank(number), self.files[file].exact_hash(number), document)
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            let (better, worse) = if self.rank(a) < self.rank(b) { (a, b) } else { (b, a) };
            self.parents[worse as usize] = better;
        }
    }
}

/// Decides which documents go. `pairs` are the results of stage 2 for all buckets; `outputs` has a name for each file of signatures, where a list of
/// its removals is written (`.jsonl.zst`, a [`Removal`] a line).
pub fn resolve(signatures: &[PathBuf], pairs: &[PathBuf], outputs: &[PathBuf]) -> Result<Counts> {
    if signatures.len() != outputs.len() {
        return Err(Error::Refused(format!(
            "{} files of signatures, but {} outputs",
            signatures.len(),
            outputs.len()
        )));
    }
    let files = open_all(signatures)?;
    let documents: Vec<u32> = files.iter().map(|file| file.documents).collect();
    let mut starts = vec![0u64];
    for count in &documents {
        starts.push(starts.last().expect("one at least") + u64::from(*count));
    }
    let all = starts.pop().expect("one at least");
    let Ok(all) = u32::try_from(all) else {
        return Err(Error::Refused(format!("{all} documents are more than one search can hold (2^32)")));
    };
    let mut groups = Groups {
        files: &files,
        starts,
        parents: (0..all).collect(),
    };
    let mut buckets = HashSet::new();
    for path in pairs {
        let pairs = Pairs::open(path)?;
        if pairs.files as usize != files.len() || !buckets.insert(pairs.bucket) {
            return Err(Error::format(
                path,
                format!(
                    "pairs of bucket {} of {} files do not fit {} files of signatures",
                    pairs.bucket,
                    pairs.files,
                    files.len()
                ),
            ));
        }
        for pair in pairs.iter(&documents) {
            let (a, b) = pair?;
            let number = |place: (u32, u32)| (groups.starts[place.0 as usize] + u64::from(place.1)) as u32;
            let (a, b) = (number(a), number(b));
            groups.join(a, b);
        }
    }
    if let Some(missing) = (0..files.first().map_or(0, |file| file.buckets)).find(|bucket| !buckets.contains(bucket)) {
        return Err(Error::Refused(format!("the pairs of bucket {missing} are missing")));
    }

    let mut counts = Counts::default();
    for (file, output) in outputs.iter().enumerate() {
        let mut list = JsonLinesWriter::create(output)?;
        for number in 0..documents[file] {
            let document = (groups.starts[file] + u64::from(number)) as u32;
            let root = groups.root(document);
            counts.add("documents", 1);
            if root == document {
                counts.add("kept", 1);
                continue;
            }
            let (kept_file, kept_number) = groups.place(root);
            let kept = &files[kept_file];
            let exact = files[file].exact_hash(number) == kept.exact_hash(kept_number);
            let kind = if exact { Kind::Exact } else { Kind::Near };
            counts.add(if exact { "exact" } else { "near" }, 1);
            let hexadecimal = |id: [u8; 16]| format!("{:032x}", u128::from_be_bytes(id));
            list.write(&Removal {
                document: u64::from(number),
                id: hexadecimal(files[file].rank(number).1),
                kept: hexadecimal(kept.rank(kept_number).1),
                kind,
            })?;
        }
        list.commit()?;
    }
    Ok(counts)
}

/// The removals of one file of documents, in their order.
pub struct Removals {
    path: PathBuf,
    lines: std::io::Lines<std::io::BufReader<zstd::Decoder<'static, std::io::BufReader<std::fs::File>>>>,
    line: u64,
}

impl Removals {
    /// Opens a list.
    pub fn open(path: &Path) -> Result<Removals> {
        let problem = |error| Error::io(path, error);
        let file = std::fs::File::open(path).map_err(problem)?;
        let decoder = zstd::Decoder::new(file).map_err(problem)?;
        Ok(Removals {
            path: path.to_owned(),
            lines: std::io::BufReader::new(decoder).lines(),
            line: 0,
        })
    }
}

impl Iterator for Removals {
    type Item = Result<Removal>;

    fn next(&mut self) -> Option<Result<Removal>> {
        let line = self.lines.next()?;
        self.line += 1;
        Some(line.map_err(|error| Error::io(&self.path, error)).and_then(|line| {
            serde_json::from_str(&line).map_err(|error| Error::line(&self.path, self.line, format!("not a removal: {error}")))
        }))
    }
}

/// Writes the documents that stay. `removals` is the list made for this very file.
pub fn apply(documents: impl IntoIterator<Item = Result<Document>>, removals: &Path, output: &Path) -> Result<Counts> {
    let mut list = Removals::open(removals)?;
    let mut next = list.next().transpose()?;
    let mut writer = DocumentWriter::create(output)?;
    let mut counts = Counts::default();
    let stale = || Error::format(removals, "speaks of other documents than the file has; search for copies again");
    for (number, document) in (0u64..).zip(documents) {
        let document = document?;
        counts.add("documents", 1);
        match &next {
            Some(removal) if removal.document == number => {
                if u128::from_str_radix(&removal.id, 16).ok() != Some(u128::from_be_bytes(super::signatures::id_bytes(&document.id))) {
                    return Err(stale());
                }
                counts.add(if removal.kind == Kind::Exact { "exact" } else { "near" }, 1);
                next = list.next().transpose()?;
            }
            _ => {
                counts.add("kept", 1);
                writer.write(&document)?;
            }
        }
    }
    if next.is_some() {
        return Err(stale());
    }
    writer.commit()?;
    Ok(counts)
}

//! Reading a shard.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use super::format::{HEADER, Header, Layout, language_of};
use super::{METADATA, Metadata};
use crate::{Error, Language, Result};

/// An open shard. Nothing is read before it is asked for.
#[derive(Debug)]
pub struct Shard {
    /// Where it is.
    pub path: PathBuf,
    /// Checked against the file.
    pub header: Header,
    layout: Layout,
    map: Mmap,
}

impl Shard {
    /// Opens a file. Errors: anything but a whole shard (its content is not hashed here: [`Shard::verify`]).
    pub fn open(path: &Path) -> Result<Shard> {
        let problem = |problem: String| Error::format(path, format!("{problem}; make the shard again"));
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        // Safety: shards are put in place by a rename when they are whole, and never written again.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))?;
        let header = Header::from_bytes(&map).map_err(problem)?;
        let Some(layout) = header.layout().filter(|layout| layout.end == map.len()) else {
            return Err(problem(format!(
                "{} tokens in {} documents do not make a file of {} bytes",
                header.tokens,
                header.documents,
                map.len()
            )));
        };
        let shard = Shard {
            path: path.to_owned(),
            header,
            layout,
            map,
        };
        let mut before = 0;
        for document in 0..=header.documents {
            let offset = shard.offset(document);
            if offset < before || offset > header.tokens || (document == 0 && offset != 0) {
                return Err(problem(format!(
                    "document {document} begins at token {offset}, after one that begins at {before}"
                )));
            }
            before = offset;
        }
        if before != header.tokens {
            return Err(problem(format!("the last document ends at token {before} of {}", header.tokens)));
        }
        if let Some(byte) = shard.map[layout.languages..].iter().find(|byte| language_of(**byte).is_none()) {
            return Err(problem(format!("there is no language {byte}")));
        }
        Ok(shard)
    }

    /// Compares the content with its hash. Reads the whole file.
    pub fn verify(&self) -> Result<()> {
        let mut hash = Sha256::new();
        hash.update(&self.map[HEADER..]);
        hash.update(self.header.hashed());
        if <[u8; 32]>::from(hash.finalize()) != self.header.content {
            return Err(Error::format(
                &self.path,
                "the content is not what was written (its hash differs); make the shard again",
            ));
        }
        Ok(())
    }

    fn offset(&self, document: u64) -> u64 {
        let at = self.layout.offsets + 8 * document as usize;
        u64::from_le_bytes(self.map[at..at + 8].try_into().expect("8 bytes"))
    }

    /// Documents.
    pub fn documents(&self) -> u64 {
        self.header.documents
    }

    /// Where a document lies, in tokens.
    pub fn range(&self, document: u64) -> Range<u64> {
        self.offset(document)..self.offset(document + 1)
    }

    /// The document that token `token` belongs to.
    pub fn document_at(&self, token: u64) -> u64 {
        debug_assert!(token < self.header.tokens);
        // The last document that begins at or before the token; empty ones before it begin there too.
        let (mut low, mut high) = (0, self.header.documents);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.offset(middle) <= token {
                low = middle
            } else {
                high = middle
            }
        }
        low
    }

    /// Adds tokens to `buffer`.
    pub fn read(&self, range: Range<u64>, buffer: &mut Vec<u32>) {
        let size = self.header.token_bytes as usize;
        let bytes = &self.map[HEADER + range.start as usize * size..HEADER + range.end as usize * size];
        match size {
            2 => buffer.extend(bytes.as_chunks::<2>().0.iter().map(|token| u32::from(u16::from_le_bytes(*token)))),
            _ => buffer.extend(bytes.as_chunks::<4>().0.iter().map(|token| u32::from_le_bytes(*token))),
        }
    }

    /// Tokens of a document.
    pub fn document(&self, document: u64) -> Vec<u32> {
        let mut tokens = Vec::new();
        self.read(self.range(document), &mut tokens);
        tokens
    }

    /// Its id.
    pub fn id(&self, document: u64) -> [u8; 16] {
        let at = self.layout.ids + 16 * document as usize;
        self.map[at..at + 16].try_into().expect("16 bytes")
    }

    /// Its language, as declared.
    pub fn language(&self, document: u64) -> Option<Language> {
        language_of(self.map[self.layout.languages + document as usize]).expect("checked when it was opened")
    }

    /// The lines beside the shard, in the documents' order. Errors: a line that is none, and one document more or less.
    pub fn metadata(&self) -> Result<impl Iterator<Item = Result<Metadata>> + '_> {
        use std::io::BufRead;
        let path = self.path.with_extension(METADATA);
        let file = File::open(&path).map_err(|error| Error::io(&path, error))?;
        let decoder = zstd::Decoder::new(file).map_err(|error| Error::io(&path, error))?;
        let mut lines = std::io::BufReader::new(decoder).lines();
        let mut number = 0;
        Ok(std::iter::from_fn(move || {
            let line = match lines.next() {
                None if number == self.header.documents => return None,
                None => {
                    let problem = format!("{number} lines, but the shard has {} documents", self.header.documents);
                    number = self.header.documents;
                    return Some(Err(Error::format(&path, problem)));
                }
                Some(line) => line,
            };
            number += 1;
            Some(line.map_err(|error| Error::io(&path, error)).and_then(|line| {
                let problem = |problem: String| Error::line(&path, number, problem);
                if number > self.header.documents {
                    return Err(problem("more lines than the shard has documents".to_owned()));
                }
                let metadata: Metadata = serde_json::from_str(&line).map_err(|error| problem(error.to_string()))?;
                let range = self.range(number - 1);
                if metadata.tokens != range.end - range.start || crate::dedup::signatures::id_bytes(&metadata.id) != self.id(number - 1) {
                    return Err(problem("speaks of another document than the shard".to_owned()));
                }
                Ok(metadata)
            }))
        }))
    }
}

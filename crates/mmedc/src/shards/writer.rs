//! Writing a shard: tokens as they come, the tables at the end, the header last. Memory does not grow with the shard.

use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::format::{HEADER, Header, language_byte};
use super::{METADATA, Vocabulary};
use crate::dedup::signatures::id_bytes;
use crate::spill::Spill;
use crate::write::JsonLinesWriter;
use crate::{AtomicFile, Document, Error, Language, Result};

/// A line of the file beside a shard: the document without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    pub source: String,
    #[serde(default)]
    pub license: String,
    pub file: String,
    pub position: u64,
    /// With what stands before and after.
    pub tokens: u64,
}

impl Metadata {
    /// Of a document that became `tokens` tokens.
    pub fn new(document: &Document, tokens: usize) -> Metadata {
        Metadata {
            id: document.id.clone(),
            language: document.language,
            source: document.source.clone(),
            license: document.license.clone(),
            file: document.file.clone(),
            position: document.position,
            tokens: tokens as u64,
        }
    }
}

/// An unfinished shard. Dropped without [`ShardWriter::commit`], it leaves nothing.
pub struct ShardWriter {
    path: PathBuf,
    file: BufWriter<AtomicFile>,
    metadata: JsonLinesWriter<AtomicFile>,
    header: Header,
    hash: Sha256,
    limit: u64,
    /// The tables, in their order: offsets, ids, languages.
    tables: [Spill; 3],
    buffer: Vec<u8>,
}

impl ShardWriter {
    /// Starts `path` (`….tokens`) and, beside it, its metadata.
    pub fn create(path: &Path, vocabulary: &Vocabulary) -> Result<ShardWriter> {
        let mut file = BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
        file.write_all(&[0; HEADER]).map_err(|error| Error::io(path, error))?;
        let mut tables = [(); 3].map(|()| Spill::for_file(path));
        tables[0].push(&0u64.to_le_bytes())?;
        Ok(ShardWriter {
            metadata: JsonLinesWriter::create(path.with_extension(METADATA))?,
            file,
            path: path.to_owned(),
            header: Header {
                token_bytes: vocabulary.token_bytes(),
                tokens: 0,
                documents: 0,
                vocabulary: vocabulary.hash(),
                content: [0; 32],
            },
            hash: Sha256::new(),
            limit: vocabulary.tokens as u64,
            tables,
            buffer: Vec::new(),
        })
    }

    /// Tokens so far.
    pub fn tokens(&self) -> u64 {
        self.header.tokens
    }

    /// Documents so far.
    pub fn documents(&self) -> u64 {
        self.header.documents
    }

    /// Adds a document. Errors: a token that is not in the vocabulary.
    pub fn add(&mut self, tokens: &[u32], metadata: &Metadata) -> Result<()> {
        if let Some(token) = tokens.iter().find(|token| u64::from(**token) >= self.limit) {
            return Err(Error::format(
                &self.path,
                format!("document {}: token {token} of a vocabulary of {}", metadata.id, self.limit),
            ));
        }
        self.buffer.clear();
        match self.header.token_bytes {
            2 => self.buffer.extend(tokens.iter().flat_map(|token| (*token as u16).to_le_bytes())),
            _ => self.buffer.extend(tokens.iter().flat_map(|token| token.to_le_bytes())),
        }
        self.hash.update(&self.buffer);
        self.file.write_all(&self.buffer).map_err(|error| Error::io(&self.path, error))?;
        self.header.tokens += tokens.len() as u64;
        self.header.documents += 1;
        let [offsets, ids, languages] = &mut self.tables;
        offsets.push(&self.header.tokens.to_le_bytes())?;
        ids.push(&id_bytes(&metadata.id))?;
        languages.push(&[language_byte(metadata.language)])?;
        self.metadata.write(metadata)
    }

    /// Ends the shard and gives both files their names.
    pub fn commit(mut self) -> Result<Header> {
        let layout = self.header.layout().expect("it was written");
        let written = HEADER + self.header.tokens as usize * self.header.token_bytes as usize;
        let mut put = |bytes: &[u8]| {
            self.hash.update(bytes);
            self.file.write_all(bytes).map_err(|error| Error::io(&self.path, error))
        };
        put(&[0; 8][..layout.offsets - written])?;
        for table in self.tables {
            table.drain(&mut put)?;
        }
        self.hash.update(self.header.hashed());
        self.header.content = self.hash.finalize().into();
        let problem = |error| Error::io(&self.path, error);
        self.file.seek(SeekFrom::Start(0)).map_err(problem)?;
        self.file.write_all(&self.header.to_bytes()).map_err(problem)?;
        // The shard is what others look for: its name comes last.
        self.metadata.commit()?;
        self.file.into_inner().map_err(|error| problem(error.into_error()))?.commit()?;
        Ok(self.header)
    }
}

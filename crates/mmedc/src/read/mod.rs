//! Input: one file per format, each a stream of documents.
//!
//! [`tree::list`] says which files an input holds, [`open`] reads one of them: an iterator of documents and of problems, which goes on after
//! a document that cannot be read. What an earlier step wrote is known by its first line and keeps its ids ([`own`]). What must hold: no more than one document is in memory (of a zip, also its table of contents); no
//! document is longer than [`ReadOptions::max_document_bytes`], whatever sizes a file states; ids and order are the same in every run.

mod archive;
mod bytes;
mod columns;
mod jsonl;
mod own;
mod pdf;
pub mod problem;
mod text;
mod textbook;
pub mod tree;

use std::fs::File;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Counts, Document, Language};
pub use own::read_documents;
pub use pdf::recognition;
pub use problem::{Place, ReadProblem};
pub use tree::{Format, InputFile, Listing, list};

/// What is done about bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidUtf8 {
    /// Each broken sequence becomes U+FFFD and is counted.
    #[default]
    Replace,
    /// The document is a problem.
    Refuse,
}

/// How inputs are read, and what is declared about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    pub invalid_utf8: InvalidUtf8,
    /// Longest document in bytes (of JSON, the longest line). Longer ones are problems, never held in memory.
    pub max_document_bytes: u64,
    /// Field or column that holds the text.
    pub text_field: String,
    /// Language of all documents; goes before what files say.
    pub language: Option<Language>,
    /// Source of all documents; goes before what files say.
    pub source: Option<String>,
    /// Licence of documents that name none themselves.
    pub license: String,
    /// Files whose path holds one of these are left out, inside archives too.
    pub exclude: Vec<String>,
    /// Largest PDF in bytes: one is held whole while it is read.
    pub max_pdf_bytes: u64,
    /// How pages are read that are only images.
    pub ocr: Ocr,
}

/// What is done about PDFs that hold no text but images of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ocr {
    /// They are problems: listed, not read.
    Off,
    /// Tesseract reads them, if this command and the model of the language are there.
    Tesseract(PathBuf),
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions {
            invalid_utf8: InvalidUtf8::Replace,
            max_document_bytes: 256 << 20,
            text_field: "text".into(),
            language: None,
            source: None,
            license: String::new(),
            exclude: Vec::new(),
            max_pdf_bytes: 1 << 30,
            ocr: Ocr::Tesseract("tesseract".into()),
        }
    }
}

/// What a file declares about all its documents.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    file: String,
    language: Option<Language>,
    source: Option<String>,
    /// What the path says, where neither the configuration nor a row does.
    path_source: Option<String>,
    license: String,
}

/// What a row declares about itself; empty where it does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub language: Option<Language>,
    pub source: Option<String>,
    pub license: Option<String>,
}

/// The source of documents for which nothing declares one.
pub const UNKNOWN_SOURCE: &str = "unspecified";

impl Origin {
    fn new(file: &str, options: &ReadOptions) -> Origin {
        Origin {
            file: file.into(),
            language: options.language.or_else(|| tree::language_of_path(file)),
            source: options.source.clone(),
            path_source: tree::source_of_path(file).map(str::to_string),
            license: options.license.clone(),
        }
    }

    /// For a file inside this one, an archive.
    fn inside(&self, name: &str, options: &ReadOptions) -> Origin {
        Origin {
            file: format!("{}/{name}", self.file),
            language: options.language.or_else(|| tree::language_of_path(name)).or(self.language),
            source: self.source.clone(),
            path_source: tree::source_of_path(name).map(str::to_string).or_else(|| self.path_source.clone()),
            license: self.license.clone(),
        }
    }

    fn document(&self, text: String, position: u64) -> Document {
        self.declared(text, position, Declared::default())
    }

    /// The configuration goes before the row, the row before the path.
    fn declared(&self, text: String, position: u64, declared: Declared) -> Document {
        let source = (self.source.clone())
            .or(declared.source)
            .or_else(|| self.path_source.clone())
            .unwrap_or_else(|| UNKNOWN_SOURCE.into());
        Document {
            id: Document::make_id(&source, &self.file, position),
            text,
            language: self.language.or(declared.language),
            source,
            license: declared.license.unwrap_or_else(|| self.license.clone()),
            file: self.file.clone(),
            position,
        }
    }
}

/// One open file of some format.
pub(crate) trait Source: Send {
    fn next(&mut self, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Option<Result<Document, ReadProblem>>;
}

/// The documents of one file, in its order.
pub struct Reader {
    source: Box<dyn Source>,
    origin: Origin,
    options: ReadOptions,
    counts: Counts,
}

impl Reader {
    /// What was counted so far, e.g. `invalid_utf8_sequences`.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Iterator for Reader {
    type Item = Result<Document, ReadProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        self.source.next(&self.origin, &self.options, &mut self.counts)
    }
}

/// Opens a file of a listing.
pub fn open(input: &InputFile, options: &ReadOptions) -> Result<Reader, ReadProblem> {
    let file = File::open(&input.path).map_err(|source| ReadProblem::Io {
        place: Place::file(&input.file),
        source,
    })?;
    open_file(file, &input.file, input.format, options)
}

/// Reads an open file (one fetched from elsewhere, say); `name` is its path inside the input, which ids are made of.
pub fn open_file(file: File, name: &str, format: Format, options: &ReadOptions) -> Result<Reader, ReadProblem> {
    let source: Box<dyn Source> = match format {
        Format::Txt => Box::new(text::TextFile::new(file)),
        Format::Jsonl => Box::new(jsonl::JsonLines::new(file, name)?),
        Format::Zip => Box::new(archive::TextArchive::new(file, name)?),
        Format::Parquet => Box::new(columns::Columns::new(file, name, options)?),
        Format::Textbook => Box::new(textbook::Textbook::new(file)),
        Format::Pdf => Box::new(pdf::PdfBook::new(file)),
    };
    Ok(Reader {
        source,
        origin: Origin::new(name, options),
        options: options.clone(),
        counts: Counts::default(),
    })
}

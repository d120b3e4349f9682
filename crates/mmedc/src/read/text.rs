//! One UTF-8 text a file.

use std::fs::File;
use std::io::Read;

use super::bytes::{read_limited, to_text};
use super::problem::{Place, ReadProblem};
use super::{Origin, ReadOptions, Source};
use crate::{Counts, Document};

/// The one document of a `.txt` file; an empty file is an empty document.
pub struct TextFile {
    file: Option<File>,
}

impl TextFile {
    pub fn new(file: File) -> TextFile {
        TextFile { file: Some(file) }
    }
}

impl Source for TextFile {
    fn next(&mut self, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Option<Result<Document, ReadProblem>> {
        let file = self.file.take()?;
        Some(document(file, &Place::file(&origin.file), origin, options, counts))
    }
}

/// A whole stream as one document.
pub fn document(
    reader: impl Read,
    place: &Place,
    origin: &Origin,
    options: &ReadOptions,
    counts: &mut Counts,
) -> Result<Document, ReadProblem> {
    let bytes = read_limited(reader, options.max_document_bytes, place)?;
    Ok(origin.document(to_text(bytes, options, place, counts)?, 0))
}

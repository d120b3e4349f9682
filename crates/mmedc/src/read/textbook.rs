//! A book in the JSON form of the authors' PDF reader: `pdf_filename`, `page_num`, `text_list` with one string a page.
//!
//! A book is one document, its pages joined by line breaks.

use std::fs::File;

use serde::Deserialize;

use super::bytes::{read_limited, to_text};
use super::problem::{Place, ReadProblem};
use super::{Origin, ReadOptions, Source};
use crate::{Counts, Document};

#[derive(Deserialize)]
struct Book {
    #[serde(default)]
    page_num: Option<u64>,
    text_list: Vec<String>,
}

pub struct Textbook {
    file: Option<File>,
}

impl Textbook {
    pub fn new(file: File) -> Textbook {
        Textbook { file: Some(file) }
    }
}

impl Source for Textbook {
    fn next(&mut self, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Option<Result<Document, ReadProblem>> {
        let file = self.file.take()?;
        Some(book(file, origin, options, counts))
    }
}

fn book(file: File, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Result<Document, ReadProblem> {
    let place = Place::file(&origin.file);
    let bytes = read_limited(file, options.max_document_bytes, &place)?;
    let json = to_text(bytes, options, &place, counts)?;
    let json = json.strip_prefix('\u{feff}').unwrap_or(&json);
    let book: Book = serde_json::from_str(json).map_err(|e| ReadProblem::Json {
        place,
        reason: format!("{e}; a .json file is read as a textbook with \"text_list\", JSON lines are named .jsonl"),
    })?;
    counts.add("pages", book.text_list.len() as u64);
    if book.page_num.is_some_and(|pages| pages != book.text_list.len() as u64) {
        counts.add("page_number_differs", 1);
    }
    Ok(origin.document(book.text_list.join("\n"), 0))
}

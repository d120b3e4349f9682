//! PDF textbooks, by the authors' rules: which pages are dropped, and which books are only images of text.
//!
//! A book is one document, its pages joined by line breaks. A book is image-only if fewer than half of its extracted characters are
//! alphanumeric, or if it has fewer than 200 alphanumerics a page; then its page images go to Tesseract ([`ocr`]). Of a text book with
//! 100 pages or more, the first `0.018 × pages + 3` and the last 5 are dropped: cover, contents, index.
//!
//! What must hold: a damaged book is a problem and never ends the program.

mod images;
mod ocr;
mod page_text;

pub use ocr::recognition;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_interpret::hayro_syntax::Pdf;

use super::bytes::read_limited;
use super::problem::{Place, ReadProblem};
use super::{Ocr, Origin, ReadOptions, Source};
use crate::{Counts, Document};

/// Books with at least this many pages lose their covers.
const LONG_BOOK: usize = 100;
/// Alphanumerics a page that a book must have not to count as images.
const FEWEST_ALPHANUMERICS: usize = 200;

pub struct PdfBook {
    file: Option<File>,
}

impl PdfBook {
    pub fn new(file: File) -> PdfBook {
        PdfBook { file: Some(file) }
    }
}

impl Source for PdfBook {
    fn next(&mut self, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Option<Result<Document, ReadProblem>> {
        let file = self.file.take()?;
        Some(book(file, origin, options, counts))
    }
}

fn book(file: File, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Result<Document, ReadProblem> {
    let place = Place::file(&origin.file);
    let bytes = read_limited(file, options.max_pdf_bytes, &place)?;
    let damaged = |reason: String| ReadProblem::Damaged {
        place: place.clone(),
        format: "PDF",
        reason,
    };
    let guarded = |run: &mut dyn FnMut() -> Result<Pages, ReadProblem>| {
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(damaged("its contents make no sense to the decoder".into())))
    };
    let pdf = catch_unwind(AssertUnwindSafe(|| Pdf::new(bytes)))
        .map_err(|_| damaged("its contents make no sense to the decoder".into()))?
        .map_err(|e| damaged(format!("{e:?}")))?;
    let total = pdf.pages().len();
    if total == 0 {
        return Err(damaged("it has no pages".into()));
    }
    let limit = options.max_document_bytes;
    let pages = guarded(&mut || {
        let mut pages = Pages::new(limit, &place);
        for page in pdf.pages().iter() {
            pages.push(page_text::extract(page))?;
        }
        Ok(pages)
    })?;
    counts.add("pages", total as u64);
    if !is_image_only(&pages.texts) {
        let kept = kept_pages(total);
        counts.add("dropped_pages", (total - kept.len()) as u64);
        return Ok(origin.document(pages.texts[kept].join("\n"), 0));
    }
    let image_only = |reason: String| ReadProblem::ImageOnly {
        place: place.clone(),
        reason,
    };
    let Ocr::Tesseract(command) = &options.ocr else {
        return Err(image_only("it is switched off".into()));
    };
    let Some(language) = origin.language else {
        return Err(image_only("its language is not declared".into()));
    };
    let reader = ocr::Tesseract::find(command, language).map_err(image_only)?;
    let pages = guarded(&mut || {
        let mut pages = Pages::new(limit, &place);
        for page in pdf.pages().iter() {
            let mut lines = Vec::new();
            for image in images::extract(page) {
                lines.push(reader.read(&image).map_err(image_only)?);
            }
            pages.push(lines.join(" "))?;
        }
        Ok(pages)
    })?;
    counts.add("recognised_pages", total as u64);
    Ok(origin.document(pages.texts.join("\n"), 0))
}

/// Texts of pages, up to the limit for documents.
struct Pages {
    texts: Vec<String>,
    left: u64,
    limit: u64,
    place: Place,
}

impl Pages {
    fn new(limit: u64, place: &Place) -> Pages {
        Pages {
            texts: Vec::new(),
            left: limit,
            limit,
            place: place.clone(),
        }
    }

    fn push(&mut self, text: String) -> Result<(), ReadProblem> {
        self.left = self.left.checked_sub(text.len() as u64).ok_or(ReadProblem::TooLarge {
            place: self.place.clone(),
            limit: self.limit,
        })?;
        self.texts.push(text);
        Ok(())
    }
}

/// The authors' rule for books that are images of text.
fn is_image_only(pages: &[String]) -> bool {
    let (mut chars, mut alphanumerics) = (0, 0);
    for char in pages.iter().flat_map(|text| text.chars()) {
        chars += 1;
        alphanumerics += usize::from(char.is_alphanumeric());
    }
    2 * alphanumerics < chars || alphanumerics < FEWEST_ALPHANUMERICS * pages.len()
}

/// The pages of a text book that are kept, from 0: of a long one, not those numbered up to `0.018 n + 3` (from 1), and not the last 5.
fn kept_pages(n: usize) -> std::ops::Range<usize> {
    if n < LONG_BOOK {
        return 0..n;
    }
    // 0.018 n + 3 in whole thousandths, so that no rounding decides about a page.
    (18 * n + 3000) / 1000..n - 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_are_dropped_from_long_books_only() {
        assert_eq!(kept_pages(1), 0..1);
        assert_eq!(kept_pages(99), 0..99);
        assert_eq!(kept_pages(100), 4..95);
        assert_eq!(kept_pages(500), 12..495);
        assert_eq!(kept_pages(1000), 21..995);
    }

    #[test]
    fn books_of_images_are_told_by_their_letters() {
        let page = |letters: usize, others: usize| format!("{}{}", "é".repeat(letters), ".".repeat(others));
        assert!(!is_image_only(&[page(200, 200)]));
        assert!(is_image_only(&[page(200, 201)]));
        assert!(is_image_only(&[page(199, 0)]));
        assert!(!is_image_only(&[page(400, 0), page(0, 0)]));
        assert!(is_image_only(&[page(399, 0), page(0, 0)]));
    }
}

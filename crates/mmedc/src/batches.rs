//! Documents some megabytes at a time, for work that threads share.

use crate::{Document, Result};

/// Calls `work` with consecutive documents that have about `bytes` of text together (a longer document comes alone or ends its batch).
pub fn in_batches(
    documents: impl IntoIterator<Item = Result<Document>>,
    bytes: usize,
    mut work: impl FnMut(Vec<Document>) -> Result<()>,
) -> Result<()> {
    let (mut batch, mut size) = (Vec::new(), 0);
    for document in documents {
        let document = document?;
        // Short documents are work too.
        size += document.text.len() + 64;
        batch.push(document);
        if size >= bytes {
            work(std::mem::take(&mut batch))?;
            size = 0;
        }
    }
    if batch.is_empty() { Ok(()) } else { work(batch) }
}

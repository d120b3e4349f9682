//! Documents → a shard, on all threads.
//!
//! A long document is cut so that its parts can be encoded by different threads and in bounded memory. A cut is made only where it changes
//! nothing: the text around it must have the same ids in one piece and in two. SentencePiece vocabularies, which put a space before every
//! text, never pass this test, and their documents are encoded whole.

use std::path::Path;

use rayon::prelude::*;
use tokenizer::Tokenizer;

use super::{Metadata, ShardWriter, Vocabulary};
use crate::batches::in_batches;
use crate::{Counts, Document, Error, Result};

/// Text that is encoded between two writes.
const BATCH_BYTES: usize = 8 << 20;
/// A part of a long document.
const PART_BYTES: usize = 128 << 10;
/// Text on each side of a cut that is encoded to test it.
const AROUND: usize = 400;
/// Cuts that are tested in one part before it is left longer.
const ATTEMPTS: usize = 16;

/// Ids of a text without anything before or after, the same as [`Tokenizer::encode`] gives.
pub fn encode(tokenizer: &Tokenizer, text: &str) -> tokenizer::Result<Vec<u32>> {
    let parts = parts(tokenizer, text)?;
    if let [part] = parts[..] {
        return tokenizer.encode(part, false, false);
    }
    let ids = parts
        .par_iter()
        .map(|part| tokenizer.encode(part, false, false))
        .collect::<tokenizer::Result<Vec<_>>>()?;
    Ok(ids.concat())
}

fn parts<'a>(tokenizer: &Tokenizer, text: &'a str) -> tokenizer::Result<Vec<&'a str>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    'parts: while rest.len() > 2 * PART_BYTES {
        let mut from = PART_BYTES;
        for _ in 0..ATTEMPTS {
            let Some(at) = next_cut(rest, from) else { break };
            if is_harmless(tokenizer, rest, at)? {
                let (part, after) = rest.split_at(at);
                parts.push(part);
                rest = after;
                continue 'parts;
            }
            from = at + 1;
        }
        break;
    }
    parts.push(rest);
    Ok(parts)
}

/// The next place at or after byte `from` where words end in most vocabularies: behind a line's end, or before a full stop.
fn next_cut(text: &str, from: usize) -> Option<usize> {
    let from = text.ceil_char_boundary(from);
    let mut before = text[..from].chars().next_back()?;
    for (at, letter) in text[from..].char_indices() {
        let line_ends = before == '\n' && letter.is_alphanumeric();
        let stop = before.is_alphabetic() && matches!(letter, '.' | '。' | '，' | ',');
        if line_ends || stop {
            return Some(from + at);
        }
        before = letter;
    }
    None
}

fn is_harmless(tokenizer: &Tokenizer, text: &str, at: usize) -> tokenizer::Result<bool> {
    let around = &text[text.floor_char_boundary(at.saturating_sub(AROUND))..text.ceil_char_boundary((at + AROUND).min(text.len()))];
    let (left, right) = around.split_at(at - text.floor_char_boundary(at.saturating_sub(AROUND)));
    let encode = |text: &str| tokenizer.encode(text, false, false);
    Ok(encode(around)? == [encode(left)?, encode(right)?].concat())
}

/// Writes documents to the shard `output`. `vocabulary` is the tokenizer's. `progress` hears the bytes of text done. Runs on rayon's threads.
pub fn tokenize(
    documents: impl IntoIterator<Item = Result<Document>>,
    tokenizer: &Tokenizer,
    vocabulary: &Vocabulary,
    output: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Counts> {
    let mut writer = ShardWriter::create(output, vocabulary)?;
    let mut counts = Counts::default();
    in_batches(documents, BATCH_BYTES, |batch| {
        let encoded: Vec<Result<Vec<u32>>> = batch
            .par_iter()
            .map(|document| {
                let ids = encode(tokenizer, &document.text)
                    .map_err(|error| Error::Refused(format!("document {} ({}): {error}", document.id, document.file)))?;
                Ok([vocabulary.prefix.as_slice(), &ids, &[vocabulary.end]].concat())
            })
            .collect();
        for (document, tokens) in batch.iter().zip(encoded) {
            let tokens = tokens?;
            counts.add("documents", 1);
            counts.add("bytes", document.text.len() as u64);
            counts.add("tokens", tokens.len() as u64);
            writer.add(&tokens, &Metadata::new(document, tokens.len()))?;
            progress(document.text.len() as u64);
        }
        Ok(())
    })?;
    writer.commit()?;
    Ok(counts)
}

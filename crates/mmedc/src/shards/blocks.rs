//! How a trainer reads shards: blocks of equal length, in a seeded order computed by formula.
//!
//! Block k of a shard predicts its tokens k·rows + 1 … (k + 1)·rows, so it holds one token more than it has rows; every token of a shard but its
//! first is in exactly one block as a target. Where a document ends inside a block, a new segment begins: attention stops there, and the first
//! token of a document is never predicted from the document before. A position in the data is the number of blocks used, one integer,
//! whatever the number of machines that share them.

use super::Shard;
use crate::order::Permutation;
use crate::{Error, Result};

/// Shards cut into blocks.
pub struct Blocks {
    shards: Vec<Shard>,
    /// Number of each shard's first block, then the number of all.
    first: Vec<u64>,
    rows: u64,
}

/// Where a block begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the shard.
    pub shard: usize,
    /// Token of the shard.
    pub token: u64,
    /// Number of the document that it belongs to.
    pub document: u64,
    /// Token of the document.
    pub token_in_document: u64,
}

impl Blocks {
    /// Blocks of at most `rows` rows. Errors: fewer than 2 rows; no shard; a document of less than two tokens (packing leaves them out).
    pub fn new(shards: Vec<Shard>, rows: usize) -> Result<Blocks> {
        if rows < 2 {
            return Err(Error::Refused("a block must have at least two rows".to_owned()));
        }
        let mut first = vec![0];
        for shard in &shards {
            if shard.header.documents == 0 {
                return Err(Error::format(&shard.path, "an empty shard; pack again"));
            }
            for document in 0..shard.header.documents {
                let range = shard.range(document);
                if range.end - range.start < 2 {
                    return Err(Error::format(
                        &shard.path,
                        format!("document {document} has less than two tokens; pack the shards first"),
                    ));
                }
            }
            let blocks = (shard.header.tokens - 1).div_ceil(rows as u64);
            first.push(first.last().expect("one at least") + blocks);
        }
        if shards.is_empty() {
            return Err(Error::Refused("there are no shards to train on".to_owned()));
        }
        Ok(Blocks {
            shards,
            first,
            rows: rows as u64,
        })
    }

    /// How many.
    pub fn count(&self) -> u64 {
        *self.first.last().expect("one at least")
    }

    /// The order of one pass.
    pub fn order(&self, seed: u64, epoch: u64) -> Permutation {
        Permutation::new(self.count(), crate::units::mix(seed).wrapping_add(epoch))
    }

    /// Where a block begins.
    pub fn place(&self, block: u64) -> Place {
        let shard = self.first.partition_point(|first| *first <= block) - 1;
        let token = (block - self.first[shard]) * self.rows;
        let document = self.shards[shard].document_at(token);
        Place {
            shard,
            token,
            document,
            token_in_document: token - self.shards[shard].range(document).start,
        }
    }

    /// Id of the document at a place, in hexadecimal.
    pub fn document_id(&self, place: &Place) -> String {
        format!("{:032x}", u128::from_be_bytes(self.shards[place.shard].id(place.document)))
    }

    /// Runs of tokens of a block, each of one document, each with at least two tokens.
    pub fn segments(&self, block: u64) -> Vec<Vec<u32>> {
        let place = self.place(block);
        let shard = &self.shards[place.shard];
        let end = (place.token + self.rows + 1).min(shard.header.tokens);
        let (mut segments, mut start, mut document) = (Vec::new(), place.token, place.document);
        while start < end {
            let stop = shard.range(document).end.min(end);
            if stop - start >= 2 {
                let mut tokens = Vec::with_capacity((stop - start) as usize);
                shard.read(start..stop, &mut tokens);
                segments.push(tokens);
            }
            start = stop;
            document += 1;
        }
        segments
    }

    /// The shards.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }
}

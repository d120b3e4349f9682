//! Token shards: what a corpus is when a model is trained on it.
//!
//! A [`Shard`] is one memory-mapped file: tokens, where each document begins, its id and language ([`format`]); beside it lies a file with a line
//! of metadata for each document. [`tokenize`] makes a shard of a file of documents; [`pack`] joins such shards into those that a trainer
//! reads, validation text apart, with a manifest ([`manifest`]); [`windows`] writes the layout of MMedC's authors instead. [`blocks`] is how a trainer
//! reads: equal blocks in a seeded order.
//!
//! What must hold: every number of a file is compared with the bytes that are there before it is believed; a document is its tokens with the
//! end token, and nothing that reads shards lets attention cross from one document into another; shards of different vocabularies never mix.

pub mod blocks;
pub mod format;
pub mod manifest;
pub mod pack;
mod shard;
pub mod tokenize;
pub mod vocabulary;
pub mod windows;
mod writer;

pub use blocks::Blocks;
pub use manifest::Manifest;
pub use shard::Shard;
pub use vocabulary::Vocabulary;
pub use writer::{Metadata, ShardWriter};

/// Extension of a shard's name; that of its metadata is [`METADATA`].
pub const EXTENSION: &str = "tokens";
/// Extension of the metadata's name.
pub const METADATA: &str = "jsonl.zst";

//! Copies: documents that say the same, exactly or nearly. One of each group stays.
//!
//! Exact: the same [normal form](crate::units). Near: [`minhash`] signatures of the text's runs of words (or characters), cut into `bands`
//! bands of `rows` values; documents that agree in a whole band are a pair. Two texts of Jaccard similarity s are paired with probability
//! 1 - (1 - s^rows)^bands ([`Options::candidate_probability`]); the default, 14 bands of 8, is FineWeb's (Penedo et al. 2024).
//! Groups are the connected components of all pairs.
//!
//! This is the one step that must see the whole corpus, so it runs as stages over files, each restartable:
//!
//! 1. [`signatures::map`], once per file of documents: a sorted file of band keys, cut into as many buckets as wanted
//! 2. [`pairs::reduce`], once per bucket, over all files of stage 1: pairs
//! 3. [`resolve::resolve`], once: groups, and for every file of documents the list of those to drop
//! 4. [`resolve::apply`], once per file: the documents that stay
//!
//! What must hold: which copy stays depends on the documents alone (smallest place in [`Options::prefer`], then smallest id), not on the order
//! of files, their cut into tasks or the number of buckets. Stages 1 to 3 read back from disk what they need; memory is a batch of documents and
//! a run of keys ([`runs`], 16 MiB) in stage 1, one entry a file in stage 2, and 4 bytes a document of the corpus in stage 3.

pub mod minhash;
mod options;
pub mod pairs;
pub mod resolve;
mod runs;
pub mod signatures;

pub use options::Options;

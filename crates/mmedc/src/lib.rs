//! Medical corpora in the way of MMedC: from raw multilingual text to packed token shards.
//!
//! A corpus is a stream of [`Document`]s. A reader makes them, a step looks at each one and keeps, changes or drops it, and says why. What
//! must hold: everything streams, so memory does not grow with the corpus; what a step decides depends on the document and the
//! configuration alone, never on the order or on how many tasks share the work; nothing is dropped without being counted.
//!
//! - [`document`]: a text with its origin, language, source and licence
//! - [`step`]: what steps over single documents have in common
//! - [`read`]: documents out of trees of files
//! - [`normalise`], [`lang_id`], [`quality`], [`pii`]: steps that clean
//! - [`filter`]: is it about medicine?
//! - [`units`]: what of a text counts when texts are compared; on it stand [`dedup`] (copies) and [`contamination`] (a benchmark's questions)
//! - [`shards`]: tokens that a trainer reads, in an order ([`order`]) computed by formula
//! - [`build`]: all of it, in tasks, on one machine or many; [`storage`]: a folder or an object store
//! - [`statistics`], [`report`], [`publish`]: what is in the corpus, for readers and for the Hugging Face hub
//! - [`write`]: files that appear under their name only when they are whole; the form between two steps on disk

mod batches;
pub mod build;
pub mod contamination;
pub mod dedup;
pub mod document;
pub mod error;
pub mod filter;
pub mod lang_id;
pub mod normalise;
pub mod order;
pub mod pii;
pub mod publish;
pub mod quality;
pub mod read;
pub mod report;
pub mod shards;
mod spill;
pub mod statistics;
pub mod step;
pub mod storage;
pub mod units;
pub mod write;

pub use document::{Document, Language};
pub use error::{Error, Result};
pub use read::read_documents;
pub use step::{Counts, Step, Verdict};
pub use write::{AtomicFile, DocumentWriter};

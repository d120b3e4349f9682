//! Medical corpora in the way of MMedC: from raw multilingual text to packed token shards.
//!
//! A corpus is a stream of [`Document`]s. A reader makes them, a step looks at each one and keeps, changes or drops it, and says why. What
//! must hold: everything streams, so memory does not grow with the corpus; what a step decides depends on the document and the
//! configuration alone, never on the order or on how many tasks share the work; nothing is dropped without being counted.
//!
//! - [`document`]: a text with its origin, language, source and licence
//! - [`step`]: what steps over single documents have in common
//! - [`read`]: documents out of trees of files
//! - [`filter`]: is it about medicine?

pub mod document;
pub mod filter;
pub mod read;
pub mod step;

pub use document::{Document, Language};
pub use step::{Counts, Step, Verdict};

//! safetensors, Hugging Face's file format: `u64` length of a JSON header, the header, the tensors' bytes.
//!
//! The header maps names to `{"dtype", "shape", "data_offsets": [start, end]}`, offsets counted from its end; `__metadata__` maps strings
//! to strings. [`read`] parses it from any [`crate::ByteSource`], [`write`] makes files, [`crate::HfFolder`] puts shards together.

mod header;
pub mod read;
pub mod write;

pub use read::{SafetensorsFile, Tensor};
pub use write::SafetensorsWriter;

/// The most that a header may take, in bytes (the limit of the reference implementation).
pub const MAX_HEADER: u64 = 100_000_000;

//! GGUF, ggml's file format: typed metadata, a table of tensors, then their bytes. Versions 2 and 3, little-endian.
//!
//! ```text
//! "GGUF" · u32 version · u64 tensors · u64 entries
//! entries × { string key · u32 type · value }
//! tensors × { string name · u32 n · n × u64 dimension (innermost first) · u32 ggml type · u64 offset in the data }
//! padding to `general.alignment` (32) · data: each tensor at its offset, a multiple of the alignment
//! string = u64 length · UTF-8;  array = u32 type · u64 length · values
//! ```
//!
//! [`read`] parses a header from any [`crate::ByteSource`], [`file`] serves tensors to a decoder, [`write`] makes files.

pub mod file;
pub mod read;
pub mod value;
pub mod write;

mod config;
mod cursor;
mod vocabulary;

use decoder::{DType, TensorInfo};
use std::collections::HashMap;

pub use file::GgufFile;
pub use value::{Array, Value};
pub use vocabulary::vocabulary_entries;
pub use write::{GgufWriter, TensorSpec};

/// First four bytes of a file.
pub const MAGIC: &[u8; 4] = b"GGUF";
/// Alignment of tensors where the metadata name none.
pub const DEFAULT_ALIGNMENT: u64 = 32;
/// The most that metadata and tensor table may take, in bytes. The largest vocabularies need about 16 MB.
pub const MAX_HEADER: u64 = 128 << 20;
/// The most entries and the most tensors that are read.
pub const MAX_COUNT: u64 = 1 << 16;
/// ggml's limit on dimensions.
pub const MAX_DIMENSIONS: u32 = 4;

/// A tensor of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufTensor {
    /// As stored.
    pub name: String,
    /// Type and shape, outermost dimension first.
    pub info: TensorInfo,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub bytes: u64,
}

/// The header of a file: everything but the tensors' bytes.
#[derive(Clone, Debug, Default)]
pub struct Gguf {
    /// 2 or 3.
    pub version: u32,
    metadata: Vec<(String, Value)>,
    keys: HashMap<String, usize>,
    tensors: Vec<GgufTensor>,
    names: HashMap<String, usize>,
    /// First byte of the data.
    pub data_start: u64,
}

impl Gguf {
    /// The metadata value `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).map(|&i| &self.metadata[i].1)
    }

    /// All metadata, in the file's order.
    pub fn metadata(&self) -> &[(String, Value)] {
        &self.metadata
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[GgufTensor] {
        &self.tensors
    }

    /// The tensor `name`.
    pub fn tensor(&self, name: &str) -> Option<&GgufTensor> {
        self.names.get(name).map(|&i| &self.tensors[i])
    }

    /// Number of weights.
    pub fn parameters(&self) -> u64 {
        self.tensors
            .iter()
            .map(|tensor| tensor.info.shape.iter().map(|&size| size as u64).product::<u64>())
            .sum()
    }

    /// The type that most of the weights have: what people call a file's quantisation.
    pub fn main_dtype(&self) -> Option<DType> {
        let mut counts = [0u64; DType::ALL.len()];
        for tensor in &self.tensors {
            let at = DType::ALL
                .iter()
                .position(|&dtype| dtype == tensor.info.dtype)
                .expect("ALL holds every type");
            counts[at] += tensor.bytes;
        }
        let (at, &bytes) = counts.iter().enumerate().max_by_key(|&(_, bytes)| bytes)?;
        (bytes > 0).then(|| DType::ALL[at])
    }

    /// Adds an entry; false where the key is there already.
    fn insert(&mut self, key: String, value: Value) -> bool {
        if self.keys.insert(key.clone(), self.metadata.len()).is_some() {
            return false;
        }
        self.metadata.push((key, value));
        true
    }
}

//! Weights on their way in and out: GGUF and safetensors, ggml's quantised formats, where bytes come from, and hashes.
//!
//! Everything read here is untrusted. No number of a file sizes an allocation before it was compared with the bytes that are really there,
//! and every error names the file, the tensor or the field at fault.
//!
//! Where to go next: [`source`] for bytes, [`gguf`] and [`safetensors`] for the two formats, [`quant`] for what is inside the tensors,
//! [`GgufFile`] and [`HfFolder`] for what a decoder loads from.

pub mod error;
pub mod gguf;
pub mod hash;
pub mod quant;
pub mod safetensors;
pub mod source;
pub mod store;

#[cfg(not(target_arch = "wasm32"))]
mod atomic;
#[cfg(not(target_arch = "wasm32"))]
mod hf_folder;

#[cfg(not(target_arch = "wasm32"))]
pub use atomic::AtomicFile;
pub use error::{Error, Result};
pub use gguf::{Array, Gguf, GgufFile, GgufWriter, TensorSpec, Value, vocabulary_entries};
#[cfg(not(target_arch = "wasm32"))]
pub use hf_folder::HfFolder;
pub use quant::{Recipe, dequantize, quantize};
#[cfg(not(target_arch = "wasm32"))]
pub use source::FileSource;
pub use source::{BoxedSource, Budget, ByteSource, Memory};
pub use store::{Addition, Store, StoredModel, StoredSource};

//! A GGUF file whose tensors are read on demand.

use super::read::read_header;
use super::{Gguf, Value};
use crate::error::{Error, Result};
use crate::source::ByteSource;
use decoder::{TensorInfo, TensorSource};

/// A header and where the rest is.
#[derive(Debug)]
pub struct GgufFile<S> {
    header: Gguf,
    source: S,
}

impl<S: ByteSource> GgufFile<S> {
    /// Reads and checks the header.
    pub async fn open(source: S) -> Result<GgufFile<S>> {
        let header = read_header(&source).await?;
        Ok(GgufFile { header, source })
    }

    /// Metadata and tensors.
    pub fn header(&self) -> &Gguf {
        &self.header
    }

    /// The metadata value `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.header.get(key)
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Gives the source back.
    pub fn into_source(self) -> S {
        self.source
    }

    /// Reads bytes of the tensor `name` from byte `offset` of it. As [`TensorSource::read`], but several reads may be under way.
    pub async fn read_tensor(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let file = || self.source.name().to_owned();
        let Some(tensor) = self.header.tensor(name) else {
            return Err(Error::Tensor {
                file: file(),
                name: name.to_owned(),
                problem: "the file has no such tensor".to_owned(),
            });
        };
        match offset.checked_add(buffer.len() as u64) {
            Some(end) if end <= tensor.bytes => self.source.read(tensor.offset + offset, buffer).await,
            _ => Err(Error::Tensor {
                file: file(),
                name: name.to_owned(),
                problem: format!("it has {} bytes; {} from byte {offset} were asked for", tensor.bytes, buffer.len()),
            }),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl GgufFile<crate::FileSource> {
    /// Opens a local file.
    pub async fn open_path(path: impl AsRef<std::path::Path>) -> Result<GgufFile<crate::FileSource>> {
        GgufFile::open(crate::FileSource::open(path)?).await
    }
}

impl<S: ByteSource> TensorSource for GgufFile<S> {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        self.header.tensor(name).map(|tensor| tensor.info.clone())
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> decoder::Result<()> {
        self.read_tensor(name, offset, buffer).await.map_err(|error| error.reading(name))
    }
}

//! Where bytes come from: a file, memory, an HTTP(S) address, a `File` of the page, the browser's private file system.
//!
//! A source knows its length when it is opened and reads any range. Reads take `&self`, so several may be under way at once.

mod budget;
mod memory;

#[cfg(target_arch = "wasm32")]
mod blob;
#[cfg(not(target_arch = "wasm32"))]
mod file;
#[cfg(target_arch = "wasm32")]
mod http;
#[cfg(target_arch = "wasm32")]
pub(crate) mod js;

use crate::error::{Error, Result};
use std::future::Future;
use std::pin::Pin;

#[cfg(target_arch = "wasm32")]
pub use blob::BlobSource;
pub use budget::{Budget, IN_FLIGHT_LIMIT, Permit};
#[cfg(not(target_arch = "wasm32"))]
pub use file::FileSource;
#[cfg(target_arch = "wasm32")]
pub use http::HttpSource;
pub use memory::Memory;

/// Random access to a sequence of bytes of known length.
#[allow(async_fn_in_trait)] // engines live on one thread; nothing here must be `Send`
#[allow(clippy::len_without_is_empty)]
pub trait ByteSource {
    /// What to call it in messages: a path, an address.
    fn name(&self) -> &str;

    /// Bytes in all.
    fn len(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset`. A range that leaves the source is [`Error::Truncated`].
    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;
}

/// Refuses a range that leaves a source.
pub(crate) fn check_range(source: &impl ByteSource, offset: u64, needed: usize) -> Result<()> {
    match offset.checked_add(needed as u64) {
        Some(end) if end <= source.len() => Ok(()),
        _ => Err(Error::Truncated {
            file: source.name().to_owned(),
            field: "a read".to_owned(),
            offset,
            needed: needed as u64,
            len: source.len(),
        }),
    }
}

/// The same trait with boxed futures, so that kinds of sources can stand in one place.
trait DynSource {
    fn name(&self) -> &str;
    fn len(&self) -> u64;
    fn read<'a>(&'a self, offset: u64, buffer: &'a mut [u8]) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;
}

impl<S: ByteSource> DynSource for S {
    fn name(&self) -> &str {
        ByteSource::name(self)
    }

    fn len(&self) -> u64 {
        ByteSource::len(self)
    }

    fn read<'a>(&'a self, offset: u64, buffer: &'a mut [u8]) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>> {
        Box::pin(ByteSource::read(self, offset, buffer))
    }
}

/// A source whose kind is chosen at run time.
pub struct BoxedSource(Box<dyn DynSource>);

impl BoxedSource {
    /// Wraps `source`.
    pub fn new(source: impl ByteSource + 'static) -> BoxedSource {
        BoxedSource(Box::new(source))
    }
}

impl ByteSource for BoxedSource {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.read(offset, buffer).await
    }
}

impl<S: ByteSource> ByteSource for &S {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn len(&self) -> u64 {
        (**self).len()
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        (**self).read(offset, buffer).await
    }
}

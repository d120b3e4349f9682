//! A `File` or `Blob` of the page: chosen or dropped by the user, read in slices. Only in browsers.

use super::js;
use super::{ByteSource, check_range};
use crate::error::Result;
use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File};

/// Bytes of a slice: each becomes an array in JavaScript before it is copied.
const SLICE: usize = 4 << 20;

/// A file in the browser's hands.
#[derive(Clone, Debug)]
pub struct BlobSource {
    name: String,
    blob: Blob,
    len: u64,
}

impl BlobSource {
    /// A file that the user chose.
    pub fn from_file(file: File) -> BlobSource {
        BlobSource {
            name: file.name(),
            len: file.size() as u64,
            blob: file.into(),
        }
    }

    /// Bytes under a name.
    pub fn from_blob(name: impl Into<String>, blob: Blob) -> BlobSource {
        BlobSource {
            name: name.into(),
            len: blob.size() as u64,
            blob,
        }
    }
}

impl ByteSource for BlobSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check_range(self, offset, buffer.len())?;
        let mut start = offset;
        for piece in buffer.chunks_mut(SLICE) {
            let end = start + piece.len() as u64;
            let fail = |error| js::file_error(&self.name, &error);
            let slice = self.blob.slice_with_f64_and_f64(start as f64, end as f64).map_err(fail)?;
            let bytes = Uint8Array::new(&JsFuture::from(slice.array_buffer()).await.map_err(fail)?);
            if bytes.length() as usize != piece.len() {
                return Err(crate::Error::Io {
                    file: self.name.clone(),
                    problem: "it became shorter while it was read".to_owned(),
                });
            }
            bytes.copy_to(piece);
            start = end;
        }
        Ok(())
    }
}

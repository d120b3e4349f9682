//! Bytes that are in memory already: the bundled demo model, tests.

use super::{ByteSource, check_range};
use crate::error::Result;

/// A named piece of memory.
#[derive(Clone, Debug)]
pub struct Memory<B> {
    name: String,
    bytes: B,
}

impl<B: AsRef<[u8]>> Memory<B> {
    /// `bytes` under `name`.
    pub fn new(name: impl Into<String>, bytes: B) -> Memory<B> {
        Memory { name: name.into(), bytes }
    }
}

impl<B: AsRef<[u8]>> ByteSource for Memory<B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.bytes.as_ref().len() as u64
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check_range(self, offset, buffer.len())?;
        let start = offset as usize;
        buffer.copy_from_slice(&self.bytes.as_ref()[start..start + buffer.len()]);
        Ok(())
    }
}

//! Reads little-endian values one after the other from a byte source, through a small window.
//!
//! What must hold: memory grows only as bytes really arrive. A count is compared with the bytes that are left before anything is reserved.

use super::MAX_HEADER;
use crate::error::{Error, Result};
use crate::source::ByteSource;

/// Bytes asked for at a time.
const WINDOW: usize = 1 << 20;

/// A position in a byte source.
pub struct Cursor<'a, S> {
    source: &'a S,
    window: Vec<u8>,
    /// Next byte in the window.
    at: usize,
    /// First byte of the source after the window.
    next: u64,
    /// Where a header must end: the source's length or the cap.
    limit: u64,
}

impl<'a, S: ByteSource> Cursor<'a, S> {
    /// At the start of `source`.
    pub fn new(source: &'a S) -> Cursor<'a, S> {
        Cursor {
            source,
            window: Vec::new(),
            at: 0,
            next: 0,
            limit: source.len().min(MAX_HEADER),
        }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.next - (self.window.len() - self.at) as u64
    }

    /// The source's name, for messages.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// An error at `field`.
    pub fn malformed(&self, field: impl Into<String>, problem: impl Into<String>) -> Error {
        Error::Malformed {
            file: self.name().to_owned(),
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// Refuses what needs more bytes than are left; `field` is made only for the message.
    pub fn check(&self, needed: u64, field: impl FnOnce() -> String) -> Result<()> {
        let position = self.position();
        if needed <= self.limit - position {
            return Ok(());
        }
        if self.limit < self.source.len() {
            return Err(self.malformed(field(), format!("the header would be larger than {} MiB", MAX_HEADER >> 20)));
        }
        Err(Error::Truncated {
            file: self.name().to_owned(),
            field: field(),
            offset: position,
            needed,
            len: self.source.len(),
        })
    }

    /// Moves the rest of the window to its front and reads on.
    async fn refill(&mut self) -> Result<()> {
        self.window.drain(..self.at);
        self.at = 0;
        let kept = self.window.len();
        let more = (self.limit - self.next).min((WINDOW - kept) as u64) as usize;
        self.window.resize(kept + more, 0);
        self.source.read(self.next, &mut self.window[kept..]).await?;
        self.next += more as u64;
        Ok(())
    }

    /// The next `N` bytes.
    pub async fn array<const N: usize>(&mut self, field: impl FnOnce() -> String) -> Result<[u8; N]> {
        if self.window.len() - self.at < N {
            self.check(N as u64, field)?;
            self.refill().await?;
        }
        let bytes = self.window[self.at..self.at + N].try_into().expect("N bytes");
        self.at += N;
        Ok(bytes)
    }

    /// The next `count` bytes.
    pub async fn bytes(&mut self, count: u64, field: impl FnOnce() -> String) -> Result<Vec<u8>> {
        self.check(count, field)?;
        let mut left = count as usize; // at most MAX_HEADER
        let mut bytes = Vec::with_capacity(left);
        while left > 0 {
            if self.at == self.window.len() {
                self.refill().await?;
            }
            let take = left.min(self.window.len() - self.at);
            bytes.extend_from_slice(&self.window[self.at..self.at + take]);
            self.at += take;
            left -= take;
        }
        Ok(bytes)
    }

    /// A `u32`.
    pub async fn u32(&mut self, field: impl FnOnce() -> String) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(field).await?))
    }

    /// A `u64`.
    pub async fn u64(&mut self, field: impl FnOnce() -> String) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(field).await?))
    }

    /// A string: its length, then UTF-8. Some vocabularies hold tokens that are no UTF-8; what cannot be read becomes U+FFFD.
    pub async fn string(&mut self, field: impl Fn() -> String) -> Result<String> {
        let len = self.u64(&field).await?;
        let bytes = self.bytes(len, field).await?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }
}

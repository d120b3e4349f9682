//! SHA-256, of a block at once and of a file in pieces that may lie days apart.
//!
//! [`Running`] has a state of 32 bytes that can be stored after any whole number of 64-byte chunks, which the `sha2` crate's hasher does not
//! show in a stable form. The compression function is that crate's; the padding is FIPS 180-4, 5.1.1.

use crate::error::Result;
use crate::source::ByteSource;
use sha2::Digest;
use sha2::block_api::compress256;

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    sha2::Sha256::digest(bytes).into()
}

/// Bytes of a file that are in memory at once while it is hashed.
const BLOCK: usize = 2 << 20;

/// The hash of everything in `source`, read once from its start; `on_progress` gets the bytes read so far.
pub async fn of_source(source: &impl ByteSource, mut on_progress: impl FnMut(u64)) -> Result<Hash> {
    let mut running = Running::default();
    let mut block = Vec::new();
    let mut offset = 0;
    loop {
        let len = (source.len() - offset).min(BLOCK as u64) as usize;
        block.resize(len, 0);
        source.read(offset, &mut block).await?;
        offset += len as u64;
        on_progress(offset);
        if len < BLOCK {
            return Ok(running.finish(&block));
        }
        running.update(&block);
    }
}

/// In lower-case hexadecimal.
pub fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// From hexadecimal of any case.
pub fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(hash)
}

/// Bytes of a chunk of the hash function.
pub const CHUNK: usize = 64;

/// Initial state (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The hash of a file as far as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    state: [u32; 8],
    /// Bytes seen; a multiple of [`CHUNK`].
    seen: u64,
}

impl Default for Running {
    fn default() -> Running {
        Running { state: INITIAL, seen: 0 }
    }
}

impl Running {
    /// Goes on after `seen` bytes, a multiple of [`CHUNK`], from a stored state.
    pub fn resume(state: &Hash, seen: u64) -> Running {
        assert!(seen.is_multiple_of(CHUNK as u64), "a state lies between chunks");
        let word = |i: usize| u32::from_be_bytes([state[4 * i], state[4 * i + 1], state[4 * i + 2], state[4 * i + 3]]);
        Running {
            state: std::array::from_fn(word),
            seen,
        }
    }

    /// The state, to be stored.
    pub fn state(&self) -> Hash {
        let mut out = [0; 32];
        for (out, word) in out.chunks_exact_mut(4).zip(self.state) {
            out.copy_from_slice(&word.to_be_bytes());
        }
        out
    }

    /// Takes in a whole number of chunks.
    pub fn update(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<CHUNK>();
        assert!(rest.is_empty(), "a whole number of chunks");
        compress256(&mut self.state, chunks);
        self.seen += bytes.len() as u64;
    }

    /// Takes in the last bytes, of any number, and ends.
    pub fn finish(mut self, bytes: &[u8]) -> Hash {
        let whole = bytes.len() / CHUNK * CHUNK;
        self.update(&bytes[..whole]);
        let rest = &bytes[whole..];
        let bits = (self.seen + rest.len() as u64) * 8;
        // A one bit, zeros, and the length in bits at the end of a chunk.
        let mut tail = [0; 2 * CHUNK];
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()] = 0x80;
        let end = if rest.len() < CHUNK - 8 { CHUNK } else { 2 * CHUNK };
        tail[end - 8..end].copy_from_slice(&bits.to_be_bytes());
        self.update(&tail[..end]);
        self.state()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Memory;

    #[test]
    fn known_answers() {
        // FIPS 180-4's examples.
        let known = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ];
        for (text, expected) in known {
            assert_eq!(hex(&sha256(text.as_bytes())), expected);
            assert_eq!(hex(&Running::default().finish(text.as_bytes())), expected);
            assert_eq!(from_hex(&expected.to_uppercase()), Some(sha256(text.as_bytes())));
        }
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex(&"g".repeat(64)), None);
    }

    #[test]
    fn a_source_is_hashed_whole() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 31 / 7) as u8).collect();
            let mut read = Vec::new();
            let hash = pollster::block_on(of_source(&Memory::new("a file", bytes.clone()), |n| read.push(n))).unwrap();
            assert_eq!(hash, sha256(&bytes), "{len}");
            assert_eq!(read.last(), Some(&(len as u64)));
        }
    }

    #[test]
    fn pieces_with_a_stored_state_give_the_whole() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| (i * 7) as u8).collect();
        for len in [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 640, 1000] {
            for cut in (0..=len).step_by(CHUNK) {
                let mut running = Running::default();
                running.update(&bytes[..cut]);
                let running = Running::resume(&running.state(), cut as u64);
                assert_eq!(running.finish(&bytes[cut..len]), sha256(&bytes[..len]), "{len} bytes cut at {cut}");
            }
        }
    }
}

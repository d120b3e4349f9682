//! The bytes of a shard, version 1, little-endian.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `MMKTOKEN` |
//! | 4 | version, 1 |
//! | 4 | bytes of a token, 2 or 4 |
//! | 8 | tokens T |
//! | 8 | documents D |
//! | 32 | [hash of the vocabulary](super::Vocabulary::hash) |
//! | 32 | SHA-256 of all that follows the header, then of the 64 bytes before this field |
//! | 32 | zeros |
//! | T × 2 or 4 | tokens, documents end to end; then zeros up to a multiple of 8 |
//! | (D + 1) × 8 | where each document begins, in tokens, then T |
//! | D × 16 | ids |
//! | D × 1 | languages: place in [`Language::ALL`], 255 for none |

use crate::Language;

pub const MAGIC: &[u8; 8] = b"MMKTOKEN";
pub const VERSION: u32 = 1;
pub const HEADER: usize = 128;

/// The first bytes of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// 2 or 4.
    pub token_bytes: u32,
    pub tokens: u64,
    pub documents: u64,
    pub vocabulary: [u8; 32],
    pub content: [u8; 32],
}

/// Where the parts of a shard begin, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub offsets: usize,
    pub ids: usize,
    pub languages: usize,
    pub end: usize,
}

impl Header {
    /// The part that the content's hash covers.
    pub fn hashed(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.token_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.tokens.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.documents.to_le_bytes());
        bytes[32..].copy_from_slice(&self.vocabulary);
        bytes
    }

    /// All of it.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..64].copy_from_slice(&self.hashed());
        bytes[64..96].copy_from_slice(&self.content);
        bytes
    }

    /// Reads what [`Header::to_bytes`] wrote. Errors: what is wrong, in words.
    pub fn from_bytes(bytes: &[u8]) -> Result<Header, String> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            return Err(format!(
                "a shard has a header of {HEADER} bytes, but this file has {} bytes",
                bytes.len()
            ));
        };
        if bytes[..8] != MAGIC[..] {
            return Err("not a shard of tokens (it does not begin with MMKTOKEN)".to_owned());
        }
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        if word(8) != VERSION {
            return Err(format!("version {}, but this program reads version {VERSION}", word(8)));
        }
        if !matches!(word(12), 2 | 4) {
            return Err(format!("tokens of {} bytes; there are only 2 and 4", word(12)));
        }
        if bytes[96..].iter().any(|byte| *byte != 0) {
            return Err("the end of the header is not empty".to_owned());
        }
        Ok(Header {
            token_bytes: word(12),
            tokens: long(16),
            documents: long(24),
            vocabulary: bytes[32..64].try_into().expect("32 bytes"),
            content: bytes[64..96].try_into().expect("32 bytes"),
        })
    }

    /// Where everything is; none if the counts are larger than any file.
    pub fn layout(&self) -> Option<Layout> {
        let tokens = usize::try_from(self.tokens).ok()?.checked_mul(self.token_bytes as usize)?;
        let offsets = tokens.checked_add(HEADER)?.checked_next_multiple_of(8)?;
        let documents = usize::try_from(self.documents).ok()?;
        let ids = documents.checked_add(1)?.checked_mul(8)?.checked_add(offsets)?;
        let languages = documents.checked_mul(16)?.checked_add(ids)?;
        Some(Layout {
            offsets,
            ids,
            languages,
            end: languages.checked_add(documents)?,
        })
    }
}

/// One byte for a language.
pub fn language_byte(language: Option<Language>) -> u8 {
    language
        .and_then(|language| Language::ALL.iter().position(|known| *known == language))
        .map_or(255, |place| place as u8)
}

/// Back. None for a byte that is neither a language nor 255.
pub fn language_of(byte: u8) -> Option<Option<Language>> {
    match byte {
        255 => Some(None),
        place => Language::ALL.get(place as usize).map(|language| Some(*language)),
    }
}

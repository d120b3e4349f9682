//! What shards must remember of the tokenizer that made them.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokenizer::Tokenizer;

use crate::{Error, Result};

/// Enough of a tokenizer to tell it from another, and to read its shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// In hexadecimal; see [`Vocabulary::hash`].
    pub hash: String,
    /// How many tokens.
    pub tokens: usize,
    /// What stands before a document.
    pub prefix: Vec<u32>,
    /// What ends it.
    pub end: u32,
    /// What fills windows up: the tokenizer's padding, else the end token.
    pub padding: u32,
}

/// Has letters, digits, spaces, lines and symbols of many scripts, so that vocabularies which cut or merge differently give other ids.
const PROBE: &str = "Fever of 38.5 °C for 3 days;  don't\n\n\tgive ≥ 500 mg!\r\nFièvre à l'hôpital. ¿Qué síntomas? Лихорадка у пациента. \
発熱と咳が続く患者。发热和咳嗽三天，医生听诊肺部。 <unk> [PAD] 😷 x² ﬁ    ";

impl Vocabulary {
    /// Of a tokenizer. Errors: one that has no end token.
    pub fn of(tokenizer: &Tokenizer) -> Result<Vocabulary> {
        let refused = |problem: String| Error::Refused(format!("tokenizer: {problem}"));
        let end = tokenizer
            .eos()
            .ok_or_else(|| refused("it names no end token, which every document of a shard ends with".to_owned()))?;
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for text in tokenizer.vocabulary().texts() {
            part(text.as_bytes());
        }
        let probe = tokenizer.encode(PROBE, false, false).map_err(|error| refused(error.to_string()))?;
        for ids in [tokenizer.prefix(), &probe, &[end]] {
            part(&ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>());
        }
        Ok(Vocabulary {
            hash: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            tokens: tokenizer.vocab_size(),
            prefix: tokenizer.prefix().to_vec(),
            end,
            padding: tokenizer.special().pad.unwrap_or(end),
        })
    }

    /// The 32 bytes that shards hold: SHA-256 of all tokens' texts, of what stands around a document, and of the ids of a probe, which depend on
    /// how text is cut and merged. The same model's `tokenizer.json` and GGUF give the same.
    pub fn hash(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(self.hash.as_bytes().chunks(2)) {
            *byte = std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .unwrap_or_default();
        }
        bytes
    }

    /// Bytes of a token in a shard.
    pub fn token_bytes(&self) -> u32 {
        if self.tokens <= 1 << 16 { 2 } else { 4 }
    }

    /// Errors: `now` is another vocabulary than this one, which `place` was made with; the message says in what they differ.
    pub fn check_same(&self, now: &Vocabulary, place: &Path) -> Result<()> {
        if self == now {
            return Ok(());
        }
        let mut differences = Vec::new();
        let mut differ = |what: &str, then: String, now: String| {
            if then != now {
                differences.push(format!("{what} {then} then, {now} now"));
            }
        };
        differ("tokens:", self.tokens.to_string(), now.tokens.to_string());
        differ("before a document:", format!("{:?}", self.prefix), format!("{:?}", now.prefix));
        differ("end token:", self.end.to_string(), now.end.to_string());
        differ("padding:", self.padding.to_string(), now.padding.to_string());
        differ("hash of texts and merges:", self.hash.clone(), now.hash.clone());
        Err(Error::Refused(format!(
            "{}: made with another tokenizer; use that one, or tokenise again into another folder\n  {}",
            place.display(),
            differences.join("\n  ")
        )))
    }
}

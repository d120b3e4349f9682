//! The table of tokens: text, kind and bytes of every id.

use crate::bytes::{SPACE_MARK, from_byte_level, from_byte_token};
use crate::{Error, Result};

/// What a token is for. Numbers are GGUF's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TokenKind {
    /// Ordinary text.
    Normal = 1,
    /// Stands for what the vocabulary cannot spell.
    Unknown = 2,
    /// Structure, never text: `<|eot_id|>`.
    Control = 3,
    /// Text that is cut out before anything else happens.
    UserDefined = 4,
    /// A free place.
    Unused = 5,
    /// One byte, `<0xNN>`.
    Byte = 6,
}

impl TokenKind {
    /// The kind with GGUF's number `number`.
    pub fn from_gguf(number: i64) -> Option<TokenKind> {
        use TokenKind::*;
        [Normal, Unknown, Control, UserDefined, Unused, Byte]
            .into_iter()
            .find(|kind| *kind as i64 == number)
    }

    /// True for tokens that are structure, not text.
    pub fn is_special(self) -> bool {
        matches!(self, TokenKind::Control | TokenKind::Unknown)
    }
}

/// How tokens spell text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// One character a byte (GPT-2).
    ByteLevel,
    /// `▁` for a space and `<0xNN>` for bytes (SentencePiece).
    SentencePiece,
}

/// Text and kind of every id.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    texts: Vec<String>,
    kinds: Vec<TokenKind>,
    spelling: Spelling,
}

impl Vocabulary {
    /// One kind a text.
    pub(crate) fn new(texts: Vec<String>, kinds: Vec<TokenKind>, spelling: Spelling) -> Vocabulary {
        assert_eq!(texts.len(), kinds.len(), "one kind a token");
        Vocabulary { texts, kinds, spelling }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// True without tokens.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// How tokens spell text.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// Texts by id, as spelled in the file.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Kinds by id.
    pub fn kinds(&self) -> &[TokenKind] {
        &self.kinds
    }

    /// Text of `id` as spelled in the file. Errors: no such id.
    pub fn text(&self, id: u32) -> Result<&str> {
        self.texts
            .get(id as usize)
            .map(String::as_str)
            .ok_or(Error::UnknownId { id, size: self.len() })
    }

    /// Kind of `id`. Errors: no such id.
    pub fn kind(&self, id: u32) -> Result<TokenKind> {
        self.kinds
            .get(id as usize)
            .copied()
            .ok_or(Error::UnknownId { id, size: self.len() })
    }

    /// The bytes of text that `id` stands for; a control token gives its name. Errors: no such id.
    pub fn bytes(&self, id: u32) -> Result<Vec<u8>> {
        let text = self.text(id)?;
        let kind = self.kind(id)?;
        Ok(match (kind, self.spelling) {
            (TokenKind::Control | TokenKind::Unknown | TokenKind::Unused, _) => text.as_bytes().to_vec(),
            (TokenKind::UserDefined, Spelling::ByteLevel) => text.as_bytes().to_vec(),
            (TokenKind::Byte, _) if from_byte_token(text).is_some() => from_byte_token(text).into_iter().collect(),
            (_, Spelling::ByteLevel) => from_byte_level(text).unwrap_or_else(|| text.as_bytes().to_vec()),
            (_, Spelling::SentencePiece) => text.replace(SPACE_MARK, " ").into_bytes(),
        })
    }

    /// Ids whose kind satisfies `wanted`, with their texts.
    pub(crate) fn of_kind(&self, wanted: impl Fn(TokenKind) -> bool) -> impl Iterator<Item = (u32, &str)> {
        (0u32..)
            .zip(&self.texts)
            .zip(&self.kinds)
            .filter(move |(_, kind)| wanted(**kind))
            .map(|((id, text), _)| (id, text.as_str()))
    }
}

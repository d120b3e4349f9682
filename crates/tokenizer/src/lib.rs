//! Text to token ids and back, and chat templates.
//!
//! A [`Tokenizer`] comes from GGUF metadata ([`Tokenizer::from_gguf`]) or from a Hugging Face `tokenizer.json`
//! ([`Tokenizer::from_tokenizer_json`]), and goes back to either ([`Tokenizer::to_gguf_metadata`], [`Tokenizer::to_tokenizer_json`]).
//! Byte-level BPE runs on the crate `tokenizers`; SentencePiece kinds read from GGUF carry scores instead of merges and run on [`spm`].
//! Both must give the ids of the reference implementations, token for token.
//!
//! Where to go next: [`tokenizer`] for encoding and decoding, [`stream`] for text that appears while tokens arrive, [`template`] for chat
//! templates, [`train`] for new vocabularies, [`pre`] for what distinguishes one BPE model from another.

pub mod bytes;
pub mod error;
mod filters;
mod from_gguf;
mod from_json;
pub mod metadata;
mod pipeline;
pub mod pre;
mod python_json;
pub mod special;
pub mod spm;
pub mod stream;
pub mod template;
mod time;
mod to_gguf;
mod to_json;
pub mod tokenizer;
pub mod train;
pub mod vocabulary;

pub use error::{Error, Result};
pub use metadata::{Metadata, MetadataTable, MetadataValue};
pub use special::SpecialTokens;
pub use stream::StreamDecoder;
pub use template::{ChatTemplate, Message, RenderOptions};
pub use time::DateTime;
pub use tokenizer::Tokenizer;
pub use train::{BpeTraining, train_bpe};
pub use vocabulary::{TokenKind, Vocabulary};

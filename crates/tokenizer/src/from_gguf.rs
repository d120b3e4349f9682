//! A tokenizer from GGUF metadata.
//!
//! Kinds: `gpt2` (byte-level BPE, cut as `tokenizer.ggml.pre` says) and `llama` (SentencePiece with scores). Everything in the file is
//! untrusted: lengths must agree, ids must be inside the vocabulary, merges must be made of tokens and make tokens.

use std::collections::HashMap;

use crate::metadata::Metadata;
use crate::pipeline::Pipeline;
use crate::pre::{self, Pre};
use crate::spm::Spm;
use crate::tokenizer::Model;
use crate::vocabulary::{Spelling, TokenKind, Vocabulary};
use crate::{Error, Result, SpecialTokens, Tokenizer, bytes};

pub(crate) const MODEL: &str = "tokenizer.ggml.model";
pub(crate) const PRE: &str = "tokenizer.ggml.pre";
pub(crate) const TOKENS: &str = "tokenizer.ggml.tokens";
pub(crate) const TOKEN_TYPE: &str = "tokenizer.ggml.token_type";
pub(crate) const MERGES: &str = "tokenizer.ggml.merges";
pub(crate) const SCORES: &str = "tokenizer.ggml.scores";
pub(crate) const BOS: &str = "tokenizer.ggml.bos_token_id";
pub(crate) const EOS: &str = "tokenizer.ggml.eos_token_id";
pub(crate) const EOT: &str = "tokenizer.ggml.eot_token_id";
pub(crate) const EOM: &str = "tokenizer.ggml.eom_token_id";
pub(crate) const PAD: &str = "tokenizer.ggml.padding_token_id";
pub(crate) const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
pub(crate) const ADD_BOS: &str = "tokenizer.ggml.add_bos_token";
pub(crate) const ADD_EOS: &str = "tokenizer.ggml.add_eos_token";
pub(crate) const ADD_SPACE: &str = "tokenizer.ggml.add_space_prefix";
pub(crate) const CHAT_TEMPLATE: &str = "tokenizer.chat_template";

impl Tokenizer {
    /// From the metadata of a GGUF file. Errors name the key at fault.
    pub fn from_gguf(metadata: &dyn Metadata) -> Result<Tokenizer> {
        let model = metadata
            .string(MODEL)
            .ok_or_else(|| Error::metadata(MODEL, "missing; the file holds no tokenizer"))?;
        let mut tokenizer = match model.as_str() {
            "gpt2" => byte_level(metadata)?,
            "llama" => sentence_piece(metadata)?,
            other => {
                return Err(Error::Unsupported {
                    what: "tokenizer model",
                    value: other.to_owned(),
                    supported: "gpt2, llama".to_owned(),
                });
            }
        };
        tokenizer.chat_template = metadata.string(CHAT_TEMPLATE);
        Ok(tokenizer)
    }
}

fn byte_level(metadata: &dyn Metadata) -> Result<Tokenizer> {
    let name = metadata.string(PRE).unwrap_or_else(|| "default".to_owned());
    let pre: &Pre = pre::by_name(&name).ok_or_else(|| Error::Unsupported {
        what: "pre-tokenizer (tokenizer.ggml.pre)",
        value: name.clone(),
        supported: pre::names(),
    })?;
    let vocabulary = vocabulary(metadata, Spelling::ByteLevel)?;
    let merges = metadata.strings(MERGES).ok_or_else(|| Error::metadata(MERGES, "missing"))?;
    let merges = merges
        .iter()
        .enumerate()
        // The separator is the first space after the first character: a token may begin with one, as characters go, but holds none.
        .map(|(rank, merge)| {
            let cut = merge
                .char_indices()
                .skip(1)
                .find(|(_, character)| *character == ' ')
                .map(|(index, _)| index);
            cut.map(|cut| (merge[..cut].to_owned(), merge[cut + 1..].to_owned()))
                .ok_or_else(|| Error::metadata(MERGES, format!("merge {rank} is {merge:?}, not two tokens and a space between")))
        })
        .collect::<Result<Vec<_>>>()?;
    check_merges(&vocabulary, &merges)?;
    check_alphabet(vocabulary.texts().iter().map(String::as_str)).map_err(|problem| Error::metadata(TOKENS, problem))?;
    let special = special(metadata, &vocabulary, SpecialTokens::default())?;
    let (prefix, suffix) = frame(metadata, &special, pre.add_bos && special.bos.is_some())?;
    let pipeline = Pipeline::byte_level(&vocabulary, merges, pre)?;
    Ok(Tokenizer {
        model: Model::Pipeline(Box::new(pipeline)),
        vocabulary,
        special,
        prefix,
        suffix,
        strip_space: false,
        chat_template: None,
    })
}

fn sentence_piece(metadata: &dyn Metadata) -> Result<Tokenizer> {
    let vocabulary = vocabulary(metadata, Spelling::SentencePiece)?;
    let scores = metadata.floats(SCORES).ok_or_else(|| Error::metadata(SCORES, "missing"))?;
    // The ids that SentencePiece itself gives these three.
    let of_kind = |id: u32, kind: TokenKind| vocabulary.kind(id).is_ok_and(|found| found == kind).then_some(id);
    let defaults = SpecialTokens {
        unknown: of_kind(0, TokenKind::Unknown),
        bos: of_kind(1, TokenKind::Control),
        eos: of_kind(2, TokenKind::Control),
        ..SpecialTokens::default()
    };
    let special = special(metadata, &vocabulary, defaults)?;
    let (prefix, suffix) = frame(metadata, &special, special.bos.is_some())?;
    let add_space_prefix = metadata.boolean(ADD_SPACE).unwrap_or(true);
    let spm = Spm::new(&vocabulary, scores, special.unknown, add_space_prefix)?;
    Ok(Tokenizer {
        model: Model::Spm(Box::new(spm)),
        vocabulary,
        special,
        prefix,
        suffix,
        strip_space: add_space_prefix,
        chat_template: None,
    })
}

fn vocabulary(metadata: &dyn Metadata, spelling: Spelling) -> Result<Vocabulary> {
    let texts = metadata.strings(TOKENS).ok_or_else(|| Error::metadata(TOKENS, "missing"))?;
    if texts.is_empty() || u32::try_from(texts.len()).is_err() {
        return Err(Error::metadata(TOKENS, format!("holds {} tokens", texts.len())));
    }
    let kinds = match metadata.integers(TOKEN_TYPE) {
        Some(kinds) => kinds
            .into_iter()
            .enumerate()
            .map(|(id, kind)| {
                TokenKind::from_gguf(kind).ok_or_else(|| Error::metadata(TOKEN_TYPE, format!("token {id} has the unknown type {kind}")))
            })
            .collect::<Result<Vec<_>>>()?,
        None => vec![TokenKind::Normal; texts.len()],
    };
    if kinds.len() != texts.len() {
        return Err(Error::metadata(
            TOKEN_TYPE,
            format!(
                "{} types for {} tokens; the file is damaged or was converted wrongly",
                kinds.len(),
                texts.len()
            ),
        ));
    }
    Ok(Vocabulary::new(texts, kinds, spelling))
}

fn special(metadata: &dyn Metadata, vocabulary: &Vocabulary, defaults: SpecialTokens) -> Result<SpecialTokens> {
    let read = |key: &str| -> Result<Option<u32>> {
        metadata
            .unsigned(key)
            .map(|id| {
                u32::try_from(id)
                    .ok()
                    .filter(|id| (*id as usize) < vocabulary.len())
                    .ok_or_else(|| Error::metadata(key, format!("{id} is outside the vocabulary of {} tokens", vocabulary.len())))
            })
            .transpose()
    };
    let mut special = SpecialTokens {
        bos: read(BOS)?.or(defaults.bos),
        eos: read(EOS)?.or(defaults.eos),
        eot: read(EOT)?,
        pad: read(PAD)?,
        unknown: read(UNKNOWN)?.or(defaults.unknown),
        stop: read(EOM)?.into_iter().collect(),
    };
    special.complete(vocabulary);
    Ok(special)
}

/// What is put before and after a text.
fn frame(metadata: &dyn Metadata, special: &SpecialTokens, add_bos_by_default: bool) -> Result<(Vec<u32>, Vec<u32>)> {
    let side = |key: &str, default: bool, id: Option<u32>| match (metadata.boolean(key).unwrap_or(default), id) {
        (false, _) => Ok(Vec::new()),
        (true, Some(id)) => Ok(vec![id]),
        (true, None) => Err(Error::metadata(key, "is set, but the file names no such token")),
    };
    Ok((side(ADD_BOS, add_bos_by_default, special.bos)?, side(ADD_EOS, false, special.eos)?))
}

/// Every merge must be of tokens and into a token: the crate `tokenizers` takes that for granted.
pub(crate) fn check_merges(vocabulary: &Vocabulary, merges: &[(String, String)]) -> Result<()> {
    let known: HashMap<&str, ()> = vocabulary.texts().iter().map(|text| (text.as_str(), ())).collect();
    let mut joined = String::new();
    for (rank, (left, right)) in merges.iter().enumerate() {
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        if let Some(missing) = [left.as_str(), right, &joined].into_iter().find(|text| !known.contains_key(text)) {
            return Err(Error::metadata(
                MERGES,
                format!("merge {rank} ({left:?} and {right:?}) needs the token {missing:?}, which the vocabulary does not have"),
            ));
        }
    }
    Ok(())
}

/// Byte-level vocabularies must spell every byte of UTF-8, or text would silently vanish.
pub(crate) fn check_alphabet<'a>(texts: impl Iterator<Item = &'a str>) -> std::result::Result<(), String> {
    let mut found = [false; 256];
    for text in texts {
        let mut characters = text.chars();
        if let (Some(character), None) = (characters.next(), characters.next())
            && let Some(byte) = bytes::char_to_byte(character)
        {
            found[usize::from(byte)] = true;
        }
    }
    match bytes::utf8_bytes().find(|byte| !found[usize::from(*byte)]) {
        Some(byte) => Err(format!(
            "no token spells the byte {byte:#04X} ({:?}), so that some text has no tokens",
            bytes::byte_to_char(byte)
        )),
        None => Ok(()),
    }
}

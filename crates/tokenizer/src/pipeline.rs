//! The crate `tokenizers` behind one door: added tokens, normalisation, cuts, merges.
//!
//! Whether control tokens in the text are honoured is a setting of that crate's added vocabulary; both settings are kept here, so that
//! encoding needs no exclusive access. Begin and end tokens are the business of [`crate::Tokenizer`].

use serde_json::Value;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, AddedVocabulary, Encoding, Model, ModelWrapper, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    PreTokenizerWrapper, SplitDelimiterBehavior, Token,
};

use crate::pre::Pre;
use crate::vocabulary::{TokenKind, Vocabulary};
use crate::{Error, Result};

/// A tokenizer of the crate `tokenizers`.
pub(crate) struct Pipeline {
    inner: tokenizers::Tokenizer,
    /// As the added vocabulary of `inner`, but blind to control tokens.
    plain: AddedVocabulary,
}

/// Cuts as in `pre`, then bytes as characters.
pub(crate) fn cuts(pre: &Pre) -> Result<PreTokenizerWrapper> {
    let mut steps = Vec::new();
    for pattern in pre.patterns {
        let split = Split::new(SplitPattern::Regex((*pattern).to_owned()), SplitDelimiterBehavior::Isolated, false)
            .map_err(|error| Error::Encode(format!("pattern {pattern}: {error}")))?;
        steps.push(PreTokenizerWrapper::Split(split));
    }
    steps.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, false)));
    Ok(PreTokenizerWrapper::Sequence(Sequence::new(steps)))
}

/// See [`Pre::cut`].
pub(crate) fn cut<'a>(pre: &Pre, text: &'a str) -> Result<Vec<&'a str>> {
    let mut pieces = PreTokenizedString::from(text);
    cuts(pre)?
        .pre_tokenize(&mut pieces)
        .map_err(|error| Error::Encode(error.to_string()))?;
    let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
    Ok(pieces.into_iter().map(|(_, (start, end), _)| &text[start..end]).collect())
}

impl Pipeline {
    pub(crate) fn new(inner: tokenizers::Tokenizer) -> Pipeline {
        let mut plain = inner.get_added_vocabulary().clone();
        plain.set_encode_special_tokens(true);
        Pipeline { inner, plain }
    }

    /// Byte-level BPE. The caller has checked that merges are made of tokens and make tokens.
    pub(crate) fn byte_level(vocabulary: &Vocabulary, merges: Merges, pre: &Pre) -> Result<Pipeline> {
        let problem = |error: tokenizers::Error| Error::metadata("tokenizer.ggml.merges", error.to_string());
        let ids: Vocab = (0u32..)
            .zip(vocabulary.texts())
            .filter(|(_, text)| !text.is_empty())
            .map(|(id, text)| (text.clone(), id))
            .collect();
        let model = BPE::builder()
            .vocab_and_merges(ids, merges)
            .ignore_merges(pre.ignore_merges)
            .build()
            .map_err(problem)?;
        let mut inner = tokenizers::Tokenizer::new(model);
        inner.with_pre_tokenizer(Some(cuts(pre)?));
        inner.with_decoder(Some(tokenizers::decoders::byte_level::ByteLevel::default()));
        let added = vocabulary
            .of_kind(|kind| kind.is_special() || kind == TokenKind::UserDefined)
            .zip(
                vocabulary
                    .kinds()
                    .iter()
                    .filter(|kind| kind.is_special() || **kind == TokenKind::UserDefined),
            )
            .filter(|((_, text), _)| !text.is_empty())
            .map(|((_, text), kind)| AddedToken::from(text, kind.is_special()).normalized(false));
        inner.add_tokens(added).map_err(problem)?;
        Ok(Pipeline::new(inner))
    }

    /// Ids of `text`, nothing put before or after.
    pub(crate) fn encode(&self, text: &str, parse_special: bool) -> Result<Vec<u32>> {
        let problem = |error: tokenizers::Error| Error::Encode(error.to_string());
        let added = if parse_special {
            self.inner.get_added_vocabulary()
        } else {
            &self.plain
        };
        let mut pieces = added.extract_and_normalize(self.inner.get_normalizer(), text);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces).map_err(problem)?;
        }
        let model: &ModelWrapper = self.inner.get_model();
        pieces.tokenize(|piece| model.tokenize(piece.get())).map_err(problem)?;
        // The ids alone: an `Encoding` would copy every token's text and place.
        let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let tokens = pieces.into_iter().filter_map(|(_, _, tokens)| tokens.as_ref()).flatten();
        Ok(tokens.map(|token| token.id).collect())
    }

    /// What the post-processor puts before and after a text.
    pub(crate) fn frame(&self) -> Result<(Vec<u32>, Vec<u32>)> {
        const MARK: u32 = u32::MAX;
        let text = Encoding::from_tokens(vec![Token::new(MARK, "x".to_owned(), (0, 1))], 0);
        let framed = self
            .inner
            .post_process(text, None, true)
            .map_err(|error| Error::file("tokenizer.json", format!("post_processor: {error}")))?;
        let mut sides = framed.get_ids().split(|id| *id == MARK);
        let (before, after) = (sides.next(), sides.next());
        match (before, after, sides.next()) {
            (Some(before), Some(after), None) => Ok((before.to_vec(), after.to_vec())),
            _ => Err(Error::file("tokenizer.json", "post_processor does not keep the text exactly once")),
        }
    }

    /// Id of a token's text.
    pub(crate) fn token_to_id(&self, text: &str) -> Option<u32> {
        self.inner.token_to_id(text)
    }

    /// The whole as `tokenizer.json`.
    pub(crate) fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(|error| Error::NoSuchForm {
            form: "tokenizer.json",
            problem: error.to_string(),
        })
    }

    /// The same as a value to look into.
    pub(crate) fn to_value(&self) -> Result<Value> {
        serde_json::to_value(&self.inner).map_err(|error| Error::NoSuchForm {
            form: "JSON",
            problem: error.to_string(),
        })
    }
}

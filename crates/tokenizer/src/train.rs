//! A new byte-level BPE vocabulary from text (Sennrich et al., 2016; Radford et al., 2019), on the trainer of the crate `tokenizers`.
//!
//! The same texts give the same file, whatever their order and the number of threads: pairs are counted over all texts, and ties go to the
//! smaller ids. Words are cut as Llama 3 cuts them, so that exports carry a pre-tokenizer that every reader of GGUF knows.

use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken, ProgressFormat};

use crate::{Error, Result, Tokenizer, pipeline, pre};

/// What to train.
#[derive(Clone, Debug)]
pub struct BpeTraining {
    /// Tokens in all: 256 bytes, the special tokens, and merges for the rest.
    pub vocab_size: usize,
    /// Control tokens; they get the first ids, in this order.
    pub special_tokens: Vec<String>,
    /// Put before every text; one of the special tokens.
    pub bos_token: Option<String>,
    /// Ends a text; one of the special tokens.
    pub eos_token: Option<String>,
    /// For padding; one of the special tokens.
    pub pad_token: Option<String>,
    /// Stored with the tokenizer.
    pub chat_template: Option<String>,
}

/// Trains on `texts`; `progress` is told the bytes of each text as it is read.
/// Errors: no room for bytes and special tokens; a role that is no special token; too little text for the size.
pub fn train_bpe<T: AsRef<str> + Send>(
    texts: impl Iterator<Item = T> + Send,
    training: &BpeTraining,
    mut progress: impl FnMut(usize) + Send,
) -> Result<Tokenizer> {
    let problem = |error: tokenizers::Error| Error::Train(error.to_string());
    let smallest = 256 + training.special_tokens.len();
    if training.vocab_size < smallest {
        return Err(Error::Train(format!(
            "the vocabulary needs at least {smallest} tokens: 256 bytes and {} special tokens",
            training.special_tokens.len()
        )));
    }
    for (role, token) in [
        ("begin", &training.bos_token),
        ("end", &training.eos_token),
        ("padding", &training.pad_token),
    ] {
        if let Some(token) = token.as_ref().filter(|token| !training.special_tokens.contains(token)) {
            return Err(Error::Train(format!("the {role} token {token:?} is not among the special tokens")));
        }
    }

    let pre = pre::for_training();
    let model = BPE::builder().ignore_merges(pre.ignore_merges).build().map_err(problem)?;
    let mut inner = tokenizers::Tokenizer::new(model);
    inner.with_pre_tokenizer(Some(pipeline::cuts(pre)?));
    inner.with_decoder(Some(ByteLevel::default()));
    let trainer = BpeTrainer::builder()
        .vocab_size(training.vocab_size)
        .initial_alphabet(tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet().into_iter().collect())
        .special_tokens(
            training
                .special_tokens
                .iter()
                .map(|token| AddedToken::from(token.as_str(), true))
                .collect(),
        )
        .show_progress(false)
        .progress_format(ProgressFormat::Silent)
        .build();
    let texts = texts.inspect(|text| progress(text.as_ref().len()));
    inner.train(&mut TrainerWrapper::from(trainer), texts).map_err(problem)?;
    let size = inner.get_vocab_size(true);
    if size < training.vocab_size {
        return Err(Error::Train(format!(
            "the text only gives {size} tokens of the {} asked for; give more text or ask for fewer",
            training.vocab_size
        )));
    }

    let json = inner.to_string(false).map_err(problem)?;
    let mut config = serde_json::Map::new();
    for (field, token) in [
        ("bos_token", &training.bos_token),
        ("eos_token", &training.eos_token),
        ("pad_token", &training.pad_token),
    ] {
        if let Some(token) = token {
            config.insert(field.to_owned(), token.as_str().into());
        }
    }
    config.insert("add_bos_token".to_owned(), training.bos_token.is_some().into());
    if let Some(template) = &training.chat_template {
        config.insert("chat_template".to_owned(), template.as_str().into());
    }
    let config = serde_json::to_vec(&config).map_err(|error| Error::Train(error.to_string()))?;
    Tokenizer::from_tokenizer_json(json.as_bytes(), Some(&config), None)
}

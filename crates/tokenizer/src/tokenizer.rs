//! Encoding and decoding, whatever the vocabulary's kind.

use crate::pipeline::Pipeline;
use crate::spm::Spm;
use crate::template::{ChatTemplate, Message, RenderOptions};
use crate::vocabulary::{Spelling, Vocabulary};
use crate::{Error, Result, SpecialTokens};

/// What does the work.
pub(crate) enum Model {
    /// The crate `tokenizers`.
    Pipeline(Box<Pipeline>),
    /// SentencePiece with scores.
    Spm(Box<Spm>),
}

/// Text ↔ token ids of one model, its special tokens and its chat template.
pub struct Tokenizer {
    pub(crate) model: Model,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) special: SpecialTokens,
    /// Put before a text by `add_special`.
    pub(crate) prefix: Vec<u32>,
    /// Put after it.
    pub(crate) suffix: Vec<u32>,
    /// The first space of a decoded text was added by encoding.
    pub(crate) strip_space: bool,
    pub(crate) chat_template: Option<String>,
}

impl Tokenizer {
    /// Ids of `text`.
    ///
    /// `add_special` puts before and after it what the model expects around a text (usually a begin token). With `parse_special`, the names
    /// of control tokens inside the text become those tokens; without, they are plain text, as text from users should be.
    /// Errors: a vocabulary that cannot spell the text.
    pub fn encode(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<u32>> {
        let ids = match &self.model {
            Model::Pipeline(pipeline) => pipeline.encode(text, parse_special)?,
            Model::Spm(spm) => spm.encode(text, parse_special),
        };
        if !add_special || (self.prefix.is_empty() && self.suffix.is_empty()) {
            return Ok(ids);
        }
        Ok([self.prefix.as_slice(), &ids, &self.suffix].concat())
    }

    /// Text of `ids`; bytes that are no UTF-8 become U+FFFD. `skip_special` leaves control tokens out.
    /// Errors: an id outside the vocabulary.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        let mut bytes = Vec::new();
        let mut at_start = self.strip_space;
        for id in ids {
            let special = self.is_special(*id)?;
            if special && skip_special {
                continue;
            }
            let piece = self.vocabulary.bytes(*id)?;
            let strip = at_start && !special && piece.first() == Some(&b' ');
            at_start &= special;
            bytes.extend_from_slice(if strip { &piece[1..] } else { &piece });
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Bytes of text that `id` stands for (a control token: its name). Errors: an id outside the vocabulary.
    pub fn token_bytes(&self, id: u32) -> Result<Vec<u8>> {
        self.vocabulary.bytes(id)
    }

    /// True for control tokens. Errors: an id outside the vocabulary.
    pub fn is_special(&self, id: u32) -> Result<bool> {
        Ok(self.vocabulary.kind(id)?.is_special())
    }

    /// Id of a token by its text as spelled in the file: `<|eot_id|>`, `Ġthe`, `▁the`.
    pub fn token_to_id(&self, text: &str) -> Option<u32> {
        match &self.model {
            Model::Pipeline(pipeline) => pipeline.token_to_id(text),
            Model::Spm(_) => self.vocabulary.texts().iter().rposition(|known| known == text).map(|id| id as u32),
        }
    }

    /// Number of tokens; a model's vocabulary may be larger (padding).
    pub fn vocab_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// All tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Ids with a role.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// End of sequence.
    pub fn eos(&self) -> Option<u32> {
        self.special.eos
    }

    /// End of turn.
    pub fn eot(&self) -> Option<u32> {
        self.special.eot
    }

    /// True where generation should stop: end of sequence or of turn.
    pub fn is_stop(&self, id: u32) -> bool {
        self.special.stop.contains(&id)
    }

    /// What `add_special` puts before a text.
    pub fn prefix(&self) -> &[u32] {
        &self.prefix
    }

    /// What `add_special` puts after a text.
    pub fn suffix(&self) -> &[u32] {
        &self.suffix
    }

    /// How tokens spell text.
    pub fn spelling(&self) -> Spelling {
        self.vocabulary.spelling()
    }

    /// Source of the chat template.
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    /// Sets or removes the chat template (a separate `chat_template.jinja`, a user's own).
    pub fn set_chat_template(&mut self, source: Option<String>) {
        self.chat_template = source;
    }

    /// `messages` as the model was trained to see them. The text holds its begin token: encode it with `add_special` off and `parse_special` on.
    /// Errors: no template, or one that refuses these messages.
    pub fn render_chat(&self, messages: &[Message], options: &RenderOptions) -> Result<String> {
        let source = self
            .chat_template
            .as_deref()
            .ok_or_else(|| Error::Template("the model has none; write the prompt as plain text".to_owned()))?;
        let text = |id: Option<u32>| id.and_then(|id| self.vocabulary.text(id).ok()).unwrap_or_default().to_owned();
        ChatTemplate::new(source)?.render(messages, &text(self.special.bos), &text(self.special.eos), options)
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("tokens", &self.vocabulary.len())
            .field("spelling", &self.spelling())
            .field("special", &self.special)
            .field("prefix", &self.prefix)
            .field("suffix", &self.suffix)
            .finish_non_exhaustive()
    }
}

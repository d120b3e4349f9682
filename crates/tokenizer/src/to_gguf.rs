//! A tokenizer as GGUF metadata, for export.
//!
//! What must hold: a reader of the metadata (ours, llama.cpp) gives the same ids as the tokenizer itself.

use std::collections::HashMap;

use serde_json::Value;

use crate::from_gguf::{
    ADD_BOS, ADD_EOS, ADD_SPACE, BOS, CHAT_TEMPLATE, EOS, EOT, MERGES, MODEL, PAD, PRE, SCORES, TOKEN_TYPE, TOKENS, UNKNOWN,
};
use crate::from_json::mentions;
use crate::tokenizer::Model;
use crate::vocabulary::{Spelling, TokenKind};
use crate::{Error, MetadataTable, MetadataValue, Result, Tokenizer, pre};

impl Tokenizer {
    /// Keys `tokenizer.*` of a GGUF file. `vocab_size` is the number of rows of the model's embedding: where it is larger than the vocabulary, unused
    /// tokens fill the gap, as readers expect one token a row.
    /// Errors: more tokens than rows; a pre-tokenizer that GGUF has no name for.
    pub fn to_gguf_metadata(&self, vocab_size: usize) -> Result<MetadataTable> {
        let refuse = |problem: String| Error::NoSuchForm { form: "GGUF", problem };
        let tokens = self.vocabulary.len();
        if tokens > vocab_size {
            return Err(refuse(format!(
                "it has {tokens} tokens, but the model's embedding has only {vocab_size} rows"
            )));
        }
        let unused = tokens..vocab_size;
        let texts: Vec<String> = self
            .vocabulary
            .texts()
            .iter()
            .cloned()
            .chain(unused.clone().map(|id| format!("[PAD{id}]")))
            .collect();
        let kinds: Vec<i32> = self
            .vocabulary
            .kinds()
            .iter()
            .map(|kind| *kind as i32)
            .chain(unused.map(|_| TokenKind::Unused as i32))
            .collect();

        let mut table = MetadataTable::default();
        match &self.model {
            Model::Spm(spm) => {
                let lowest = spm.scores().iter().copied().fold(0.0f32, f32::min);
                let scores = spm
                    .scores()
                    .iter()
                    .copied()
                    .chain(std::iter::repeat(lowest))
                    .take(vocab_size)
                    .collect();
                sentence_piece(&mut table, scores, spm.add_space_prefix());
            }
            Model::Pipeline(pipeline) => {
                let value = pipeline.to_value()?;
                let merges = merges(&value);
                match self.spelling() {
                    Spelling::ByteLevel => {
                        let ignore_merges = value["model"]["ignore_merges"] == true;
                        let pre = pre::by_json(&value["pre_tokenizer"], ignore_merges).map_err(refuse)?;
                        table.set(MODEL, MetadataValue::String("gpt2".to_owned()));
                        table.set(PRE, MetadataValue::String(pre.names[0].to_owned()));
                        table.set(
                            MERGES,
                            MetadataValue::Strings(merges.iter().map(|(left, right)| format!("{left} {right}")).collect()),
                        );
                    }
                    Spelling::SentencePiece => {
                        let add_space = mentions(&value["normalizer"], "Prepend")
                            || (mentions(&value["pre_tokenizer"], "Metaspace") && value["pre_tokenizer"]["prepend_scheme"] != "never");
                        sentence_piece(&mut table, scores_of_merges(&merges, &texts), add_space);
                    }
                }
            }
        }
        table.set(TOKENS, MetadataValue::Strings(texts));
        table.set(TOKEN_TYPE, MetadataValue::I32s(kinds));
        for (key, id) in [
            (BOS, self.special.bos),
            (EOS, self.special.eos),
            (EOT, self.special.eot),
            (PAD, self.special.pad),
            (UNKNOWN, self.special.unknown),
        ] {
            if let Some(id) = id {
                table.set(key, MetadataValue::U32(id));
            }
        }
        for (key, side, id) in [(ADD_BOS, &self.prefix, self.special.bos), (ADD_EOS, &self.suffix, self.special.eos)] {
            let add = match side.as_slice() {
                [] => false,
                [only] if Some(*only) == id => true,
                other => {
                    return Err(refuse(format!(
                        "it puts the tokens {other:?} around a text; GGUF knows one begin and one end token"
                    )));
                }
            };
            table.set(key, MetadataValue::Bool(add));
        }
        if let Some(template) = &self.chat_template {
            table.set(CHAT_TEMPLATE, MetadataValue::String(template.clone()));
        }
        Ok(table)
    }
}

fn sentence_piece(table: &mut MetadataTable, scores: Vec<f32>, add_space_prefix: bool) {
    table.set(MODEL, MetadataValue::String("llama".to_owned()));
    table.set(PRE, MetadataValue::String("default".to_owned()));
    table.set(SCORES, MetadataValue::F32s(scores));
    table.set(ADD_SPACE, MetadataValue::Bool(add_space_prefix));
}

/// `model.merges` of a serialised tokenizer, pairs or lines.
fn merges(value: &Value) -> Vec<(&str, &str)> {
    let list = value["model"]["merges"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|merge| match merge.as_array().map(Vec::as_slice) {
            Some([left, right]) => Some((left.as_str()?, right.as_str()?)),
            _ => merge.as_str()?.split_once(' '),
        })
        .collect()
}

/// Scores that order merges as their ranks do: the first merge into a token decides. Tokens that no merge makes are never compared.
fn scores_of_merges(merges: &[(&str, &str)], texts: &[String]) -> Vec<f32> {
    let mut ranks: HashMap<String, usize> = HashMap::new();
    for (rank, (left, right)) in merges.iter().enumerate() {
        ranks.entry(format!("{left}{right}")).or_insert(rank);
    }
    // Ranks of Gemma's merges stay below 2²⁴ and so exact in an F32.
    texts
        .iter()
        .map(|text| -(ranks.get(text).copied().unwrap_or(merges.len()) as f32))
        .collect()
}

//! A tokenizer as a Hugging Face folder's `tokenizer.json` and `tokenizer_config.json`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::spm::Spm;
use crate::tokenizer::Model;
use crate::vocabulary::TokenKind;
use crate::{Error, Result, Tokenizer};

impl Tokenizer {
    /// `tokenizer.json`. A SentencePiece vocabulary with scores becomes one with ranked merges; texts in which two merges of equal score compete
    /// may then be cut differently.
    pub fn to_tokenizer_json(&self) -> Result<String> {
        let problem = |error: serde_json::Error| Error::NoSuchForm {
            form: "tokenizer.json",
            problem: error.to_string(),
        };
        let mut value = match &self.model {
            Model::Pipeline(pipeline) => serde_json::from_str(&pipeline.to_json()?).map_err(problem)?,
            Model::Spm(spm) => self.sentence_piece_json(spm),
        };
        value["post_processor"] = self.post_processor();
        serde_json::to_string_pretty(&value).map_err(problem)
    }

    /// `tokenizer_config.json`: roles of tokens, chat template.
    pub fn to_tokenizer_config(&self) -> Result<String> {
        let mut config = Map::new();
        config.insert("tokenizer_class".to_owned(), "PreTrainedTokenizerFast".into());
        for (field, id) in [
            ("bos_token", self.special.bos),
            ("eos_token", self.special.eos),
            ("pad_token", self.special.pad),
            ("unk_token", self.special.unknown),
        ] {
            if let Some(id) = id {
                config.insert(field.to_owned(), self.vocabulary.text(id)?.into());
            }
        }
        config.insert("add_bos_token".to_owned(), (!self.prefix.is_empty()).into());
        config.insert("add_eos_token".to_owned(), (!self.suffix.is_empty()).into());
        config.insert("clean_up_tokenization_spaces".to_owned(), false.into());
        if let Some(template) = &self.chat_template {
            config.insert("chat_template".to_owned(), template.as_str().into());
        }
        serde_json::to_string_pretty(&config).map_err(|error| Error::NoSuchForm {
            form: "tokenizer_config.json",
            problem: error.to_string(),
        })
    }

    /// Puts the begin and end tokens around a text.
    fn post_processor(&self) -> Value {
        if self.prefix.is_empty() && self.suffix.is_empty() {
            return Value::Null;
        }
        let text = |id: &u32| self.vocabulary.text(*id).unwrap_or_default();
        let piece = |id: &u32, type_id: u32| json!({"SpecialToken": {"id": text(id), "type_id": type_id}});
        let framed = |name: &str, type_id: u32| -> Vec<Value> {
            let before = self.prefix.iter().map(|id| piece(id, type_id));
            let after = self.suffix.iter().map(|id| piece(id, type_id));
            before
                .chain([json!({"Sequence": {"id": name, "type_id": type_id}})])
                .chain(after)
                .collect()
        };
        let tokens: Map<String, Value> = self
            .prefix
            .iter()
            .chain(&self.suffix)
            .map(|id| (text(id).to_owned(), json!({"id": text(id), "ids": [id], "tokens": [text(id)]})))
            .collect();
        let pair: Vec<Value> = framed("A", 0).into_iter().chain(framed("B", 1)).collect();
        json!({"type": "TemplateProcessing", "single": framed("A", 0), "pair": pair, "special_tokens": tokens})
    }

    fn sentence_piece_json(&self, spm: &Spm) -> Value {
        let texts = self.vocabulary.texts();
        let added: Vec<Value> = self
            .vocabulary
            .of_kind(|kind| kind.is_special() || kind == TokenKind::UserDefined)
            .map(|(id, text)| {
                let special = self.vocabulary.kind(id).is_ok_and(TokenKind::is_special);
                json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": special})
            })
            .collect();
        let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let normalizer = match spm.add_space_prefix() {
            true => json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}),
            false => replace,
        };
        let mut decoders = vec![
            json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if spm.add_space_prefix() {
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        let vocab: Map<String, Value> = (0u32..).zip(texts).map(|(id, text)| (text.clone(), id.into())).collect();
        let unknown = self.special.unknown.and_then(|id| self.vocabulary.text(id).ok());
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": normalizer,
            "pre_tokenizer": null,
            "post_processor": null,
            "decoder": {"type": "Sequence", "decoders": decoders},
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": unknown,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": true,
                "byte_fallback": true,
                "ignore_merges": false,
                "vocab": vocab,
                "merges": merges_of_scores(texts, spm.scores()),
            },
        })
    }
}

/// Every way to make a token of two others, best score first; among equals the order of ids.
fn merges_of_scores(texts: &[String], scores: &[f32]) -> Vec<Value> {
    let ids: HashMap<&str, usize> = texts.iter().enumerate().map(|(id, text)| (text.as_str(), id)).collect();
    let mut merges: Vec<(usize, usize, usize)> = Vec::new();
    for (id, text) in texts.iter().enumerate() {
        let cuts = text.char_indices().skip(1).map(|(cut, _)| text.split_at(cut));
        let mut found: Vec<(usize, usize, usize)> = cuts
            .filter_map(|(left, right)| Some((id, *ids.get(left)?, *ids.get(right)?)))
            .collect();
        found.sort_unstable();
        merges.extend(found);
    }
    merges.sort_by(|a, b| scores[b.0].total_cmp(&scores[a.0]));
    merges
        .into_iter()
        .map(|(_, left, right)| json!([texts[left], texts[right]]))
        .collect()
}

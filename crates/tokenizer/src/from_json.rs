//! A tokenizer from a Hugging Face folder: `tokenizer.json`, with `tokenizer_config.json` and `generation_config.json` where they exist.
//!
//! The crate `tokenizers` reads the file, but it takes for granted that merges are made of tokens and that a table of normalisation is one; files
//! come from anywhere, so that is checked first.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::from_gguf::{check_alphabet, check_merges};
use crate::pipeline::Pipeline;
use crate::tokenizer::Model;
use crate::vocabulary::{Spelling, TokenKind, Vocabulary};
use crate::{Error, Result, SpecialTokens, Tokenizer, bytes};

const FILE: &str = "tokenizer.json";

#[derive(Deserialize)]
struct File {
    model: ModelPart,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
}

#[derive(Deserialize)]
struct ModelPart {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    vocab: Value,
    #[serde(default)]
    merges: Vec<Merge>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    bos_token: Option<Named>,
    #[serde(default)]
    eos_token: Option<Named>,
    #[serde(default)]
    pad_token: Option<Named>,
    #[serde(default)]
    add_bos_token: Option<bool>,
    #[serde(default)]
    add_eos_token: Option<bool>,
    #[serde(default)]
    chat_template: Option<Templates>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Token { content: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Several(Vec<NamedTemplate>),
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    template: String,
}

#[derive(Deserialize, Default)]
struct Generation {
    #[serde(default)]
    bos_token_id: Option<u32>,
    #[serde(default)]
    eos_token_id: Option<Ids>,
    #[serde(default)]
    pad_token_id: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    Several(Vec<u32>),
}

impl Tokenizer {
    /// From `tokenizer.json` and, where they exist, `tokenizer_config.json` (roles of tokens, chat template) and `generation_config.json` (where to
    /// stop). Errors name the file and what is wrong in it.
    pub fn from_tokenizer_json(tokenizer: &[u8], tokenizer_config: Option<&[u8]>, generation_config: Option<&[u8]>) -> Result<Tokenizer> {
        let file: File = serde_json::from_slice(tokenizer).map_err(|error| Error::file(FILE, error))?;
        let spelling = check(&file)?;
        let mut inner = tokenizers::Tokenizer::from_bytes(tokenizer).map_err(|error| Error::file(FILE, error))?;
        inner.with_truncation(None).map_err(|error| Error::file(FILE, error))?;
        inner.with_padding(None);
        let vocabulary = vocabulary(&inner, spelling, file.model.unk_token.as_deref())?;

        let config: Config = parse("tokenizer_config.json", tokenizer_config)?;
        let generation: Generation = parse("generation_config.json", generation_config)?;
        let pipeline = Pipeline::new(inner);
        let (mut prefix, mut suffix) = pipeline.frame()?;
        if let Some(id) = prefix.iter().chain(&suffix).find(|id| **id as usize >= vocabulary.len()) {
            return Err(Error::file(
                FILE,
                format!(
                    "post_processor adds the token {id}, outside the vocabulary of {} tokens",
                    vocabulary.len()
                ),
            ));
        }

        let named = |field: &str, token: &Option<Named>| -> Result<Option<u32>> {
            let text = match token {
                None => return Ok(None),
                Some(Named::Text(text) | Named::Token { content: text }) => text,
            };
            match pipeline.token_to_id(text) {
                Some(id) => Ok(Some(id)),
                None => Err(Error::file(
                    "tokenizer_config.json",
                    format!("{field} is {text:?}, which {FILE} does not have"),
                )),
            }
        };
        let inside = |field: &str, id: Option<u32>| match id {
            Some(id) if id as usize >= vocabulary.len() => Err(Error::file(
                "generation_config.json",
                format!("{field} is {id}, outside the vocabulary of {} tokens", vocabulary.len()),
            )),
            id => Ok(id),
        };
        let ends = match generation.eos_token_id {
            None => Vec::new(),
            Some(Ids::One(id)) => vec![id],
            Some(Ids::Several(ids)) => ids,
        };
        for id in &ends {
            inside("eos_token_id", Some(*id))?;
        }
        let only = |side: &[u32]| match side {
            [id] => Some(*id),
            _ => None,
        };
        let mut special = SpecialTokens {
            bos: named("bos_token", &config.bos_token)?
                .or(inside("bos_token_id", generation.bos_token_id)?)
                .or(only(&prefix)),
            eos: named("eos_token", &config.eos_token)?.or(ends.first().copied()).or(only(&suffix)),
            eot: None,
            pad: named("pad_token", &config.pad_token)?.or(inside("pad_token_id", generation.pad_token_id)?),
            unknown: file.model.unk_token.as_deref().and_then(|text| pipeline.token_to_id(text)),
            stop: ends.into_iter().collect(),
        };
        special.complete(&vocabulary);

        // Some families (DeepSeek) say it here and leave the post-processor empty.
        set_side(&mut prefix, config.add_bos_token, special.bos);
        set_side(&mut suffix, config.add_eos_token, special.eos);
        let strip_space = strips_space(&file.decoder);
        let chat_template = match config.chat_template {
            None => None,
            Some(Templates::One(template)) => Some(template),
            Some(Templates::Several(mut templates)) => {
                let chosen = templates.iter().position(|template| template.name == "default").unwrap_or(0);
                (!templates.is_empty()).then(|| templates.swap_remove(chosen).template)
            }
        };
        Ok(Tokenizer {
            model: Model::Pipeline(Box::new(pipeline)),
            vocabulary,
            special,
            prefix,
            suffix,
            strip_space,
            chat_template,
        })
    }
}

fn parse<T: for<'a> Deserialize<'a> + Default>(name: &'static str, bytes: Option<&[u8]>) -> Result<T> {
    bytes.map_or_else(
        || Ok(T::default()),
        |bytes| serde_json::from_slice(bytes).map_err(|error| Error::file(name, error)),
    )
}

fn set_side(side: &mut Vec<u32>, wanted: Option<bool>, id: Option<u32>) {
    match (wanted, id) {
        (Some(true), Some(id)) if side.is_empty() => side.push(id),
        (Some(false), Some(id)) if *side == [id] => side.clear(),
        _ => {}
    }
}

/// What the crate `tokenizers` does not check; and how the tokens spell.
fn check(file: &File) -> Result<Spelling> {
    let kind = file.model.kind.as_deref().unwrap_or("BPE");
    let Value::Object(vocab) = &file.model.vocab else {
        return Err(Error::Unsupported {
            what: "model of tokenizer.json",
            value: kind.to_owned(),
            supported: "BPE".to_owned(),
        });
    };
    if kind != "BPE" {
        return Err(Error::Unsupported {
            what: "model of tokenizer.json",
            value: kind.to_owned(),
            supported: "BPE".to_owned(),
        });
    }
    for (name, affix) in [
        ("continuing_subword_prefix", &file.model.continuing_subword_prefix),
        ("end_of_word_suffix", &file.model.end_of_word_suffix),
    ] {
        if affix.as_deref().is_some_and(|affix| !affix.is_empty()) {
            return Err(Error::file(
                FILE,
                format!("model.{name} is not supported; decoder-only models do not use it"),
            ));
        }
    }
    if mentions(&file.normalizer, "Precompiled") {
        return Err(Error::file(
            FILE,
            "normalizer.precompiled_charsmap is not supported; decoder-only models do not use it",
        ));
    }
    if let Some(name) = unknown_in_template(&file.post_processor) {
        return Err(Error::file(
            FILE,
            format!("post_processor puts in {name:?}, which is not among its special_tokens"),
        ));
    }
    let merges = file
        .model
        .merges
        .iter()
        .enumerate()
        .map(|(rank, merge)| match merge {
            Merge::Pair(left, right) => Ok((left.clone(), right.clone())),
            Merge::Line(line) => line
                .split_once(' ')
                .map(|(left, right)| (left.to_owned(), right.to_owned()))
                .ok_or_else(|| {
                    Error::file(
                        FILE,
                        format!("model.merges: merge {rank} is {line:?}, not two tokens and a space between"),
                    )
                }),
        })
        .collect::<Result<Vec<_>>>()?;
    let texts: Vec<String> = vocab.keys().cloned().collect();
    let kinds = vec![TokenKind::Normal; texts.len()];
    let known = Vocabulary::new(texts, kinds, Spelling::ByteLevel);
    check_merges(&known, &merges).map_err(|error| Error::file(FILE, format!("model.{error}")))?;

    if mentions(&file.pre_tokenizer, "ByteLevel") || mentions(&file.decoder, "ByteLevel") {
        check_alphabet(vocab.keys().map(String::as_str)).map_err(|problem| Error::file(FILE, format!("model.vocab: {problem}")))?;
        Ok(Spelling::ByteLevel)
    } else if file.model.byte_fallback {
        Ok(Spelling::SentencePiece)
    } else {
        Err(Error::file(
            FILE,
            "is neither byte-level (a ByteLevel pre-tokenizer) nor SentencePiece with byte fallback; other kinds are not supported",
        ))
    }
}

/// True if a component or a member of its sequence has this type.
pub(crate) fn mentions(component: &Value, kind: &str) -> bool {
    component["type"] == kind
        || ["pretokenizers", "decoders", "normalizers"].iter().any(|list| {
            component[list]
                .as_array()
                .is_some_and(|members| members.iter().any(|member| mentions(member, kind)))
        })
}

/// A token that a template, or one in a sequence of processors, names and does not have.
fn unknown_in_template(processor: &Value) -> Option<&str> {
    let pieces = ["single", "pair"].iter().filter_map(|side| processor[side].as_array()).flatten();
    let mut names = pieces.filter_map(|piece| piece["SpecialToken"]["id"].as_str());
    let unknown = names.find(|name| processor["special_tokens"].get(name).is_none());
    let members = processor["processors"].as_array().into_iter().flatten();
    unknown.or_else(|| members.filter_map(unknown_in_template).next())
}

/// Whether decoding takes off the first space.
fn strips_space(decoder: &Value) -> bool {
    let strips = |step: &Value| match step["type"].as_str() {
        Some("Strip") => step["content"] == " " && step["start"].as_u64().unwrap_or(0) > 0,
        Some("Metaspace") => step["prepend_scheme"] != "never" && step["add_prefix_space"] != false,
        _ => false,
    };
    strips(decoder) || decoder["decoders"].as_array().is_some_and(|steps| steps.iter().any(strips))
}

fn vocabulary(inner: &tokenizers::Tokenizer, spelling: Spelling, unknown: Option<&str>) -> Result<Vocabulary> {
    let by_text: HashMap<String, u32> = inner.get_vocab(true);
    let largest = by_text
        .values()
        .copied()
        .max()
        .ok_or_else(|| Error::file(FILE, "model.vocab is empty"))?;
    // Holes exist (reserved ids), but a single id must not make a table of four billion.
    if largest as usize > 4 * by_text.len() + 4096 {
        return Err(Error::file(
            FILE,
            format!("the largest id is {largest}, but there are only {} tokens", by_text.len()),
        ));
    }
    let mut texts: Vec<Option<String>> = vec![None; largest as usize + 1];
    for (text, id) in inner.get_vocab(false) {
        if let Some(other) = texts[id as usize].replace(text) {
            let problem = format!("model.vocab gives id {id} to two tokens, one of them {other:?}");
            return Err(Error::file(FILE, problem));
        }
    }
    // An added token may take the place of a reserved one (InternLM 2's `<|im_start|>`).
    let added = inner.get_added_tokens_decoder();
    for (&id, token) in &added {
        texts[id as usize] = Some(token.content.clone());
    }
    let (texts, kinds) = (0u32..)
        .zip(texts)
        .map(|(id, text)| match text {
            None => (format!("[PAD{id}]"), TokenKind::Unused),
            Some(text) => {
                let kind = match added.get(&id) {
                    _ if Some(text.as_str()) == unknown => TokenKind::Unknown,
                    Some(token) if token.special => TokenKind::Control,
                    Some(_) => TokenKind::UserDefined,
                    None if spelling == Spelling::SentencePiece && bytes::from_byte_token(&text).is_some() => TokenKind::Byte,
                    None => TokenKind::Normal,
                };
                (text, kind)
            }
        })
        .unzip();
    let vocabulary = Vocabulary::new(texts, kinds, spelling);
    if spelling == Spelling::SentencePiece && vocabulary.of_kind(|kind| kind == TokenKind::Unknown).next().is_none() {
        let bytes_of = vocabulary.of_kind(|kind| kind == TokenKind::Byte);
        let spelt: HashSet<u8> = bytes_of.filter_map(|(_, text)| bytes::from_byte_token(text)).collect();
        if !bytes::utf8_bytes().all(|byte| spelt.contains(&byte)) {
            return Err(Error::file(
                FILE,
                "model.vocab has neither a token for every byte nor model.unk_token, so that some text has no tokens",
            ));
        }
    }
    Ok(vocabulary)
}

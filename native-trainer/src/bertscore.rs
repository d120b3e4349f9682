//! BERTScore (Zhang et al. 2020): how like a reference a text is, by the cosines between a BERT's vectors of their word pieces.
//!
//! The model is a local Hugging Face folder of a BERT, run by candle-transformers on the processor. As in the Python package `bert_score`
//! 0.3.13 with its defaults: vectors of one layer (for bert-base-multilingual-cased the ninth), every word piece counts the same (no idf),
//! no rescaling by a baseline. What must hold: `[CLS]` and `[SEP]` weigh nothing, yet a word piece may be likest to one of them; an empty
//! text scores 0; a text longer than the model reads is cut at its end.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use indicatif::{ProgressBar, ProgressStyle};
use mmedbench::report::rationales::Pair;
use serde_json::Value;
use tokenizers::{Tokenizer, TruncationParams};

/// The layers that `bert_score` takes of BERTs, by the model's name: those whose scores agreed best with people on WMT16.
const LAYERS: [(&str, usize); 6] = [
    ("bert-base-uncased", 9),
    ("bert-large-uncased", 18),
    ("bert-base-cased-finetuned-mrpc", 9),
    ("bert-base-multilingual-cased", 9),
    ("bert-base-chinese", 8),
    ("scibert-scivocab-uncased", 8),
];

/// A BERT that scores.
pub struct BertScore {
    model: BertModel,
    tokenizer: Tokenizer,
    /// `[CLS]` and `[SEP]`.
    special: [u32; 2],
    name: String,
    layer: usize,
}

impl BertScore {
    /// Reads `config.json`, `model.safetensors` and `tokenizer.json` of a folder. `layer` counts from 1 (0 is the embeddings); without it
    /// the folder's name must be one whose layer `bert_score` knows.
    pub fn open(folder: &Path, layer: Option<usize>) -> Result<BertScore> {
        let file = |name: &str| -> Result<(PathBuf, Vec<u8>)> {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).with_context(|| format!("{}: a BERT's folder needs {name}", folder.display()))?;
            Ok((path, bytes))
        };
        let (path, bytes) = file("config.json")?;
        let mut config: Config =
            serde_json::from_slice(&bytes).with_context(|| format!("{}: not the configuration of a BERT", path.display()))?;
        // Other encoders have the same keys and compute something else.
        if config.model_type.as_deref().is_some_and(|kind| kind != "bert") {
            bail!(
                "{}: `model_type` is {:?}, not a BERT",
                path.display(),
                config.model_type.unwrap_or_default()
            );
        }
        let layer = match layer.or_else(|| default_layer(folder)) {
            Some(layer) if layer <= config.num_hidden_layers => layer,
            Some(layer) => bail!(
                "{}: the model has {} layers, not {layer}",
                folder.display(),
                config.num_hidden_layers
            ),
            None => bail!(
                "{}: no layer is known for this name; name one with --bertscore-layer (bert_score's are: {})",
                folder.display(),
                LAYERS.map(|(name, layer)| format!("{name} {layer}")).join(", ")
            ),
        };
        // Layers above the one that is read change nothing.
        config.num_hidden_layers = layer;
        let (path, bytes) = file("model.safetensors")?;
        let model = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)
            .and_then(|weights| BertModel::load(weights, &config))
            .with_context(|| path.display().to_string())?;
        let (path, bytes) = file("tokenizer.json")?;
        let tokenizer = tokenizer(&bytes, longest(folder, &config)).with_context(|| path.display().to_string())?;
        let special = |token: &str| {
            let id = tokenizer.token_to_id(token);
            id.with_context(|| format!("{}: the vocabulary has no {token}", path.display()))
        };
        Ok(BertScore {
            special: [special("[CLS]")?, special("[SEP]")?],
            model,
            tokenizer,
            name: named(folder).map_or_else(
                || {
                    folder
                        .file_name()
                        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
                },
                |(name, _)| name.to_string(),
            ),
            layer,
        })
    }

    /// What stands beside the scores: model, layer, and what was not done.
    pub fn how(&self) -> String {
        format!("{}, layer {}, no idf, not rescaled", self.name, self.layer)
    }

    /// F1 in [−1, 1] of each pair, with a bar on standard error while it takes.
    pub fn of_pairs(&self, pairs: &[Pair]) -> Result<Vec<f64>> {
        let bar = ProgressBar::new(pairs.len() as u64);
        bar.set_style(ProgressStyle::with_template("BERTScore {pos}/{len} {wide_bar} {eta}")?);
        let scores = pairs.iter().map(|pair| {
            bar.inc(1);
            self.f1(pair.text, pair.reference)
        });
        let scores = scores.collect();
        bar.finish_and_clear();
        scores
    }

    /// F1 of one text: the harmonic mean of precision (each of its word pieces with the likest of the reference, on average) and recall (the
    /// other way round). 0 where either is empty.
    pub fn f1(&self, text: &str, reference: &str) -> Result<f64> {
        let (Some(mine), Some(theirs)) = (self.vectors(text)?, self.vectors(reference)?) else {
            return Ok(0.0);
        };
        let cosines = mine.unit.matmul(&theirs.unit.t()?)?;
        let precision = mean(&cosines.max(D::Minus1)?.to_vec1()?, &mine.counts);
        let recall = mean(&cosines.max(0)?.to_vec1()?, &theirs.counts);
        let f1 = 2.0 * precision * recall / (precision + recall);
        Ok(if f1.is_nan() { 0.0 } else { f1 })
    }

    /// `None` for a text without a word piece.
    fn vectors(&self, text: &str) -> Result<Option<Vectors>> {
        let ids = self.tokenizer.encode(text.trim(), true).map_err(|error| anyhow!("{error}"))?;
        let ids = ids.get_ids();
        if ids.len() <= self.special.len() {
            return Ok(None);
        }
        let input = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
        let hidden = self.model.forward(&input, &input.zeros_like()?, None)?.squeeze(0)?;
        let length = hidden.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
        Ok(Some(Vectors {
            unit: hidden.broadcast_div(&length)?,
            counts: ids.iter().map(|id| !self.special.contains(id)).collect(),
        }))
    }
}

/// A text's word pieces.
struct Vectors {
    /// `[pieces, hidden]`, each of length 1.
    unit: Tensor,
    /// Which ones weigh: all but `[CLS]` and `[SEP]`.
    counts: Vec<bool>,
}

/// NaN where nothing counts.
fn mean(values: &[f32], counts: &[bool]) -> f64 {
    let of: Vec<f64> = values
        .iter()
        .zip(counts)
        .filter(|(_, counts)| **counts)
        .map(|(value, _)| f64::from(*value))
        .collect();
    of.iter().sum::<f64>() / of.len() as f64
}

fn default_layer(folder: &Path) -> Option<usize> {
    named(folder).map(|(_, layer)| layer)
}

/// The known model that a part of the path is named after, also as a download cache writes it: `models--google-bert--bert-base-uncased`.
fn named(folder: &Path) -> Option<(&'static str, usize)> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    folder.components().rev().find_map(|part| {
        let part = part.as_os_str().to_string_lossy();
        let name = part.rsplit("--").next().unwrap_or_default();
        LAYERS.into_iter().find(|(known, _)| *known == name)
    })
}

/// Most tokens of a text: what the tokenizer's own settings say, and never more than the model has positions.
fn longest(folder: &Path, config: &Config) -> usize {
    let settings = std::fs::read(folder.join("tokenizer_config.json")).ok();
    let settings: Option<Value> = settings.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let said = settings.and_then(|settings| settings["model_max_length"].as_f64());
    said.map_or(usize::MAX, |said| said as usize).min(config.max_position_embeddings)
}

fn tokenizer(bytes: &[u8], longest: usize) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| anyhow!("{error}"))?;
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(Some(TruncationParams {
            max_length: longest,
            ..TruncationParams::default()
        }))
        .map_err(|error| anyhow!("{error}"))?;
    Ok(tokenizer)
}

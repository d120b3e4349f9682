//! A Hugging Face folder as one GGUF file, with tokenizer and chat template.
//!
//! GGUF leaves parts of an architecture to the reader's code (which layers slide, which factor scores get). So before anything is written, the
//! configuration is read back from the metadata as any reader would, and must be the one that was meant.

use std::path::Path;

use anyhow::{Context, Result, bail};
use checkpoint::{GgufWriter, Recipe, TensorSpec, Value};
use decoder::config::RopeScaling;
use decoder::names::Param;
use decoder::{Config, DType, rope};
use tokenizer::Tokenizer;

use super::convert::{self, Conventions};
use crate::model::ModelFiles;

/// Tensor of the factors by which RoPE's frequencies are divided.
const ROPE_FACTORS: &str = "rope_freqs.weight";

/// Writes `output`, whole or not at all.
pub async fn write(mut files: ModelFiles, tokenizer: Option<&Tokenizer>, output: &Path, recipe: Recipe, name: &str) -> Result<()> {
    let config = files.config.clone();
    let architecture = architecture(&config.family)?;
    let factors = rope_factors(&config)?;

    let mut metadata = metadata(&config, architecture, name, recipe)?;
    match tokenizer {
        Some(tokenizer) => metadata.extend(checkpoint::vocabulary_entries(tokenizer.to_gguf_metadata(config.vocab_size)?)),
        // llama.cpp's word for it.
        None => metadata.push(("tokenizer.ggml.model".to_owned(), Value::String("no_vocab".to_owned()))),
    }
    let params = Param::all(&config);
    let mut specs: Vec<TensorSpec> = params
        .iter()
        .map(|param| {
            let (rows, cols) = param.shape(&config);
            let shape = if param.is_vector(&config) { vec![cols] } else { vec![rows, cols] };
            let dtype = recipe.dtype(&param.gguf(), &shape, config.layers.len(), config.tied);
            TensorSpec::new(param.gguf(), dtype, shape)
        })
        .collect();
    if let Some(factors) = &factors {
        specs.push(TensorSpec::new(ROPE_FACTORS, DType::F32, [factors.len()]));
    }
    let read = read_back(&config, &metadata, &specs, factors.as_deref())?;
    let conventions = Conventions {
        rope_layout: read.rope_layout,
        norm_offset: read.norm_offset,
        attention_scale: read.attention_scale,
    };

    let mut writer = GgufWriter::create(output, metadata, specs)?;
    if let Some(factors) = &factors {
        writer.write_tensor(ROPE_FACTORS, factors)?;
    }
    for param in params {
        let values = convert::read(&mut files.source, &config, param)
            .await
            .with_context(|| files.path.display().to_string())?;
        writer.write_tensor(&param.gguf(), &convert::convert(values, &config, param, &conventions))?;
    }
    Ok(writer.commit()?)
}

fn architecture(family: &str) -> Result<&'static str> {
    Ok(match family {
        "llama" | "mistral" | "internlm" => "llama",
        "internlm2" => "internlm2",
        "qwen2" => "qwen2",
        "qwen3" => "qwen3",
        "gemma2" => "gemma2",
        "gemma3" => "gemma3",
        other => bail!("GGUF export knows no architecture {other}"),
    })
}

fn metadata(config: &Config, architecture: &str, name: &str, recipe: Recipe) -> Result<Vec<(String, Value)>> {
    let mut entries = vec![
        ("general.architecture".to_owned(), Value::String(architecture.to_owned())),
        ("general.name".to_owned(), Value::String(name.to_owned())),
        ("general.file_type".to_owned(), Value::U32(recipe.file_type())),
        ("general.quantization_version".to_owned(), Value::U32(2)),
    ];
    let window = config.layers.iter().filter_map(|layer| layer.window).min();
    if let Some(window) = window.filter(|window| architecture == "llama" && *window < config.context_length) {
        eprintln!(
            "this {} looks back {window} tokens: mmedkit reads that from the file; llama.cpp does not, and is right only for texts of up to {window} tokens",
            config.family
        );
    }
    let rope = &config.ropes[0];
    let mut put = |key: &str, value: Value| entries.push((format!("{architecture}.{key}"), value));
    for (key, value) in [
        ("context_length", config.context_length),
        ("embedding_length", config.hidden_size),
        ("block_count", config.layers.len()),
        ("feed_forward_length", config.intermediate_size),
        ("attention.head_count", config.heads),
        ("attention.head_count_kv", config.kv_heads),
        ("attention.key_length", config.head_dim),
        ("attention.value_length", config.head_dim),
        ("rope.dimension_count", config.head_dim),
        ("vocab_size", config.vocab_size),
    ] {
        put(key, Value::U32(u32::try_from(value).with_context(|| key.to_owned())?));
    }
    put("attention.layer_norm_rms_epsilon", Value::F32(config.norm_eps));
    put("rope.freq_base", Value::F32(rope.theta as f32));
    if let RopeScaling::Linear { factor } = rope.scaling {
        put("rope.scaling.type", Value::String("linear".to_owned()));
        put("rope.scaling.factor", Value::F32(factor as f32));
    }
    // What a reader makes of it is compared below: an architecture whose readers do not slide cannot be exported.
    if let Some(window) = window {
        put("attention.sliding_window", Value::U32(u32::try_from(window)?));
    }
    if architecture.starts_with("gemma") {
        if let Some(cap) = config.attention_softcap {
            put("attn_logit_softcapping", Value::F32(cap));
        }
        if let Some(cap) = config.final_softcap {
            put("final_logit_softcapping", Value::F32(cap));
        }
        if let Some(sliding) = config.ropes.get(1) {
            put("rope.freq_base_swa", Value::F32(sliding.theta as f32));
        }
    }
    Ok(entries)
}

/// Llama 3.1's stretching as factors: plain frequency over stretched frequency.
fn rope_factors(config: &Config) -> Result<Option<Vec<f32>>> {
    let stretched = &config.ropes[0];
    if !matches!(stretched.scaling, RopeScaling::Llama3 { .. }) {
        return Ok(None);
    }
    let mut plain = stretched.clone();
    plain.scaling = RopeScaling::None;
    let plain = rope::frequencies(&plain, config.head_dim, None)?;
    let stretched = rope::frequencies(stretched, config.head_dim, None)?;
    Ok(Some(
        plain
            .iter()
            .zip(stretched)
            .map(|(plain, stretched)| (plain / stretched) as f32)
            .collect(),
    ))
}

/// Metadata before they are in a file.
struct Entries<'a>(&'a [(String, Value)]);

impl Entries<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }
}

impl decoder::config::Metadata for Entries<'_> {
    fn integer(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }
    fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }
    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

/// The configuration that readers see, compared with the one that is meant. What may differ are the conventions that weights are rearranged for.
fn read_back(meant: &Config, metadata: &[(String, Value)], specs: &[TensorSpec], factors: Option<&[f32]>) -> Result<Config> {
    let shape = |name: &str| specs.iter().find(|spec| spec.name == name).map(|spec| spec.shape.clone());
    let read = Config::from_gguf(&Entries(metadata), &shape).context("the metadata that would be written")?;
    let context = read.context_length;
    let windows = |config: &Config| -> Vec<Option<usize>> {
        config
            .layers
            .iter()
            .map(|layer| layer.window.filter(|window| *window < context))
            .collect()
    };
    let close = |a: f32, b: f32| (a - b).abs() <= 1e-6 * a.abs().max(b.abs());
    for (what, same) in [
        ("layers that slide", windows(meant) == windows(&read)),
        ("factor on embeddings", close(meant.embedding_scale, read.embedding_scale)),
        (
            "caps of attention scores or logits",
            (meant.attention_softcap, meant.final_softcap) == (read.attention_softcap, read.final_softcap),
        ),
        ("activation", meant.activation == read.activation),
        ("biases", (meant.qkv_bias, meant.output_bias) == (read.qkv_bias, read.output_bias)),
        ("norms", (meant.head_norms, meant.post_norms) == (read.head_norms, read.post_norms)),
        ("head", meant.tied == read.tied && meant.vocab_size == read.vocab_size),
    ] {
        if !same {
            bail!(
                "GGUF readers would take this {} model for one with other {what}; it cannot be exported",
                meant.family
            );
        }
    }
    for (layer, (a, b)) in meant.layers.iter().zip(&read.layers).enumerate() {
        let a = rope::frequencies(&meant.ropes[a.rope], meant.head_dim, None)?;
        let b = rope::frequencies(&read.ropes[b.rope], read.head_dim, factors)?;
        // Bases and factors are stored in F32.
        if a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 1e-6 * a.abs()) {
            bail!(
                "GGUF readers would rotate layer {layer} of this {} model otherwise; it cannot be exported",
                meant.family
            );
        }
    }
    Ok(read)
}

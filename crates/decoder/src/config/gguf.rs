//! [`Config`] from GGUF metadata, with the keys that llama.cpp writes and the constants that it keeps in code.

use super::{Config, LayerConfig, RopeConfig, RopeScaling};
use crate::names::Naming;
use crate::step::{Activation, RopeLayout};
use crate::{Error, Result};

const FAMILIES: &str = "llama, internlm2, qwen2, qwen3, gemma2, gemma3";

/// Look-up of scalar GGUF metadata. Implemented by whoever parses the file.
pub trait Metadata {
    /// A whole number of any width.
    fn integer(&self, key: &str) -> Option<u64>;
    /// A floating-point number (or a whole one).
    fn number(&self, key: &str) -> Option<f64>;
    /// A text.
    fn text(&self, key: &str) -> Option<&str>;
}

impl Config {
    /// Reads metadata; `shape` tells the shape (outermost first) of a tensor of the file, or `None` where it has none.
    pub fn from_gguf(meta: &dyn Metadata, shape: &dyn Fn(&str) -> Option<Vec<usize>>) -> Result<Config> {
        let wrong = |field: &str, problem: &str| Error::Config {
            field: field.to_owned(),
            problem: problem.to_owned(),
        };
        let family = meta
            .text("general.architecture")
            .ok_or_else(|| wrong("general.architecture", "missing"))?;
        if !FAMILIES.split(", ").any(|known| known == family) {
            return Err(Error::Unsupported {
                what: "architecture",
                value: family.to_owned(),
                supported: FAMILIES.to_owned(),
            });
        }
        let key = |name: &str| format!("{family}.{name}");
        let size = |name: &str| meta.integer(&key(name)).and_then(|n| usize::try_from(n).ok());
        let required = |name: &str| size(name).ok_or_else(|| wrong(&key(name), "missing, or one number a layer (not supported)"));
        let number = |name: &str| meta.number(&key(name));
        let token = |name: &str| {
            meta.integer(&format!("tokenizer.ggml.{name}"))
                .and_then(|id| u32::try_from(id).ok())
        };
        let has = |name: &str| shape(name).is_some();
        let gemma = family.starts_with("gemma");

        let hidden_size = required("embedding_length")?;
        let heads = required("attention.head_count")?;
        if heads == 0 {
            return Err(wrong(&key("attention.head_count"), "0"));
        }
        let head_dim = size("attention.key_length").unwrap_or(hidden_size / heads);
        if size("attention.value_length").is_some_and(|value| value != head_dim) {
            return Err(wrong(&key("attention.value_length"), "differs from key_length; not supported"));
        }
        if size("rope.dimension_count").is_some_and(|rotated| rotated != head_dim) {
            return Err(wrong(&key("rope.dimension_count"), "RoPE on a part of the head is not supported"));
        }
        if size("expert_count").is_some_and(|experts| experts > 0) {
            return Err(wrong(&key("expert_count"), "mixtures of experts are not supported"));
        }
        let layer_count = required("block_count")?;
        if layer_count > 1 << 12 {
            return Err(wrong(&key("block_count"), "more layers than any model has"));
        }
        let embedding = shape("token_embd.weight").ok_or_else(|| Error::Tensor {
            name: "token_embd.weight".into(),
            problem: "missing; the file holds no model".into(),
        })?;
        let vocab_size = embedding[0];

        let theta = number("rope.freq_base").unwrap_or(if family == "gemma3" { 1e6 } else { 1e4 });
        let factor = number("rope.scaling.factor");
        let scaling = match meta.text(&key("rope.scaling.type")) {
            _ if has("rope_freqs.weight") => RopeScaling::Tensor {
                name: "rope_freqs.weight".into(),
            },
            Some("linear") => RopeScaling::Linear {
                factor: factor.unwrap_or(1.0),
            },
            None if factor.is_some_and(|factor| factor > 0.0 && factor != 1.0) => RopeScaling::Linear {
                factor: factor.unwrap_or(1.0),
            },
            None | Some("none") => RopeScaling::None,
            Some(other) => {
                return Err(Error::Unsupported {
                    what: "RoPE scaling",
                    value: other.to_owned(),
                    supported: "none, linear, rope_freqs.weight".into(),
                });
            }
        };
        let mut ropes = vec![RopeConfig { theta, scaling }];
        if family == "gemma3" {
            // Sliding layers of Gemma 3 keep the old base and are never stretched.
            ropes.push(RopeConfig {
                theta: number("rope.freq_base_swa").unwrap_or(1e4),
                scaling: RopeScaling::None,
            });
        }
        let window = size("attention.sliding_window").filter(|&window| window > 0);
        let slides = |layer: usize| match family {
            "gemma2" => layer.is_multiple_of(2),
            "gemma3" => !(layer + 1).is_multiple_of(6),
            // Mistral 7B v0.1, which slides on every layer. llama.cpp's own converter leaves the key out and its `llama` graph does not slide, so a file
            // that has the key means it.
            "llama" => true,
            // Nobody has said yet which layers of a Qwen in GGUF would slide.
            _ => false,
        };
        let layers = (0..layer_count)
            .map(|layer| LayerConfig {
                window: window.filter(|_| slides(layer)),
                rope: usize::from(family == "gemma3" && slides(layer)),
            })
            .collect();
        // The 27B Gemmas divide by sqrt(d/H), all others by sqrt(D).
        let scalar = match (family, layer_count) {
            ("gemma2", 46) | ("gemma3", 62) => hidden_size as f64 / heads as f64,
            _ => head_dim as f64,
        };

        let config = Config {
            family: family.to_owned(),
            naming: Naming::Gguf,
            vocab_size,
            hidden_size,
            intermediate_size: required("feed_forward_length")?,
            heads,
            kv_heads: size("attention.head_count_kv").unwrap_or(heads),
            head_dim,
            norm_eps: number("attention.layer_norm_rms_epsilon")
                .ok_or_else(|| wrong(&key("attention.layer_norm_rms_epsilon"), "missing"))? as f32,
            norm_offset: 0.0, // the converter has already added Gemma's 1
            activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
            tied: !has("output.weight"),
            embedding_scale: if gemma { (hidden_size as f32).sqrt() } else { 1.0 },
            attention_scale: (1.0 / scalar.sqrt()) as f32,
            attention_softcap: if family == "gemma2" {
                Some(number("attn_logit_softcapping").unwrap_or(50.0) as f32)
            } else {
                None
            },
            final_softcap: match number("final_logit_softcapping") {
                Some(cap) => Some(cap as f32).filter(|&cap| cap > 0.0),
                None if family == "gemma2" => Some(30.0),
                None => None,
            },
            qkv_bias: has("blk.0.attn_q.bias"),
            output_bias: has("blk.0.attn_output.bias"),
            head_norms: has("blk.0.attn_q_norm.weight"),
            post_norms: has("blk.0.post_attention_norm.weight"),
            rope_layout: if matches!(family, "llama" | "internlm2") {
                RopeLayout::Interleaved
            } else {
                RopeLayout::Halves
            },
            ropes,
            layers,
            context_length: size("context_length").unwrap_or(2048),
            bos_token: token("bos_token_id"),
            eos_tokens: ["eos_token_id", "eot_token_id", "eom_token_id"]
                .iter()
                .filter_map(|name| token(name))
                .collect(),
        };
        config.validate()?;
        Ok(config)
    }
}

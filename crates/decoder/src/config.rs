//! An architecture as data: the numbers and switches that tell one decoder-only transformer from another.
//!
//! [`huggingface`] reads them from a `config.json`, [`gguf`] from GGUF metadata. Llama 1 to 3.2, InternLM 1 and 2, Mistral, Qwen 2 and 3,
//! Gemma 2 and 3 differ in nothing else. (InternLM 1 is a Llama with biases on attention, and its numbers were compared with PyTorch only as that:
//! transformers has no code of its own for it.)

pub mod gguf;
pub mod huggingface;

use crate::names::Naming;
use crate::step::{Activation, RopeLayout};
use crate::{Error, Result, rope};

pub use gguf::Metadata;

/// Everything that the forward pass needs to know about a model, weights aside.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// The family, in Hugging Face's `model_type` spelling: `llama`, `qwen3`, …
    pub family: String,
    /// How the file names its tensors.
    pub naming: Naming,
    /// `V`.
    pub vocab_size: usize,
    /// `d`.
    pub hidden_size: usize,
    /// `f`.
    pub intermediate_size: usize,
    /// `H`.
    pub heads: usize,
    /// `K`.
    pub kv_heads: usize,
    /// `D`.
    pub head_dim: usize,
    /// Of every RMS norm.
    pub norm_eps: f32,
    /// See [`crate::step::Norm::offset`].
    pub norm_offset: f32,
    /// Of the gate.
    pub activation: Activation,
    /// The head is the embedding table.
    pub tied: bool,
    /// Factor on embeddings.
    pub embedding_scale: f32,
    /// Factor on `q·k`.
    pub attention_scale: f32,
    /// Cap of attention scores.
    pub attention_softcap: Option<f32>,
    /// Cap of logits.
    pub final_softcap: Option<f32>,
    /// `q`, `k`, `v` have biases.
    pub qkv_bias: bool,
    /// The attention's output projection has one.
    pub output_bias: bool,
    /// Norms over each head of `q` and `k`.
    pub head_norms: bool,
    /// Norms behind attention and MLP, before their addition.
    pub post_norms: bool,
    /// How RoPE pairs components.
    pub rope_layout: RopeLayout,
    /// One or two sets of RoPE frequencies; layers say which is theirs.
    pub ropes: Vec<RopeConfig>,
    /// One entry a layer.
    pub layers: Vec<LayerConfig>,
    /// Positions that the model was made for.
    pub context_length: usize,
    /// First token of a text.
    pub bos_token: Option<u32>,
    /// Tokens that end a text.
    pub eos_tokens: Vec<u32>,
}

/// What may differ from layer to layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LayerConfig {
    /// Sliding window.
    pub window: Option<usize>,
    /// Index into [`Config::ropes`].
    pub rope: usize,
}

/// Frequencies of a RoPE.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RopeConfig {
    /// Base of the geometric series.
    pub theta: f64,
    /// How the series is stretched for long contexts.
    pub scaling: RopeScaling,
}

/// Ways to stretch RoPE.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum RopeScaling {
    None,
    /// Every frequency divided by a factor.
    Linear {
        factor: f64,
    },
    /// Llama 3.1: long waves divided, short ones kept, a ramp between.
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        original_context: f64,
    },
    /// InternLM 2: plain up to the trained length; beyond it all frequencies depend on the length of the whole text, which a table by position cannot say.
    Dynamic,
    /// Frequency `i` divided by entry `i` of this tensor of the file (GGUF's `rope_freqs.weight`).
    Tensor {
        name: String,
    },
}

impl Config {
    /// Refuses a context in which positions would mean something else than the model was made for.
    pub fn check_context(&self, context_length: usize) -> Result<()> {
        let dynamic = self.ropes.iter().any(|rope| rope.scaling == RopeScaling::Dynamic);
        if dynamic && context_length > self.context_length {
            return Err(Error::Config {
                field: "rope_scaling".to_owned(),
                problem: format!(
                    "`dynamic` is supported within the {} tokens that the model was trained for, not for a context of {context_length}",
                    self.context_length
                ),
            });
        }
        Ok(())
    }

    /// Refuses numbers that no model has, before any of them sizes an allocation.
    pub fn validate(&self) -> Result<()> {
        let bad = |field: &str, problem: String| {
            Err(Error::Config {
                field: field.to_owned(),
                problem,
            })
        };
        for (field, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 22),
            ("hidden_size", self.hidden_size, 1 << 17),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("heads", self.heads, 1 << 12),
            ("kv_heads", self.kv_heads, 1 << 12),
            ("head_dim", self.head_dim, 1 << 12),
            ("layers", self.layers.len(), 1 << 12),
            ("context_length", self.context_length, 1 << 28),
        ] {
            if value == 0 || value > most {
                return bad(field, format!("{value} is not between 1 and {most}"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return bad(
                "kv_heads",
                format!("{} heads cannot share {} key/value heads evenly", self.heads, self.kv_heads),
            );
        }
        if !self.head_dim.is_multiple_of(2) {
            return bad("head_dim", format!("{} is odd; RoPE rotates pairs", self.head_dim));
        }
        if let Some(layer) = self.layers.iter().find(|layer| layer.rope >= self.ropes.len()) {
            return bad(
                "layers",
                format!("a layer asks for RoPE {}, but there are {}", layer.rope, self.ropes.len()),
            );
        }
        if self.layers.iter().any(|layer| layer.window == Some(0)) {
            return bad("sliding_window", "0 would see nothing".into());
        }
        if !(self.norm_eps >= 0.0 && self.norm_eps.is_finite()) {
            return bad("norm_eps", format!("{} is no small number", self.norm_eps));
        }
        if !(self.attention_scale > 0.0 && self.attention_scale.is_finite()) {
            return bad("attention_scale", format!("{} is not positive", self.attention_scale));
        }
        for (field, cap) in [("attention_softcap", self.attention_softcap), ("final_softcap", self.final_softcap)] {
            if let Some(cap) = cap.filter(|cap| !(*cap > 0.0 && cap.is_finite())) {
                return bad(field, format!("{cap} is not positive"));
            }
        }
        for rope in &self.ropes {
            if !(rope.theta > 0.0 && rope.theta.is_finite()) {
                return bad("rope_theta", format!("{} is not positive", rope.theta));
            }
            // What is stretched by a tensor is looked at when that is read.
            if !matches!(rope.scaling, RopeScaling::Tensor { .. }) {
                rope::frequencies(rope, self.head_dim, None)?;
            }
        }
        Ok(())
    }
}

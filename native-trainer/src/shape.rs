//! The shape of a new model, as a `config.json` of the Llama family.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokenizer::Tokenizer;

/// Arguments: a file, or numbers.
#[derive(clap::Args, Debug, Clone)]
pub struct ShapeArgs {
    /// config.json of the new model's shape, instead of the numbers below
    #[arg(long, conflicts_with_all = ["hidden_size", "layers"])]
    pub config: Option<PathBuf>,
    /// Width
    #[arg(long, default_value_t = 256)]
    pub hidden_size: usize,
    /// Layers
    #[arg(long, default_value_t = 6)]
    pub layers: usize,
    /// Query heads
    #[arg(long, default_value_t = 4)]
    pub heads: usize,
    /// Key and value heads
    #[arg(long, default_value_t = 2)]
    pub kv_heads: usize,
    /// Width of the MLP; by default 8/3 of the width, rounded up to a multiple of 256
    #[arg(long)]
    pub intermediate_size: Option<usize>,
    /// Base of the rotary positions
    #[arg(long, default_value_t = 10000.0)]
    pub rope_theta: f64,
    /// A head of its own instead of the embedding table
    #[arg(long)]
    pub untied: bool,
}

impl ShapeArgs {
    /// The `config.json` of a new model for texts of `context` tokens.
    pub fn config(&self, tokenizer: &Tokenizer, context: usize) -> Result<Value> {
        let special = tokenizer.special();
        if let Some(path) = &self.config {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let mut value: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            // The file says the shape; the vocabulary is the tokenizer's.
            value["vocab_size"] = tokenizer.vocab_size().into();
            value["bos_token_id"] = special.bos.into();
            value["eos_token_id"] = special.eos.into();
            return Ok(value);
        }
        let intermediate = self
            .intermediate_size
            .unwrap_or((self.hidden_size * 8).div_ceil(3).next_multiple_of(256));
        Ok(json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": tokenizer.vocab_size(),
            "hidden_size": self.hidden_size,
            "intermediate_size": intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.hidden_size / self.heads.max(1),
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "rope_theta": self.rope_theta,
            "max_position_embeddings": context,
            "tie_word_embeddings": !self.untied,
            "attention_bias": false,
            "mlp_bias": false,
            "bos_token_id": special.bos,
            "eos_token_id": special.eos,
            "pad_token_id": special.pad,
            "torch_dtype": "float32",
        }))
    }
}

/// The `config.json` of a folder, with weights announced as F32, which is how training writes them.
pub fn of_folder(folder: &Path) -> Result<Value> {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut value: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    for field in ["torch_dtype", "dtype"] {
        if value.get(field).is_some() {
            value[field] = "float32".into();
        }
    }
    Ok(value)
}

//! [`Config`] from a Hugging Face `config.json`, in the old form (`rope_theta`, `rope_scaling`) and the new one (`rope_parameters`).
//!
//! Defaults are those of the `transformers` configuration classes, because published files leave fields out that equal them.

use serde_json::Value;

use super::{Config, LayerConfig, RopeConfig, RopeScaling};
use crate::names::Naming;
use crate::step::{Activation, RopeLayout};
use crate::{Error, Result};

const FAMILIES: &str = "llama, mistral, internlm, internlm2, qwen2, qwen3, gemma2, gemma3";

struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(&self, name: &str, kind: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| wrong(name, format!("{value} is not {kind}"))),
        }
    }

    fn size(&self, name: &str) -> Result<Option<usize>> {
        self.typed(name, "a whole number", |value| value.as_u64().and_then(|n| usize::try_from(n).ok()))
    }

    fn number(&self, name: &str) -> Result<Option<f64>> {
        self.typed(name, "a number", Value::as_f64)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.typed(name, "true or false", Value::as_bool)
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>> {
        self.typed(name, "a text", Value::as_str)
    }

    fn required(&self, name: &str) -> Result<usize> {
        self.size(name)?.ok_or_else(|| wrong(name, "missing".into()))
    }
}

fn wrong(field: &str, problem: String) -> Error {
    Error::Config {
        field: field.to_owned(),
        problem,
    }
}

impl Config {
    /// Reads the text of a `config.json`. Errors name the field.
    pub fn from_huggingface(json: &str) -> Result<Config> {
        let outer: Value = serde_json::from_str(json).map_err(|error| wrong("config.json", error.to_string()))?;
        // Multimodal Gemma 3 (MedGemma) keeps the language model's fields one level down.
        let value = outer.get("text_config").filter(|inner| inner.is_object()).unwrap_or(&outer);
        let f = Fields(value);
        let family = match f.text("model_type")?.unwrap_or_default() {
            "gemma3_text" => "gemma3",
            other => other,
        };
        if !FAMILIES.split(", ").any(|known| known == family) {
            return Err(Error::Unsupported {
                what: "architecture",
                value: family.to_owned(),
                supported: FAMILIES.to_owned(),
            });
        }
        let gemma = family.starts_with("gemma");
        if f.flag("mlp_bias")?.unwrap_or(false) {
            return Err(wrong("mlp_bias", "biases in the MLP are not supported".into()));
        }

        let hidden_size = f.required("hidden_size")?;
        let heads = f.required("num_attention_heads")?;
        if heads == 0 {
            return Err(wrong("num_attention_heads", "0".into()));
        }
        let head_dim = match f.size("head_dim")? {
            Some(size) => size,
            None if gemma => 256,
            None if family == "qwen3" => 128,
            None => hidden_size / heads,
        };
        let layer_count = f.required("num_hidden_layers")?;
        if layer_count > 1 << 12 {
            return Err(wrong("num_hidden_layers", format!("{layer_count} is more than any model has")));
        }
        let (ropes, layers) = positions(&f, family, layer_count)?;

        let activation = match f.text("hidden_activation")?.or(f.text("hidden_act")?) {
            Some("silu" | "swish") => Activation::Silu,
            Some("gelu_pytorch_tanh") => Activation::GeluTanh,
            // Early Gemma files say "gelu" and mean the tanh form, as transformers reads them.
            Some("gelu") if gemma => Activation::GeluTanh,
            None => {
                if gemma {
                    Activation::GeluTanh
                } else {
                    Activation::Silu
                }
            }
            Some(other) => {
                return Err(Error::Unsupported {
                    what: "activation",
                    value: other.to_owned(),
                    supported: "silu, gelu_pytorch_tanh".into(),
                });
            }
        };
        let softcap = |name: &str| Ok::<_, Error>(f.number(name)?.map(|cap| cap as f32));
        let scalar = if gemma {
            f.number("query_pre_attn_scalar")?.unwrap_or(256.0)
        } else {
            head_dim as f64
        };
        let bias = f.flag("attention_bias")?.or(f.flag("bias")?);

        let config = Config {
            family: family.to_owned(),
            naming: if family == "internlm2" {
                Naming::InternLm2
            } else {
                Naming::HuggingFace
            },
            vocab_size: f.required("vocab_size")?,
            hidden_size,
            intermediate_size: f.required("intermediate_size")?,
            heads,
            kv_heads: f.size("num_key_value_heads")?.unwrap_or(heads),
            head_dim,
            norm_eps: f.number("rms_norm_eps")?.unwrap_or(1e-6) as f32,
            norm_offset: if gemma { 1.0 } else { 0.0 },
            activation,
            tied: f
                .flag("tie_word_embeddings")?
                .or(outer.get("tie_word_embeddings").and_then(Value::as_bool))
                .unwrap_or(gemma),
            // In the order of transformers: the factor is rounded to the embedding's type there; here it stays f32.
            embedding_scale: if gemma { (hidden_size as f32).sqrt() } else { 1.0 },
            attention_scale: (1.0 / scalar.sqrt()) as f32,
            attention_softcap: softcap("attn_logit_softcapping")?,
            final_softcap: softcap("final_logit_softcapping")?,
            qkv_bias: bias.unwrap_or(matches!(family, "qwen2" | "internlm")),
            output_bias: match family {
                "qwen2" => false,
                "internlm" => bias.unwrap_or(true),
                _ => bias.unwrap_or(false),
            },
            head_norms: matches!(family, "qwen3" | "gemma3"),
            post_norms: gemma,
            rope_layout: RopeLayout::Halves,
            ropes,
            layers,
            context_length: f.size("max_position_embeddings")?.unwrap_or(2048),
            bos_token: f.size("bos_token_id")?.and_then(|id| id.try_into().ok()),
            eos_tokens: token_list(f.get("eos_token_id").or(outer.get("eos_token_id"))),
        };
        config.validate()?;
        Ok(config)
    }
}

fn token(id: &Value) -> Option<u32> {
    id.as_u64()?.try_into().ok()
}

fn token_list(value: Option<&Value>) -> Vec<u32> {
    match value {
        Some(Value::Array(ids)) => ids.iter().filter_map(token).collect(),
        Some(id) => token(id).into_iter().collect(),
        None => Vec::new(),
    }
}

/// RoPE sets, and window and RoPE of each layer.
fn positions(f: &Fields, family: &str, layer_count: usize) -> Result<(Vec<RopeConfig>, Vec<LayerConfig>)> {
    let default_theta = if family == "gemma3" { 1e6 } else { 1e4 };
    let theta = f.number("rope_theta")?.unwrap_or(default_theta);
    let ropes = match f.get("rope_parameters") {
        Some(by_kind) if by_kind.get("full_attention").is_some() => {
            let full = rope(Fields(&by_kind["full_attention"]), default_theta)?;
            let sliding = by_kind.get("sliding_attention").map(|value| rope(Fields(value), 1e4)).transpose()?;
            [Some(full), sliding].into_iter().flatten().collect()
        }
        Some(one) => vec![rope(Fields(one), theta)?],
        None => {
            let mut ropes = vec![match f.get("rope_scaling") {
                Some(scaling) => RopeConfig {
                    theta,
                    ..rope(Fields(scaling), theta)?
                },
                None => RopeConfig {
                    theta,
                    scaling: RopeScaling::None,
                },
            }];
            if family == "gemma3" {
                ropes.push(RopeConfig {
                    theta: f.number("rope_local_base_freq")?.unwrap_or(1e4),
                    scaling: RopeScaling::None,
                });
            }
            ropes
        }
    };

    let window = match family {
        "qwen2" | "qwen3" if !f.flag("use_sliding_window")?.unwrap_or(false) => None,
        "mistral" | "qwen2" | "qwen3" | "gemma2" | "gemma3" => f.size("sliding_window")?.or(match family {
            "gemma2" | "gemma3" => Some(4096),
            _ => None,
        }),
        _ => None,
    };
    let pattern = f
        .size("_sliding_window_pattern")?
        .or(f.size("sliding_window_pattern")?)
        .unwrap_or(6)
        .max(1);
    let first_windowed = f.size("max_window_layers")?.unwrap_or(28);
    let kinds = f.get("layer_types").and_then(Value::as_array);
    if let Some(kinds) = kinds
        && kinds.len() != layer_count
    {
        return Err(wrong("layer_types", format!("{} entries for {layer_count} layers", kinds.len())));
    }
    let slides = |layer: usize| match kinds {
        Some(kinds) => kinds[layer].as_str() == Some("sliding_attention"),
        None => match family {
            "gemma2" => layer.is_multiple_of(2),
            "gemma3" => !(layer + 1).is_multiple_of(pattern),
            "qwen2" | "qwen3" => layer >= first_windowed,
            _ => true,
        },
    };
    let layers = (0..layer_count)
        .map(|layer| {
            let window = window.filter(|_| slides(layer));
            LayerConfig {
                window,
                rope: usize::from(ropes.len() > 1 && slides(layer)),
            }
        })
        .collect();
    Ok((ropes, layers))
}

fn rope(f: Fields, default_theta: f64) -> Result<RopeConfig> {
    let factor = |name: &str| f.number(name)?.ok_or_else(|| wrong(name, "missing in the RoPE scaling".into()));
    let scaling = match f.text("rope_type")?.or(f.text("type")?).unwrap_or("default") {
        "default" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: factor("factor")? },
        "llama3" => RopeScaling::Llama3 {
            factor: factor("factor")?,
            low_freq_factor: factor("low_freq_factor")?,
            high_freq_factor: factor("high_freq_factor")?,
            original_context: factor("original_max_position_embeddings")?,
        },
        "dynamic" => RopeScaling::Dynamic,
        other => {
            return Err(Error::Unsupported {
                what: "RoPE scaling",
                value: other.to_owned(),
                supported: "default, linear, llama3, dynamic".into(),
            });
        }
    };
    Ok(RopeConfig {
        theta: f.number("rope_theta")?.unwrap_or(default_theta),
        scaling,
    })
}

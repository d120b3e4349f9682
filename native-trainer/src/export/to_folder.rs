//! A GGUF file as a Hugging Face folder: `model.safetensors`, `config.json`, the tokenizer.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use checkpoint::safetensors::SafetensorsWriter;
use checkpoint::{Recipe, TensorSpec};
use decoder::config::{RopeConfig, RopeScaling};
use decoder::names::{Naming, Param};
use decoder::{Config, DType, TensorSource, rope};
use serde_json::{Value, json};
use tokenizer::Tokenizer;

use super::convert::{self, Conventions};
use crate::folder;
use crate::model::{ModelFiles, Source};

/// Makes the folder `output`.
pub async fn write(mut files: ModelFiles, tokenizer: Option<&Tokenizer>, output: &Path, recipe: Recipe) -> Result<()> {
    let dtype = match recipe {
        Recipe::F32 => DType::F32,
        Recipe::F16 => DType::F16,
        Recipe::BF16 => DType::BF16,
        other => bail!("a folder holds F32, F16 or BF16, not {other}"),
    };
    let config = files.config.clone();
    let scaling = rope_scaling(&config, &mut files.source).await?;
    let config_json = config_json(&config, scaling, dtype)?;
    // What a reader of the folder will take it for.
    let meant = Config::from_huggingface(&config_json.to_string()).context("the config.json that would be written")?;
    if meant.naming != Naming::HuggingFace
        || meant
            .layers
            .iter()
            .map(|layer| layer.window)
            .ne(config.layers.iter().map(|layer| layer.window))
    {
        bail!("a config.json cannot say what this {} file is", config.family);
    }

    let conventions = Conventions {
        rope_layout: meant.rope_layout,
        norm_offset: meant.norm_offset,
        attention_scale: meant.attention_scale,
    };
    std::fs::create_dir_all(output).with_context(|| output.display().to_string())?;
    let params = Param::all(&config);
    let specs: Vec<TensorSpec> = params
        .iter()
        .map(|param| {
            let (rows, cols) = param.shape(&config);
            let shape = if param.is_vector(&config) { vec![cols] } else { vec![rows, cols] };
            TensorSpec::new(param.huggingface(config.post_norms), dtype, shape)
        })
        .collect();
    let format = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut writer = SafetensorsWriter::create(output.join("model.safetensors"), &format, &specs)?;
    for (param, spec) in params.into_iter().zip(&specs) {
        let values = convert::read(&mut files.source, &config, param)
            .await
            .with_context(|| files.path.display().to_string())?;
        writer.write_tensor(&spec.name, &convert::convert(values, &config, param, &conventions))?;
    }
    writer.commit()?;
    folder::write(&output.join("config.json"), serde_json::to_string_pretty(&config_json)?.as_bytes())?;
    match tokenizer {
        Some(tokenizer) => folder::write_tokenizer(output, tokenizer),
        None => Ok(()),
    }
}

fn config_json(config: &Config, rope_scaling: Value, dtype: DType) -> Result<Value> {
    let window = config.layers.iter().find_map(|layer| layer.window);
    // InternLM 2 with q, k and v apart is a Llama; a Llama that slides is a Mistral.
    let (family, class) = match config.family.as_str() {
        "llama" if window.is_some() => ("mistral", "MistralForCausalLM"),
        "llama" | "internlm2" => ("llama", "LlamaForCausalLM"),
        "qwen2" => ("qwen2", "Qwen2ForCausalLM"),
        "qwen3" => ("qwen3", "Qwen3ForCausalLM"),
        "gemma2" => ("gemma2", "Gemma2ForCausalLM"),
        "gemma3" => ("gemma3_text", "Gemma3ForCausalLM"),
        other => bail!("no config.json is known for the architecture {other}"),
    };
    if config.output_bias != config.qkv_bias && family == "llama" {
        bail!("a Llama in a folder has biases on all of q, k, v and the output, or on none");
    }
    if (config.output_bias || config.qkv_bias) && family == "mistral" {
        bail!("a Mistral in a folder has no biases");
    }
    let mut json = json!({
        "architectures": [class],
        "model_type": family,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.layers.len(),
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "rms_norm_eps": number(config.norm_eps),
        "rope_theta": config.ropes[0].theta,
        "rope_scaling": rope_scaling,
        "max_position_embeddings": config.context_length,
        "tie_word_embeddings": config.tied,
        "attention_bias": config.qkv_bias,
        "bos_token_id": config.bos_token,
        "eos_token_id": config.eos_tokens,
        "torch_dtype": match dtype { DType::F16 => "float16", DType::BF16 => "bfloat16", _ => "float32" },
    });
    if window.is_some() {
        json["sliding_window"] = window.into();
    }
    let gemma = config.family.starts_with("gemma");
    json[if gemma { "hidden_activation" } else { "hidden_act" }] = if gemma { "gelu_pytorch_tanh" } else { "silu" }.into();
    if gemma {
        json["query_pre_attn_scalar"] = (1.0 / f64::from(config.attention_scale).powi(2)).round().into();
        json["attn_logit_softcapping"] = config.attention_softcap.map(number).into();
        json["final_logit_softcapping"] = config.final_softcap.map(number).into();
        let kinds = config.layers.iter().map(|layer| {
            if layer.window.is_some() {
                "sliding_attention"
            } else {
                "full_attention"
            }
        });
        json["layer_types"] = kinds.collect::<Vec<_>>().into();
    }
    if let Some(sliding) = config.ropes.get(1) {
        json["rope_local_base_freq"] = sliding.theta.into();
    }
    Ok(json)
}

/// An F32 as people write it: 1e-5, not 9.999999747378752e-6.
fn number(value: f32) -> f64 {
    value.to_string().parse().expect("a number that was just written")
}

/// `rope_scaling`. GGUF keeps Llama 3.1's stretching as factors; the four numbers behind them are found among those that models use.
async fn rope_scaling(config: &Config, source: &mut Source) -> Result<Value> {
    let name = match &config.ropes[0].scaling {
        RopeScaling::None => return Ok(Value::Null),
        RopeScaling::Linear { factor } => return Ok(json!({"rope_type": "linear", "factor": factor})),
        RopeScaling::Llama3 { .. } | RopeScaling::Dynamic => bail!("GGUF metadata hold no such scaling"),
        RopeScaling::Tensor { name } => name,
    };
    let mut bytes = vec![0; config.head_dim / 2 * 4];
    source.read(name, 0, &mut bytes).await?;
    let factors: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let wanted = rope::frequencies(&config.ropes[0], config.head_dim, Some(&factors))?;
    for factor in [8.0, 32.0, 16.0, 4.0, 2.0] {
        for original_context in [8192.0, 4096.0, 2048.0, 1024.0, 512.0, 256.0, 128.0, 64.0, 32.0, 16.0] {
            let scaling = RopeScaling::Llama3 {
                factor,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_context,
            };
            let found = rope::frequencies(
                &RopeConfig {
                    theta: config.ropes[0].theta,
                    scaling,
                },
                config.head_dim,
                None,
            )?;
            // Factors are stored in F32.
            if found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()) {
                return Ok(json!({
                    "rope_type": "llama3",
                    "factor": factor,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": original_context as u64,
                }));
            }
        }
    }
    bail!("tensor `{name}`: these RoPE factors are none that a config.json can say")
}

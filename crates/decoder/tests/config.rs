//! Configurations of published models, in the forms that their files have, and what must come out of them.

use std::collections::HashMap;

use decoder_under_test::config::{LayerConfig, Metadata, RopeScaling};
use decoder_under_test::step::{Activation, RopeLayout};
use decoder_under_test::{Config, Error};
use mmedkit_decoder as decoder_under_test;

const LLAMA: &str = r#"{"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "max_position_embeddings": 131072, "tie_word_embeddings": false,
    "hidden_act": "silu", "bos_token_id": 128000, "eos_token_id": [128001, 128008], "POSITIONS"}"#;

fn llama(positions: &str) -> Config {
    Config::from_huggingface(&LLAMA.replace("\"POSITIONS\"", positions)).unwrap()
}

#[test]
fn old_and_new_rope_forms_read_the_same() {
    let scaling = r#""factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, "rope_type": "llama3""#;
    let old = llama(&format!(r#""rope_theta": 500000.0, "rope_scaling": {{{scaling}}}"#));
    let new = llama(&format!(r#""rope_parameters": {{"rope_theta": 500000.0, {scaling}}}"#));
    assert_eq!(old, new);
    assert_eq!(old.ropes[0].theta, 5e5);
    assert!(matches!(old.ropes[0].scaling, RopeScaling::Llama3 { factor: 8.0, .. }));
    assert_eq!(old.eos_tokens, [128001, 128008]);
}

#[test]
fn gemma3_in_a_multimodal_file_with_old_keys() {
    // The shape of MedGemma 4B's config.json: language model fields one level down.
    let json = r#"{"model_type": "gemma3", "eos_token_id": [1, 106], "text_config": {"model_type": "gemma3_text", "vocab_size": 262208,
        "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "num_attention_heads": 8, "num_key_value_heads": 4,
        "head_dim": 256, "sliding_window": 1024, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-6}}"#;
    let config = Config::from_huggingface(json).unwrap();
    assert_eq!(
        config.layers[4],
        LayerConfig {
            window: Some(1024),
            rope: 1
        }
    );
    assert_eq!(config.layers[5], LayerConfig { window: None, rope: 0 });
    assert_eq!(config.ropes[0].scaling, RopeScaling::Linear { factor: 8.0 });
    assert_eq!((config.ropes[1].theta, &config.ropes[1].scaling), (1e4, &RopeScaling::None));
    assert!(config.tied && config.head_norms && config.post_norms);
    assert_eq!(
        (config.activation, config.norm_offset, config.attention_scale),
        (Activation::GeluTanh, 1.0, 1.0 / 16.0)
    );
    assert_eq!(config.eos_tokens, [1, 106]);
}

#[test]
fn internlm_1_has_biases_and_qwen2_only_on_qkv() {
    let of = |family: &str| {
        let json = LLAMA.replace("llama", family).replace("\"POSITIONS\"", "\"rope_theta\": 1e4");
        let config = Config::from_huggingface(&json).unwrap();
        (config.qkv_bias, config.output_bias)
    };
    assert_eq!(of("internlm"), (true, true));
    assert_eq!(of("qwen2"), (true, false));
    assert_eq!(of("llama"), (false, false));
}

#[test]
fn dynamic_rope_is_refused_beyond_the_trained_length() {
    // The shape of InternLM 2's config.json.
    let json = LLAMA.replace("llama", "internlm2").replace(
        "\"POSITIONS\"",
        r#""rope_theta": 1e6, "rope_scaling": {"type": "dynamic", "factor": 2.0}"#,
    );
    let config = Config::from_huggingface(&json).unwrap();
    assert_eq!(config.ropes[0].scaling, RopeScaling::Dynamic);
    assert!(config.check_context(131072).is_ok());
    let error = config.check_context(131073).unwrap_err().to_string();
    assert!(error.contains("rope_scaling") && error.contains("131072"), "{error}");
    assert!(
        llama(r#""rope_theta": 1e4"#).check_context(1 << 20).is_ok(),
        "others may be stretched"
    );
}

#[test]
fn mistral_slides_on_every_layer_and_qwen_only_when_told() {
    let window = r#""sliding_window": 4096"#;
    let of = |family: &str, more: &str| {
        let json = LLAMA.replace("llama", family).replace("\"POSITIONS\"", &format!("{window}{more}"));
        Config::from_huggingface(&json)
            .unwrap()
            .layers
            .iter()
            .filter(|layer| layer.window == Some(4096))
            .count()
    };
    assert_eq!(of("mistral", ""), 32);
    assert_eq!(of("qwen2", ""), 0);
    assert_eq!(of("qwen2", r#", "use_sliding_window": true, "max_window_layers": 20"#), 12);
}

#[test]
fn what_is_not_supported_is_named() {
    let plain = |json: &str| json.replace("\"POSITIONS\"", "\"rope_theta\": 1e4");
    let error = |json: &str| Config::from_huggingface(&plain(json)).unwrap_err().to_string();
    assert!(error(r#"{"model_type": "gpt_bigcode"}"#).contains("gpt_bigcode"));
    assert!(error(&LLAMA.replace("4096", "\"wide\"")).contains("hidden_size"));
    assert!(error(&LLAMA.replace("\"num_key_value_heads\": 8", "\"num_key_value_heads\": 5")).contains("kv_heads"));
    assert!(error(&LLAMA.replace("\"num_attention_heads\": 32", "\"num_attention_heads\": 0")).contains("num_attention_heads"));
    assert!(error(&LLAMA.replace("\"num_hidden_layers\": 32", "\"num_hidden_layers\": 99999999999")).contains("num_hidden_layers"));
    let yarn = LLAMA.replace("\"POSITIONS\"", r#""rope_scaling": {"type": "yarn", "factor": 4}"#);
    assert!(error(&yarn).contains("yarn"));
    assert!(error("{").contains("config.json"));
}

#[test]
fn numbers_that_nothing_can_be_computed_with_are_refused() {
    let gemma = LLAMA.replace("llama", "gemma2");
    for (json, more, field) in [
        (gemma.as_str(), r#""query_pre_attn_scalar": 0"#, "attention_scale"),
        (&gemma, r#""query_pre_attn_scalar": -256"#, "attention_scale"),
        (&gemma, r#""attn_logit_softcapping": 0.0"#, "attention_softcap"),
        (&gemma, r#""final_logit_softcapping": 1e40"#, "final_softcap"),
        (LLAMA, r#""rope_theta": 1e-320"#, "rope_scaling"),
        (LLAMA, r#""rope_scaling": {"type": "linear", "factor": 0}"#, "rope_scaling"),
    ] {
        let error = Config::from_huggingface(&json.replace("\"POSITIONS\"", more))
            .unwrap_err()
            .to_string();
        assert!(error.contains(field), "{more}: {error}");
    }
    // A larger number is another token than its last 32 bits.
    let ids = LLAMA.replace("[128001, 128008]", "[4294967297, 7]").replace("128000", "4294967297");
    let config = Config::from_huggingface(&ids.replace("\"POSITIONS\"", "\"rope_theta\": 1e4")).unwrap();
    assert_eq!((config.bos_token, config.eos_tokens), (None, vec![7]));
}

/// GGUF metadata as a map.
#[derive(Default)]
struct Meta(HashMap<String, String>);

impl Meta {
    fn of(pairs: &[(&str, &str)]) -> Meta {
        Meta(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
    }
}

impl Metadata for Meta {
    fn integer(&self, key: &str) -> Option<u64> {
        self.0.get(key)?.parse().ok()
    }
    fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.parse().ok()
    }
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

fn gguf(family: &str, tensors: &[&str]) -> Result<Config, Error> {
    let keys = [
        ("embedding_length", "64"),
        ("block_count", "12"),
        ("feed_forward_length", "160"),
        ("attention.head_count", "4"),
        ("attention.head_count_kv", "2"),
        ("attention.layer_norm_rms_epsilon", "1e-5"),
        ("attention.sliding_window", "16"),
        ("context_length", "512"),
    ];
    let mut pairs: Vec<(String, String)> = keys
        .iter()
        .map(|(key, value)| (format!("{family}.{key}"), value.to_string()))
        .collect();
    pairs.push(("general.architecture".into(), family.into()));
    let meta = Meta(pairs.into_iter().collect());
    Config::from_gguf(&meta, &|name| {
        (name == "token_embd.weight" || tensors.contains(&name)).then(|| vec![320, 64])
    })
}

#[test]
fn gguf_switches_come_from_the_tensors_that_are_there() {
    let llama = gguf("llama", &["output.weight", "rope_freqs.weight"]).unwrap();
    assert!(!llama.tied && !llama.qkv_bias);
    assert_eq!(
        (llama.vocab_size, llama.head_dim, llama.rope_layout),
        (320, 16, RopeLayout::Interleaved)
    );
    assert!(matches!(&llama.ropes[0].scaling, RopeScaling::Tensor { name } if name == "rope_freqs.weight"));
    // A Mistral.
    assert!(llama.layers.iter().all(|layer| layer.window == Some(16)));
    let qwen = gguf("qwen2", &["blk.0.attn_q.bias"]).unwrap();
    assert!(qwen.layers.iter().all(|layer| layer.window.is_none()));
    assert!(qwen.tied && qwen.qkv_bias && !qwen.output_bias);
    assert_eq!(qwen.rope_layout, RopeLayout::Halves);
}

#[test]
fn gguf_gemma_windows_follow_llama_cpp() {
    let two = gguf("gemma2", &[]).unwrap();
    assert_eq!(
        two.layers[..2].iter().map(|layer| layer.window).collect::<Vec<_>>(),
        [Some(16), None]
    );
    assert_eq!(
        (two.attention_softcap, two.final_softcap, two.norm_offset),
        (Some(50.0), Some(30.0), 0.0)
    );
    let three = gguf("gemma3", &[]).unwrap();
    assert_eq!(three.layers.iter().filter(|layer| layer.window.is_none()).count(), 2);
    assert_eq!((three.ropes[0].theta, three.ropes[1].theta), (1e6, 1e4));
}

#[test]
fn gguf_without_a_model_or_of_an_unknown_kind_is_refused() {
    assert!(gguf("mamba", &[]).unwrap_err().to_string().contains("mamba"));
    let nothing = Meta::of(&[("general.architecture", "llama")]);
    let error = Config::from_gguf(&nothing, &|_| None).unwrap_err().to_string();
    assert!(error.contains("llama.embedding_length"), "{error}");
}

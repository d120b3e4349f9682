//! What several targets hold what they have read against.

use decoder::config::RopeScaling;
use decoder::{Config, rope};
use tokenizer::Tokenizer;

/// Every number that a pass computes with is one.
pub fn check_config(config: &Config) {
    let caps = config.attention_softcap.into_iter().chain(config.final_softcap);
    let factors = [config.norm_eps, config.norm_offset, config.embedding_scale, config.attention_scale];
    assert!(factors.into_iter().chain(caps).all(f32::is_finite), "{config:?}");
    for rope in config
        .ropes
        .iter()
        .filter(|rope| !matches!(rope.scaling, RopeScaling::Tensor { .. }))
    {
        let frequencies = rope::frequencies(rope, config.head_dim, None).expect("checked");
        assert!(frequencies.iter().all(|frequency| frequency.is_finite()), "{config:?}");
    }
}

/// Texts become ids of the vocabulary, and ids texts.
pub fn check_tokenizer(tokenizer: &Tokenizer) {
    for text in ["Is it 3.5 mg? 発熱", "</s> <|end|>\n\u{fdfa} e\u{301}"] {
        for special in [false, true] {
            let Ok(ids) = tokenizer.encode(text, special, special) else {
                continue;
            };
            let _ = tokenizer.decode(&ids, special).expect("ids of the vocabulary");
        }
    }
    let _ = tokenizer.to_tokenizer_json();
    if let Ok(metadata) = tokenizer.to_gguf_metadata(tokenizer.vocab_size()) {
        Tokenizer::from_gguf(&metadata).expect("our own form");
    }
}

//! The demo model gives the log-probabilities that llama.cpp gave for the same weights (`tests/oracle/llama_cpp.mjs` made the record).

use std::ops::ControlFlow;
use std::path::Path;

use backend_candle::CandleBackend;
use checkpoint::GgufFile;
use checkpoint::hash::{hex, sha256};
use decoder::score::ScoreRequest;
use decoder::{Decoder, Session};
use pollster::block_on;
use serde_json::Value;

/// llama.cpp had the weights unpacked to F32 and rounded nothing; we round the activations that meet Q8_0 weights to 16 bits, 2⁻¹⁶ of a block's
/// largest value in each of some thirty products one after the other. 2.9e-4 was seen; with F32 weights on both sides it is 7.5e-6.
const TOLERANCE: f64 = 1e-3;

#[test]
fn the_demo_model_agrees_with_llama_cpp() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let record = std::fs::read_to_string(root.join("tests/oracle/demo.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let path = root.join("www/models/demo.gguf");
    let hash = sha256(&std::fs::read(&path).unwrap());
    assert_eq!(record["of_sha256"], hex(&hash), "the record is of another model: make it anew");
    let mut file = block_on(GgufFile::open_path(path)).unwrap();
    let config = file.header().config().unwrap();
    let decoder = block_on(Decoder::load(CandleBackend::new(), config, 512, &mut file, |_| {
        ControlFlow::Continue(())
    }))
    .unwrap();
    let mut session = Session::new(decoder, 1024).unwrap();
    let mut worst: f64 = 0.0;
    let items = record["items"].as_array().unwrap();
    assert!(!items.is_empty(), "the record is empty");
    for item in items {
        let tokens: Vec<u32> = item["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .map(|token| token.as_u64().unwrap() as u32)
            .collect();
        let request = ScoreRequest {
            context: vec![tokens[0]],
            continuations: vec![tokens[1..].to_vec()],
        };
        let scores = block_on(session.score(&[request], |_| ControlFlow::Continue(()))).unwrap();
        for (ours, theirs) in scores[0][0].token_log_likelihoods.iter().zip(item["log_probs"].as_array().unwrap()) {
            worst = worst.max((f64::from(*ours) - theirs.as_f64().unwrap()).abs());
        }
    }
    println!("{} texts, largest difference {worst:.1e}", items.len());
    assert!(worst <= TOLERANCE, "largest difference {worst}");
}

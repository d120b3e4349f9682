//! A `tokenizer.json`, with texts through what it makes. Where the file names no model, a small one is put in, so that fewer inputs fail for want of letters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::LazyLock;
use tokenizer::Tokenizer;

/// All letters of byte-level spelling, and one merge.
static MODEL: LazyLock<Value> = LazyLock::new(|| {
    let shown = (b'!'..=b'~').chain(0xa1..=0xac).chain(0xae..=0xff);
    let letters = shown.map(char::from).chain((0..68).filter_map(|place| char::from_u32(256 + place)));
    let words = letters.map(String::from).chain(["Is".to_owned()]);
    let vocab: serde_json::Map<String, Value> = words.enumerate().map(|(id, text)| (text, id.into())).collect();
    json!({ "type": "BPE", "vocab": vocab, "merges": ["I s"] })
});

fuzz_target!(|bytes: &[u8]| {
    let filled = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(mut file)) if !file.contains_key("model") => {
            file.insert("model".into(), MODEL.clone());
            Some(Value::Object(file).to_string())
        }
        _ => None,
    };
    let json = filled.as_ref().map_or(bytes, String::as_bytes);
    if let Ok(tokenizer) = Tokenizer::from_tokenizer_json(json, None, None) {
        fuzz::check_tokenizer(&tokenizer);
    }
});

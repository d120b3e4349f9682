//! A `tokenizer.json`, and a text through what it makes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenizer::Tokenizer;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tokenizer) = Tokenizer::from_tokenizer_json(bytes, None, None) {
        let _ = tokenizer.encode("Is it 3.5 mg? 発熱", true, true);
    }
});

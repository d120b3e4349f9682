//! A `config.json` of Hugging Face's form.
#![no_main]

use decoder::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| {
    let _ = Config::from_huggingface(json);
});

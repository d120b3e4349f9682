//! A `config.json` of Hugging Face's form: what is taken is a model that can be computed with.
#![no_main]

use decoder::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| {
    if let Ok(config) = Config::from_huggingface(json) {
        fuzz::check_config(&config);
    }
});

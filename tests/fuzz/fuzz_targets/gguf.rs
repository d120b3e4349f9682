//! A GGUF file: header, configuration, vocabulary, and the first bytes of every tensor.
#![no_main]

use checkpoint::{GgufFile, Memory};
use decoder::TensorSource;
use libfuzzer_sys::fuzz_target;
use tokenizer::Tokenizer;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = pollster::block_on(GgufFile::open(Memory::new("fuzz.gguf", bytes))) else {
        return;
    };
    let header = file.header();
    let _ = header.config();
    if let Ok(tokenizer) = Tokenizer::from_gguf(header) {
        let _ = tokenizer.encode("Is it 3.5 mg? 発熱", true, true);
    }
    let names: Vec<String> = header.tensors().iter().take(8).map(|tensor| tensor.name.clone()).collect();
    for name in names {
        let _ = file.info(&name);
        let _ = pollster::block_on(file.read(&name, 0, &mut [0; 32]));
    }
});

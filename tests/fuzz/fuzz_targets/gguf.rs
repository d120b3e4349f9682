//! A GGUF file: header, configuration, vocabulary, the first block of every tensor; and what was read is written back as it was.
#![no_main]

use checkpoint::{Gguf, GgufFile, GgufWriter, Memory, TensorSpec};
use decoder::TensorSource;
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use tokenizer::Tokenizer;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = open(bytes) else {
        return;
    };
    let _ = file.header().main_dtype();
    if let Ok(config) = file.header().config() {
        fuzz::check_config(&config);
    }
    if let Ok(tokenizer) = Tokenizer::from_gguf(file.header()) {
        fuzz::check_tokenizer(&tokenizer);
    }
    let tensors = file.header().tensors().to_vec();
    for tensor in tensors.iter().take(8) {
        let dtype = file.info(&tensor.name).expect("it is in the table").dtype;
        let mut block = vec![0; dtype.block_bytes()];
        pollster::block_on(file.read(&tensor.name, 0, &mut block)).expect("tensors lie inside the file");
        checkpoint::dequantize(dtype, &block, &mut vec![0.0; dtype.block_len()]).expect("one block");
    }
    // Numbers may be NaN, so bytes are compared and not values.
    let once = write(file.header());
    let again = write(open(&once).expect("our own form").header());
    assert!(once == again);
});

fn open(bytes: &[u8]) -> checkpoint::Result<GgufFile<Memory<&[u8]>>> {
    pollster::block_on(GgufFile::open(Memory::new("fuzz.gguf", bytes)))
}

/// The same metadata and tensors, all weights zero.
fn write(header: &Gguf) -> Vec<u8> {
    let metadata = header
        .metadata()
        .iter()
        .filter(|(key, _)| key != "general.alignment")
        .cloned()
        .collect();
    let tensors = header.tensors();
    let specs = tensors
        .iter()
        .map(|tensor| TensorSpec::new(&tensor.name, tensor.info.dtype, tensor.info.shape.clone()));
    let mut writer = GgufWriter::new(Cursor::new(Vec::new()), "fuzz.gguf", metadata, specs.collect()).expect("it was read");
    for tensor in tensors {
        writer
            .write_bytes(&tensor.name, &vec![0; tensor.bytes as usize])
            .expect("as many bytes as it has");
    }
    writer.finish().expect("all is written").into_inner()
}

//! A safetensors file: header, and the first bytes of every tensor.
#![no_main]

use checkpoint::Memory;
use checkpoint::safetensors::SafetensorsFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = pollster::block_on(SafetensorsFile::open(Memory::new("fuzz.safetensors", bytes))) {
        for name in file.names().iter().take(8) {
            let _ = pollster::block_on(file.read_tensor(name, 0, &mut [0; 16]));
        }
    }
});

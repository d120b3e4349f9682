//! A safetensors file: header, and the first and last bytes of every tensor, which all lie inside the file.
#![no_main]

use checkpoint::Memory;
use checkpoint::safetensors::SafetensorsFile;
use decoder::TensorSource;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = pollster::block_on(SafetensorsFile::open(Memory::new("fuzz.safetensors", bytes))) else {
        return;
    };
    for name in file.names() {
        let tensor = file.tensor(name).expect("it is in the table");
        assert!(tensor.offset + tensor.bytes <= bytes.len() as u64);
        if let Some(info) = file.info(name) {
            let values: usize = info.shape.iter().product();
            assert_eq!((values * info.dtype.block_bytes()) as u64, tensor.bytes);
        }
        let mut buffer = vec![0; tensor.bytes.min(16) as usize];
        for offset in [0, tensor.bytes - buffer.len() as u64] {
            pollster::block_on(file.read_tensor(name, offset, &mut buffer)).expect("tensors lie inside the file");
        }
        assert!(pollster::block_on(file.read_tensor(name, tensor.bytes, &mut [0])).is_err());
    }
});

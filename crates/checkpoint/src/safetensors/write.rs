//! Writes a file of F32, F16 and BF16 tensors, one by one and in any order.

use crate::error::{Error, Result};
use crate::gguf::TensorSpec;
use crate::quant;
use decoder::DType;
use std::collections::{BTreeMap, HashMap};
use std::io::{Seek, SeekFrom, Write};

#[derive(Debug)]
struct Slot {
    dtype: DType,
    start: u64,
    bytes: u64,
    written: bool,
}

/// A file being written.
#[derive(Debug)]
pub struct SafetensorsWriter<W: Write + Seek> {
    writer: W,
    name: String,
    slots: HashMap<String, Slot>,
    data_start: u64,
}

#[cfg(not(target_arch = "wasm32"))]
impl SafetensorsWriter<crate::AtomicFile> {
    /// Starts the file `path`, which appears when [`SafetensorsWriter::commit`] is called and not before.
    pub fn create(
        path: impl AsRef<std::path::Path>,
        metadata: &BTreeMap<String, String>,
        tensors: &[TensorSpec],
    ) -> Result<SafetensorsWriter<crate::AtomicFile>> {
        let name = path.as_ref().display().to_string();
        SafetensorsWriter::new(crate::AtomicFile::create(path)?, name, metadata, tensors)
    }

    /// Ends the file and gives it its name. Every tensor must have been written.
    pub fn commit(self) -> Result<()> {
        self.finish()?.commit()
    }
}

impl<W: Write + Seek> SafetensorsWriter<W> {
    /// Writes the header. `name` is for messages. Hugging Face expects the entry `"format": "pt"` in the metadata.
    pub fn new(
        mut writer: W,
        name: impl Into<String>,
        metadata: &BTreeMap<String, String>,
        tensors: &[TensorSpec],
    ) -> Result<SafetensorsWriter<W>> {
        let name = name.into();
        let mut header = serde_json::Map::new();
        if !metadata.is_empty() {
            header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
        }
        let mut slots = HashMap::new();
        let mut end = 0u64;
        for spec in tensors {
            let bad = |problem: &str| Error::Tensor {
                file: name.clone(),
                name: spec.name.clone(),
                problem: problem.to_owned(),
            };
            if spec.dtype.block_len() != 1 {
                return Err(bad(&format!("safetensors holds no {}", spec.dtype)));
            }
            let bytes = spec
                .shape
                .iter()
                .try_fold(spec.dtype.block_bytes() as u64, |product, &size| product.checked_mul(size as u64));
            let bytes = bytes.ok_or_else(|| bad("its shape has too many values"))?;
            let start = end;
            end += bytes;
            let entry = serde_json::json!({ "dtype": spec.dtype.name(), "shape": spec.shape, "data_offsets": [start, end] });
            if spec.name == "__metadata__" || header.insert(spec.name.clone(), entry).is_some() {
                return Err(bad("this name is there twice, or reserved"));
            }
            slots.insert(
                spec.name.clone(),
                Slot {
                    dtype: spec.dtype,
                    start,
                    bytes,
                    written: false,
                },
            );
        }
        let mut json = serde_json::to_vec(&header).expect("strings and numbers are JSON");
        json.resize(json.len().next_multiple_of(8), b' ');
        let length = (json.len() as u64).to_le_bytes();
        writer
            .write_all(&length)
            .and_then(|()| writer.write_all(&json))
            .map_err(|error| Error::io(&name, error))?;
        Ok(SafetensorsWriter {
            writer,
            name,
            slots,
            data_start: 8 + json.len() as u64,
        })
    }

    /// Writes the whole tensor `name`, row-major, in the type that was announced.
    pub fn write_tensor(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let bad = |problem: String| Error::Tensor {
            file: self.name.clone(),
            name: name.to_owned(),
            problem,
        };
        let slot = self.slots.get(name).ok_or_else(|| bad("it was not announced".to_owned()))?;
        let mut bytes = Vec::new();
        quant::quantize(slot.dtype, values, &mut bytes).map_err(|error| bad(error.to_string()))?;
        if bytes.len() as u64 != slot.bytes {
            return Err(bad(format!("it has {} bytes, but {} were given", slot.bytes, bytes.len())));
        }
        let at = self.data_start + slot.start;
        self.writer
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.writer.write_all(&bytes))
            .map_err(|error| Error::io(&self.name, error))?;
        self.slots.get_mut(name).expect("found above").written = true;
        Ok(())
    }

    /// Ends the file and gives the writer back. Every tensor must have been written.
    pub fn finish(mut self) -> Result<W> {
        if let Some((name, _)) = self.slots.iter().find(|(_, slot)| !slot.written) {
            return Err(Error::Tensor {
                file: self.name.clone(),
                name: name.clone(),
                problem: "it was not written".to_owned(),
            });
        }
        self.writer.flush().map_err(|error| Error::io(&self.name, error))?;
        Ok(self.writer)
    }
}

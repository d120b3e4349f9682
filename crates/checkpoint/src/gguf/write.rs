//! Writes version 3: metadata, the table, then tensors one by one and in any order, quantised on the way.
//!
//! All sizes are known before the first tensor, so nothing is held back and nothing is written twice.

use super::{DEFAULT_ALIGNMENT, MAGIC, MAX_DIMENSIONS, Value};
use crate::error::{Error, Result};
use crate::gguf::value::Array;
use crate::quant;
use decoder::DType;
use std::collections::HashMap;
use std::io::{Seek, SeekFrom, Write};

/// A tensor to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// As it will be stored.
    pub name: String,
    /// As it will be stored.
    pub dtype: DType,
    /// Outermost dimension first; the last is a whole number of blocks of `dtype`.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// From its parts.
    pub fn new(name: impl Into<String>, dtype: DType, shape: impl Into<Vec<usize>>) -> TensorSpec {
        TensorSpec {
            name: name.into(),
            dtype,
            shape: shape.into(),
        }
    }

    fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }
}

#[derive(Debug)]
struct Slot {
    spec: TensorSpec,
    offset: u64,
    bytes: u64,
    elements: usize,
    /// Bytes written so far.
    written: u64,
}

/// A file being written.
#[derive(Debug)]
pub struct GgufWriter<W: Write + Seek> {
    writer: W,
    name: String,
    slots: Vec<Slot>,
    names: HashMap<String, usize>,
    data_start: u64,
    end: u64,
}

#[cfg(not(target_arch = "wasm32"))]
impl GgufWriter<crate::AtomicFile> {
    /// Starts the file `path`, which appears when [`GgufWriter::commit`] is called and not before.
    pub fn create(
        path: impl AsRef<std::path::Path>,
        metadata: Vec<(String, Value)>,
        tensors: Vec<TensorSpec>,
    ) -> Result<GgufWriter<crate::AtomicFile>> {
        let name = path.as_ref().display().to_string();
        GgufWriter::new(crate::AtomicFile::create(path)?, name, metadata, tensors)
    }

    /// Ends the file and gives it its name. Every tensor must have been written.
    pub fn commit(self) -> Result<()> {
        self.finish()?.commit()
    }
}

impl<W: Write + Seek> GgufWriter<W> {
    /// Writes metadata and table. `name` is for messages; `general.alignment` is set here and must not be in `metadata`.
    pub fn new(mut writer: W, name: impl Into<String>, metadata: Vec<(String, Value)>, tensors: Vec<TensorSpec>) -> Result<GgufWriter<W>> {
        let name = name.into();
        let mut header = Vec::new();
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&3u32.to_le_bytes());
        header.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
        header.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
        let mut keys = std::collections::HashSet::new();
        for (key, value) in &metadata {
            if key == "general.alignment" || !keys.insert(key.as_str()) {
                let problem = "this key may be given once, and general.alignment not at all".to_owned();
                return Err(Error::Malformed {
                    file: name,
                    field: key.clone(),
                    problem,
                });
            }
            put_string(&mut header, key);
            header.extend_from_slice(&value.type_id().to_le_bytes());
            put_value(&mut header, value);
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(tensors.len());
        let mut names = HashMap::new();
        let mut end = 0u64;
        for spec in tensors {
            let bad = |problem: &str| Error::Tensor {
                file: name.clone(),
                name: spec.name.clone(),
                problem: problem.to_owned(),
            };
            let elements = spec
                .elements()
                .filter(|&elements| elements > 0)
                .ok_or_else(|| bad("its shape has no values, or too many"))?;
            if !(1..=MAX_DIMENSIONS as usize).contains(&spec.shape.len()) {
                return Err(bad("it has no dimensions, or more than four"));
            }
            let cols = spec.shape[spec.shape.len() - 1];
            let row = spec
                .dtype
                .row_bytes(cols)
                .ok_or_else(|| bad("its rows are no whole number of blocks of its type"))?;
            let bytes = (elements / cols) as u64 * row as u64;
            if names.insert(spec.name.clone(), slots.len()).is_some() {
                return Err(bad("this name is there twice"));
            }
            put_string(&mut header, &spec.name);
            header.extend_from_slice(&(spec.shape.len() as u32).to_le_bytes());
            for &size in spec.shape.iter().rev() {
                header.extend_from_slice(&(size as u64).to_le_bytes());
            }
            header.extend_from_slice(&spec.dtype.ggml().to_le_bytes());
            header.extend_from_slice(&end.to_le_bytes());
            slots.push(Slot {
                spec,
                offset: end,
                bytes,
                elements,
                written: 0,
            });
            end = (end + bytes).next_multiple_of(DEFAULT_ALIGNMENT);
        }
        header.resize(header.len().next_multiple_of(DEFAULT_ALIGNMENT as usize), 0);
        writer.write_all(&header).map_err(|error| Error::io(&name, error))?;
        Ok(GgufWriter {
            writer,
            name,
            slots,
            names,
            data_start: header.len() as u64,
            end,
        })
    }

    /// Quantises and writes the whole tensor `name`, row-major.
    pub fn write_tensor(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let slot = &self.slots[self.slot(name)?];
        if values.len() != slot.elements {
            return Err(self.bad(name, format!("it has {} values, but {} were given", slot.elements, values.len())));
        }
        self.write_part(name, values)
    }

    /// Quantises and writes the next values of the tensor `name`; a whole number of blocks.
    pub fn write_part(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let dtype = self.slots[self.slot(name)?].spec.dtype;
        let mut bytes = Vec::new();
        quant::quantize(dtype, values, &mut bytes).map_err(|error| self.bad(name, error.to_string()))?;
        self.write_bytes(name, &bytes)
    }

    /// Writes the next bytes of the tensor `name`, already in its type.
    pub fn write_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let index = self.slot(name)?;
        let slot = &mut self.slots[index];
        if bytes.len() as u64 > slot.bytes - slot.written {
            let problem = format!(
                "it has {} bytes, {} of them written; {} more are too many",
                slot.bytes,
                slot.written,
                bytes.len()
            );
            return Err(self.bad(name, problem));
        }
        let at = self.data_start + slot.offset + slot.written;
        slot.written += bytes.len() as u64;
        self.writer
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.writer.write_all(bytes))
            .map_err(|error| Error::io(&self.name, error))
    }

    /// Ends the file and gives the writer back. Every tensor must have been written.
    pub fn finish(mut self) -> Result<W> {
        if let Some(slot) = self.slots.iter().find(|slot| slot.written != slot.bytes) {
            let problem = format!("only {} of its {} bytes were written", slot.written, slot.bytes);
            return Err(self.bad(&slot.spec.name, problem));
        }
        // Padding after the last tensor: ggml's readers expect the data to end on the alignment.
        if let Some(last) = self.slots.last() {
            let padding = vec![0; (self.end - last.offset - last.bytes) as usize];
            self.writer
                .seek(SeekFrom::Start(self.data_start + last.offset + last.bytes))
                .and_then(|_| self.writer.write_all(&padding))
                .map_err(|error| Error::io(&self.name, error))?;
        }
        self.writer.flush().map_err(|error| Error::io(&self.name, error))?;
        Ok(self.writer)
    }

    fn slot(&self, name: &str) -> Result<usize> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| self.bad(name, "it was not announced".to_owned()))
    }

    fn bad(&self, name: &str, problem: String) -> Error {
        Error::Tensor {
            file: self.name.clone(),
            name: name.to_owned(),
            problem,
        }
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(v) => out.push(*v),
        Value::I8(v) => out.push(*v as u8),
        Value::U16(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::I16(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::U32(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::I32(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::U64(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::I64(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::F32(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::F64(v) => out.extend_from_slice(&v.to_le_bytes()),
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::String(v) => put_string(out, v),
        Value::Array(v) => put_array(out, v),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    out.extend_from_slice(&array.type_id().to_le_bytes());
    out.extend_from_slice(&(array.len() as u64).to_le_bytes());
    macro_rules! numbers {
        ($values:expr) => {
            for value in $values {
                out.extend_from_slice(&value.to_le_bytes());
            }
        };
    }
    match array {
        Array::U8(v) => out.extend_from_slice(v),
        Array::I8(v) => numbers!(v),
        Array::U16(v) => numbers!(v),
        Array::I16(v) => numbers!(v),
        Array::U32(v) => numbers!(v),
        Array::I32(v) => numbers!(v),
        Array::U64(v) => numbers!(v),
        Array::I64(v) => numbers!(v),
        Array::F32(v) => numbers!(v),
        Array::F64(v) => numbers!(v),
        Array::Bool(v) => out.extend(v.iter().map(|&b| u8::from(b))),
        Array::String(v) => v.iter().for_each(|text| put_string(out, text)),
        Array::Array(v) => v.iter().for_each(|inner| put_array(out, inner)),
    }
}

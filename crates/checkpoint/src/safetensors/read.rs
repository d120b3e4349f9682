//! Parses a header and serves tensors' bytes. Nothing in the header is trusted: see `tests/mutations.rs`.

use super::MAX_HEADER;
use super::header::{Entry, Header};
use crate::error::{Error, Result};
use crate::source::ByteSource;
use decoder::{DType, TensorInfo, TensorSource};
use std::collections::HashMap;

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The file's word for the type: `F32`, `BF16`, `I64`, …
    pub stored_type: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub bytes: u64,
}

impl Tensor {
    /// The type, where a decoder can use it.
    pub fn dtype(&self) -> Option<DType> {
        match self.stored_type.as_str() {
            "F32" => Some(DType::F32),
            "F16" => Some(DType::F16),
            "BF16" => Some(DType::BF16),
            _ => None,
        }
    }
}

/// A file whose tensors are read on demand.
#[derive(Debug)]
pub struct SafetensorsFile<S> {
    source: S,
    names: Vec<String>,
    tensors: HashMap<String, Tensor>,
}

impl<S: ByteSource> SafetensorsFile<S> {
    /// Reads and checks the header.
    pub async fn open(source: S) -> Result<SafetensorsFile<S>> {
        let wrong = |problem: String| Error::WrongFormat {
            file: source.name().to_owned(),
            expected: "safetensors",
            problem,
        };
        if source.len() < 8 {
            return Err(wrong(format!("it has {} bytes", source.len())));
        }
        let mut prefix = [0; 9];
        let prefix = &mut prefix[..source.len().min(9) as usize];
        source.read(0, prefix).await?;
        let length = u64::from_le_bytes(prefix[..8].try_into().expect("eight bytes"));
        if prefix.get(8) != Some(&b'{') || length < 2 {
            return Err(wrong("no JSON header follows its first eight bytes".to_owned()));
        }
        if length > MAX_HEADER {
            return Err(wrong(format!("its header would have {length} bytes; {MAX_HEADER} is the most")));
        }
        if length > source.len() - 8 {
            return Err(Error::Truncated {
                file: source.name().to_owned(),
                field: "the header".to_owned(),
                offset: 8,
                needed: length,
                len: source.len(),
            });
        }
        let mut json = vec![0; length as usize];
        source.read(8, &mut json).await?;
        let header: Header = serde_json::from_slice(&json).map_err(|error| Error::Malformed {
            file: source.name().to_owned(),
            field: "the header".to_owned(),
            problem: error.to_string(),
        })?;
        let mut file = SafetensorsFile {
            names: Vec::new(),
            tensors: HashMap::new(),
            source,
        };
        for (name, entry) in header.0 {
            let tensor = check(&file.source, &name, entry, 8 + length)?;
            file.names.push(name.clone());
            file.tensors.insert(name, tensor);
        }
        file.check_overlap()?;
        Ok(file)
    }

    /// Names of the tensors, in the file's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The tensor `name`.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Reads bytes of the tensor `name` from byte `offset` of it.
    pub async fn read_tensor(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let bad = |problem: String| Error::Tensor {
            file: self.source.name().to_owned(),
            name: name.to_owned(),
            problem,
        };
        let tensor = self
            .tensors
            .get(name)
            .ok_or_else(|| bad("the file has no such tensor".to_owned()))?;
        match offset.checked_add(buffer.len() as u64) {
            Some(end) if end <= tensor.bytes => self.source.read(tensor.offset + offset, buffer).await,
            _ => Err(bad(format!(
                "it has {} bytes; {} from byte {offset} were asked for",
                tensor.bytes,
                buffer.len()
            ))),
        }
    }

    fn check_overlap(&self) -> Result<()> {
        let mut order: Vec<&String> = self.names.iter().collect();
        order.sort_by_key(|&name| (self.tensors[name].offset, self.tensors[name].bytes));
        for pair in order.windows(2) {
            let (first, second) = (&self.tensors[pair[0]], &self.tensors[pair[1]]);
            if first.offset + first.bytes > second.offset {
                return Err(Error::Tensor {
                    file: self.source.name().to_owned(),
                    name: pair[1].clone(),
                    problem: format!("its bytes overlap those of `{}`", pair[0]),
                });
            }
        }
        Ok(())
    }
}

/// Bytes of a value of the file's type.
fn width(stored_type: &str) -> Option<u64> {
    Some(match stored_type {
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" => 1,
        "I16" | "U16" | "F16" | "BF16" => 2,
        "I32" | "U32" | "F32" => 4,
        "I64" | "U64" | "F64" | "C64" => 8,
        _ => return None,
    })
}

fn check(source: &impl ByteSource, name: &str, entry: Entry, data_start: u64) -> Result<Tensor> {
    let bad = |problem: String| Error::Tensor {
        file: source.name().to_owned(),
        name: name.to_owned(),
        problem,
    };
    let width = width(&entry.dtype).ok_or_else(|| bad(format!("its type `{}` is unknown", entry.dtype)))?;
    let [start, end] = entry.data_offsets;
    let bytes = entry.shape.iter().try_fold(width, |product, &size| product.checked_mul(size));
    let bytes = bytes.ok_or_else(|| bad("more values than can be counted".to_owned()))?;
    if start.checked_add(bytes) != Some(end) {
        return Err(bad(format!(
            "its shape {:?} needs {bytes} bytes, but its offsets are {start} to {end}",
            entry.shape
        )));
    }
    let data = source.len() - data_start;
    if end > data {
        return Err(Error::Truncated {
            file: source.name().to_owned(),
            field: format!("tensor `{name}`"),
            offset: data_start.saturating_add(start),
            needed: bytes,
            len: source.len(),
        });
    }
    let shape: Option<Vec<usize>> = entry.shape.iter().map(|&size| size.try_into().ok()).collect();
    let shape = shape.ok_or_else(|| bad("a dimension does not fit the address space".to_owned()))?;
    Ok(Tensor {
        stored_type: entry.dtype,
        shape,
        offset: data_start + start,
        bytes,
    })
}

impl<S: ByteSource> TensorSource for SafetensorsFile<S> {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        let tensor = self.tensors.get(name)?;
        Some(TensorInfo {
            dtype: tensor.dtype()?,
            shape: tensor.shape.clone(),
        })
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> decoder::Result<()> {
        self.read_tensor(name, offset, buffer).await.map_err(|error| error.reading(name))
    }
}

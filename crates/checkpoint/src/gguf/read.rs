//! Parses a header. Nothing in it is trusted: see the tests in `tests/mutations.rs`.

use super::cursor::Cursor;
use super::{Array, DEFAULT_ALIGNMENT, Gguf, GgufTensor, MAGIC, MAX_COUNT, MAX_DIMENSIONS, Value};
use crate::error::{Error, Result};
use crate::source::ByteSource;
use decoder::{DType, TensorInfo};

/// Arrays of arrays may nest this deep; no known file nests at all.
const MAX_DEPTH: u32 = 4;

/// Reads the header of `source`: as many bytes as it has, never the tensors.
pub async fn read_header(source: &impl ByteSource) -> Result<Gguf> {
    let mut cursor = Cursor::new(source);
    let wrong = |problem: String| Error::WrongFormat {
        file: source.name().to_owned(),
        expected: "GGUF",
        problem,
    };
    if source.len() < 4 {
        return Err(wrong(format!("it has {} bytes", source.len())));
    }
    let magic: [u8; 4] = cursor.array(|| "the magic number".to_owned()).await?;
    if &magic != MAGIC {
        return Err(wrong(describe(&magic)));
    }
    let version = cursor.u32(|| "the version".to_owned()).await?;
    if version & 0xffff == 0 {
        return Err(Error::Unsupported {
            file: source.name().to_owned(),
            what: "byte order".to_owned(),
            value: format!("big-endian (version {})", version.swap_bytes()),
            supported: "little-endian".to_owned(),
        });
    }
    if !(2..=3).contains(&version) {
        return Err(Error::Unsupported {
            file: source.name().to_owned(),
            what: "GGUF version".to_owned(),
            value: version.to_string(),
            supported: "2, 3".to_owned(),
        });
    }
    let tensors = cursor.u64(|| "the number of tensors".to_owned()).await?;
    let entries = cursor.u64(|| "the number of metadata entries".to_owned()).await?;
    // The least that an entry takes: length of the key, type, one byte. And a tensor: length of the name, n, type, offset.
    check_count(&cursor, "the number of metadata entries", entries, 13)?;
    check_count(&cursor, "the number of tensors", tensors, 24)?;

    let mut gguf = Gguf {
        version,
        ..Gguf::default()
    };
    for index in 0..entries {
        let key = cursor.string(|| format!("the key of metadata entry {index}")).await?;
        let kind = cursor.u32(|| key.clone()).await?;
        let value = read_value(&mut cursor, &key, kind).await?;
        if !gguf.insert(key.clone(), value) {
            return Err(cursor.malformed(key, "this key is there twice"));
        }
    }
    let alignment = alignment(&cursor, &gguf)?;
    for index in 0..tensors {
        let tensor = read_tensor(&mut cursor, index, alignment).await?;
        if gguf.names.insert(tensor.name.clone(), gguf.tensors.len()).is_some() {
            return Err(bad_tensor(source, &tensor.name, "this name is there twice".to_owned()));
        }
        gguf.tensors.push(tensor);
    }
    gguf.data_start = cursor.position().next_multiple_of(alignment);
    place_tensors(source, &mut gguf)?;
    Ok(gguf)
}

/// What a file that is no GGUF seems to be.
fn describe(magic: &[u8; 4]) -> String {
    match magic {
        b"FUGG" => "its magic number is reversed: a big-endian file".to_owned(),
        b"lmgg" | b"fmgg" | b"tjgg" | b"algg" => "it is an older ggml file; convert the model again with a current llama.cpp".to_owned(),
        [b'P', b'K', 3, 4] => "it is a zip archive or a PyTorch checkpoint".to_owned(),
        [b'<', ..] => "it looks like a web page: the address may lead to a page about the file".to_owned(),
        b"vers" => "it is a Git LFS pointer, not the file itself".to_owned(),
        _ => format!("it begins with {magic:02x?}"),
    }
}

fn check_count<S: ByteSource>(cursor: &Cursor<'_, S>, field: &str, count: u64, least: u64) -> Result<()> {
    if count > MAX_COUNT {
        return Err(cursor.malformed(field, format!("{count}, but at most {MAX_COUNT} are read")));
    }
    cursor.check(count * least, || field.to_owned())
}

fn alignment<S: ByteSource>(cursor: &Cursor<'_, S>, gguf: &Gguf) -> Result<u64> {
    let Some(value) = gguf.get("general.alignment") else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    match value.as_u64() {
        Some(alignment) if alignment.is_power_of_two() && (1..=1 << 20).contains(&alignment) => Ok(alignment),
        _ => Err(cursor.malformed("general.alignment", format!("{value:?} is no power of two up to 1048576"))),
    }
}

async fn read_value<S: ByteSource>(cursor: &mut Cursor<'_, S>, key: &str, kind: u32) -> Result<Value> {
    let field = || key.to_owned();
    Ok(match kind {
        0 => Value::U8(cursor.array::<1>(field).await?[0]),
        1 => Value::I8(cursor.array::<1>(field).await?[0] as i8),
        2 => Value::U16(u16::from_le_bytes(cursor.array(field).await?)),
        3 => Value::I16(i16::from_le_bytes(cursor.array(field).await?)),
        4 => Value::U32(u32::from_le_bytes(cursor.array(field).await?)),
        5 => Value::I32(i32::from_le_bytes(cursor.array(field).await?)),
        6 => Value::F32(f32::from_le_bytes(cursor.array(field).await?)),
        7 => {
            let byte = cursor.array::<1>(field).await?[0];
            Value::Bool(boolean(cursor, key, byte)?)
        }
        8 => Value::String(cursor.string(field).await?),
        9 => Value::Array(read_array(cursor, key).await?),
        10 => Value::U64(u64::from_le_bytes(cursor.array(field).await?)),
        11 => Value::I64(i64::from_le_bytes(cursor.array(field).await?)),
        12 => Value::F64(f64::from_le_bytes(cursor.array(field).await?)),
        _ => return Err(unknown_kind(cursor, key, kind)),
    })
}

fn unknown_kind<S: ByteSource>(cursor: &Cursor<'_, S>, key: &str, kind: u32) -> Error {
    cursor.malformed(key, format!("value type {kind} is unknown (0 to 12 exist)"))
}

fn boolean<S: ByteSource>(cursor: &Cursor<'_, S>, key: &str, byte: u8) -> Result<bool> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(cursor.malformed(key, format!("a boolean is 0 or 1, not {other}"))),
    }
}

/// An array under construction, so that nesting needs no recursion of futures.
struct Frame {
    left: u64,
    done: Vec<Array>,
}

async fn read_array<S: ByteSource>(cursor: &mut Cursor<'_, S>, key: &str) -> Result<Array> {
    let mut open: Vec<Frame> = Vec::new();
    loop {
        let kind = cursor.u32(|| key.to_owned()).await?;
        let count = cursor.u64(|| key.to_owned()).await?;
        let mut finished = if kind == 9 {
            if open.len() as u32 == MAX_DEPTH {
                return Err(cursor.malformed(key, format!("arrays nest deeper than {MAX_DEPTH}")));
            }
            check_elements(cursor, key, count, 12)?;
            open.push(Frame {
                left: count,
                done: Vec::new(),
            });
            None
        } else {
            Some(read_elements(cursor, key, kind, count).await?)
        };
        // Hand what is finished to the array around it, which may finish that one too.
        loop {
            match (finished.take(), open.last_mut()) {
                (Some(array), None) => return Ok(array),
                (Some(array), Some(frame)) => {
                    frame.done.push(array);
                    frame.left -= 1;
                }
                (None, _) => {}
            }
            match open.last() {
                Some(frame) if frame.left == 0 => finished = open.pop().map(|frame| Array::Array(frame.done)),
                _ => break,
            }
        }
    }
}

fn check_elements<S: ByteSource>(cursor: &Cursor<'_, S>, key: &str, count: u64, least: u64) -> Result<()> {
    let bytes = count
        .checked_mul(least)
        .ok_or_else(|| cursor.malformed(key, format!("{count} elements are more than any file holds")))?;
    cursor.check(bytes, || key.to_owned())
}

async fn read_elements<S: ByteSource>(cursor: &mut Cursor<'_, S>, key: &str, kind: u32, count: u64) -> Result<Array> {
    macro_rules! numbers {
        ($variant:ident, $type:ty) => {{
            const WIDTH: usize = size_of::<$type>();
            check_elements(cursor, key, count, WIDTH as u64)?;
            let bytes = cursor.bytes(count * WIDTH as u64, || key.to_owned()).await?;
            Array::$variant(
                bytes
                    .chunks_exact(WIDTH)
                    .map(|chunk| <$type>::from_le_bytes(chunk.try_into().expect("WIDTH bytes")))
                    .collect(),
            )
        }};
    }
    Ok(match kind {
        0 => numbers!(U8, u8),
        1 => numbers!(I8, i8),
        2 => numbers!(U16, u16),
        3 => numbers!(I16, i16),
        4 => numbers!(U32, u32),
        5 => numbers!(I32, i32),
        6 => numbers!(F32, f32),
        7 => {
            check_elements(cursor, key, count, 1)?;
            let bytes = cursor.bytes(count, || key.to_owned()).await?;
            Array::Bool(bytes.into_iter().map(|byte| boolean(cursor, key, byte)).collect::<Result<_>>()?)
        }
        8 => {
            check_elements(cursor, key, count, 8)?;
            let mut strings = Vec::new();
            for index in 0..count {
                strings.push(cursor.string(|| format!("{key}[{index}]")).await?);
            }
            Array::String(strings)
        }
        10 => numbers!(U64, u64),
        11 => numbers!(I64, i64),
        12 => numbers!(F64, f64),
        _ => return Err(unknown_kind(cursor, key, kind)),
    })
}

fn bad_tensor(source: &impl ByteSource, name: &str, problem: String) -> Error {
    Error::Tensor {
        file: source.name().to_owned(),
        name: name.to_owned(),
        problem,
    }
}

/// Reads a row of the table; its offset is still relative to the data.
async fn read_tensor<S: ByteSource>(cursor: &mut Cursor<'_, S>, index: u64, alignment: u64) -> Result<GgufTensor> {
    let name = cursor.string(|| format!("the name of tensor {index}")).await?;
    let file = cursor.name().to_owned();
    let bad = |problem: String| Error::Tensor {
        file: file.clone(),
        name: name.clone(),
        problem,
    };
    let field = || format!("tensor `{name}`");
    let dimensions = cursor.u32(field).await?;
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(bad(format!("{dimensions} dimensions, but 1 to {MAX_DIMENSIONS} is right")));
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    let mut elements = 1u64;
    for _ in 0..dimensions {
        let size = cursor.u64(field).await?;
        let size = usize::try_from(size)
            .ok()
            .filter(|&size| size > 0)
            .ok_or_else(|| bad(format!("a dimension of {size}")))?;
        elements = elements
            .checked_mul(size as u64)
            .ok_or_else(|| bad("more values than can be counted".to_owned()))?;
        shape.push(size);
    }
    let id = cursor.u32(field).await?;
    let dtype = DType::from_ggml(id).ok_or_else(|| Error::Unsupported {
        file: file.clone(),
        what: format!("tensor `{name}`: type"),
        value: foreign_type(id),
        supported: DType::ALL.map(DType::name).join(", "),
    })?;
    let offset = cursor.u64(field).await?;
    if !offset.is_multiple_of(alignment) {
        return Err(bad(format!("its offset {offset} is no multiple of the alignment {alignment}")));
    }
    // Innermost first in the file.
    let block_len = dtype.block_len() as u64;
    if !(shape[0] as u64).is_multiple_of(block_len) {
        return Err(bad(format!(
            "rows of {} values are no whole number of {dtype} blocks of {block_len}",
            shape[0]
        )));
    }
    let bytes = (elements / block_len).checked_mul(dtype.block_bytes() as u64);
    let bytes = bytes.ok_or_else(|| bad("more bytes than can be counted".to_owned()))?;
    shape.reverse();
    Ok(GgufTensor {
        name,
        info: TensorInfo { dtype, shape },
        offset,
        bytes,
    })
}

/// Makes offsets absolute, and refuses tensors that leave the file or share bytes.
fn place_tensors(source: &impl ByteSource, gguf: &mut Gguf) -> Result<()> {
    let len = source.len();
    for tensor in &mut gguf.tensors {
        let end = gguf
            .data_start
            .checked_add(tensor.offset)
            .and_then(|start| start.checked_add(tensor.bytes));
        match end {
            Some(end) if end <= len => tensor.offset += gguf.data_start,
            _ => {
                return Err(Error::Truncated {
                    file: source.name().to_owned(),
                    field: format!("tensor `{}`", tensor.name),
                    offset: gguf.data_start.saturating_add(tensor.offset),
                    needed: tensor.bytes,
                    len,
                });
            }
        }
    }
    let mut order: Vec<&GgufTensor> = gguf.tensors.iter().collect();
    order.sort_by_key(|tensor| tensor.offset);
    for pair in order.windows(2) {
        if pair[0].offset + pair[0].bytes > pair[1].offset {
            return Err(bad_tensor(
                source,
                &pair[1].name,
                format!("its bytes overlap those of `{}`", pair[0].name),
            ));
        }
    }
    Ok(())
}

/// Names of ggml types that this program does not compute with, for the message.
fn foreign_type(id: u32) -> String {
    let name = match id {
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => return format!("number {id}"),
    };
    name.to_owned()
}

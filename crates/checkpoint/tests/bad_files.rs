//! Files that are damaged, lie, or are something else: each gets an error that names what is wrong, and none costs memory.

use mmedkit_checkpoint::safetensors::SafetensorsFile;
use mmedkit_checkpoint::{ByteSource, GgufFile, Memory, Result};

/// A file that claims `len` bytes and holds zeros after its first ones.
struct Vast(Vec<u8>, u64);

impl ByteSource for Vast {
    fn name(&self) -> &str {
        "vast.gguf"
    }

    fn len(&self) -> u64 {
        self.1
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        assert!(offset + buffer.len() as u64 <= self.1);
        for (i, byte) in buffer.iter_mut().enumerate() {
            *byte = self.0.get(offset as usize + i).copied().unwrap_or(0);
        }
        Ok(())
    }
}

fn gguf_error(source: impl ByteSource) -> String {
    match pollster::block_on(GgufFile::open(source)) {
        Ok(_) => panic!("a bad file was read"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn refuse(bytes: Vec<u8>, words: &[&str]) {
    let error = gguf_error(Memory::new("bad.gguf", bytes));
    for word in ["bad.gguf"].iter().chain(words) {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}

/// A header, piece by piece.
#[derive(Clone)]
struct Builder(Vec<u8>);

impl Builder {
    fn new(tensors: u64, entries: u64) -> Builder {
        Builder(b"GGUF\x03\0\0\0".to_vec()).u64(tensors).u64(entries)
    }

    fn u32(mut self, value: u32) -> Builder {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Builder {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn text(mut self, text: &str) -> Builder {
        self = self.u64(text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }

    fn tensor(self, name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Builder {
        let start = self.text(name).u32(dimensions.len() as u32);
        dimensions.iter().fold(start, |b, &size| b.u64(size)).u32(kind).u64(offset)
    }

    fn data(mut self, bytes: usize) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(32) + bytes, 0);
        self.0
    }
}

#[test]
fn other_kinds_of_files_are_recognised() {
    refuse(vec![], &["no GGUF file", "0 bytes"]);
    refuse(b"<!DOCTYPE html><html>".to_vec(), &["no GGUF file", "web page"]);
    refuse(b"PK\x03\x04aaaaaaa".to_vec(), &["no GGUF file", "zip"]);
    refuse(b"version https://git-lfs.github.com/spec/v1".to_vec(), &["Git LFS pointer"]);
    refuse(b"lmgg\x01\0\0\0".to_vec(), &["older ggml file"]);
    refuse(b"GGUF\0\0\0\x03".to_vec(), &["byte order", "big-endian (version 3)"]);
    refuse(b"GGUF\x01\0\0\0".to_vec(), &["GGUF version", "`1`", "2, 3"]);
    refuse(b"GGUF\x09\0\0\0".to_vec(), &["GGUF version", "`9`"]);
    refuse(b"GGUF\x03\0\0\0aa".to_vec(), &["cut short", "the number of tensors"]);
}

#[test]
fn counts_and_lengths_that_lie_are_refused() {
    refuse(Builder::new(0, u64::MAX).data(0), &["number of metadata entries", "65536"]);
    refuse(Builder::new(u64::MAX, 0).data(0), &["number of tensors"]);
    refuse(Builder::new(0, 60000).data(0), &["cut short", "number of metadata entries"]);
    refuse(Builder::new(0, 1).u64(u64::MAX).data(64), &["cut short", "key of metadata entry 0"]);
    refuse(
        Builder::new(0, 1).text("k").u32(8).u64(u64::MAX).data(64),
        &["cut short", "k needs 18446744073709551615"],
    );
    refuse(
        Builder::new(0, 1).text("k").u32(9).u32(10).u64(u64::MAX / 8).data(64),
        &["cut short", "k needs"],
    );
    refuse(
        Builder::new(0, 1).text("k").u32(9).u32(12).u64(u64::MAX).data(64),
        &["k", "more than any file holds"],
    );
    refuse(Builder::new(0, 1).text("k").u32(9).u32(8).u64(1000).data(64), &["cut short", "k"]);
    refuse(Builder::new(0, 1).text("k").u32(13).data(64), &["k", "value type 13"]);
    refuse(Builder::new(0, 1).text("k").u32(9).u32(99).u64(1).data(64), &["k", "value type 99"]);
    refuse(
        Builder::new(0, 1).text("k").u32(7).u32(7).data(64),
        &["k", "a boolean is 0 or 1, not 7"],
    );
    let nested = (0..6).fold(Builder::new(0, 1).text("deep").u32(9), |b, _| b.u32(9).u64(1));
    refuse(nested.data(64), &["deep", "nest deeper"]);
    refuse(
        Builder::new(0, 2).text("k").u32(4).u32(1).text("k").u32(4).u32(1).data(64),
        &["k: this key is there twice"],
    );
    for alignment in [0, 3, 1 << 30] {
        refuse(
            Builder::new(0, 1).text("general.alignment").u32(4).u32(alignment).data(64),
            &["general.alignment", "power of two"],
        );
    }
}

#[test]
fn tensors_that_lie_are_refused() {
    let one = |dimensions: &[u64], kind, offset| Builder::new(1, 0).tensor("w", dimensions, kind, offset).data(1024);
    refuse(one(&[4; 5], 0, 0), &["`w`", "5 dimensions"]);
    refuse(one(&[], 0, 0), &["`w`", "0 dimensions"]);
    refuse(one(&[0], 0, 0), &["`w`", "dimension of 0"]);
    refuse(one(&[u64::MAX, 2], 0, 0), &["`w`", "more values than can be counted"]);
    refuse(one(&[1 << 62], 0, 0), &["`w`"]);
    refuse(one(&[100], 12, 0), &["`w`", "rows of 100 values", "Q4_K blocks of 256"]);
    refuse(one(&[32], 20, 0), &["`w`", "IQ4_NL", "supported: F32"]);
    refuse(one(&[32], 77, 0), &["`w`", "number 77"]);
    refuse(one(&[32], 0, 4), &["`w`", "offset 4", "alignment 32"]);
    refuse(one(&[32], 0, 1024), &["cut short", "`w`"]);
    refuse(one(&[32], 0, u64::MAX - 31), &["cut short", "`w`"]);
    refuse(one(&[257], 0, 0), &["cut short", "`w`", "1028 bytes"]);
    let two = |name, offset| {
        Builder::new(2, 0)
            .tensor("w", &[16], 0, 0)
            .tensor(name, &[16], 0, offset)
            .data(1024)
    };
    refuse(two("v", 32), &["`v`", "overlap those of `w`"]);
    refuse(two("w", 64), &["`w`", "this name is there twice"]);
    // The honest ones are read.
    for bytes in [two("v", 64), one(&[256], 12, 32), one(&[256], 0, 0)] {
        pollster::block_on(GgufFile::open(Memory::new("good.gguf", bytes))).unwrap();
    }
}

#[test]
fn a_vast_file_is_not_read_into_memory() {
    // A terabyte that claims one string of almost all of it: refused at the header's limit, before anything is reserved.
    let bytes = Builder::new(0, 1).text("k").u32(8).u64(900 << 30).0;
    let error = gguf_error(Vast(bytes, 1 << 40));
    assert!(error.contains("k: the header would be larger than 128 MiB"), "{error}");
    // And one whose table is honest is opened by its first MiB.
    let bytes = Builder::new(1, 0).tensor("w", &[1 << 30, 200], 0, 0).0;
    let file = pollster::block_on(GgufFile::open(Vast(bytes, 1 << 40))).unwrap();
    assert_eq!(file.header().tensor("w").unwrap().bytes, 800 << 30);
}

#[track_caller]
fn refuse_safetensors(header: &str, data: usize, words: &[&str]) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    refuse_safetensors_bytes(bytes, words);
}

#[track_caller]
fn refuse_safetensors_bytes(bytes: Vec<u8>, words: &[&str]) {
    let error = pollster::block_on(SafetensorsFile::open(Memory::new("bad.safetensors", bytes)))
        .unwrap_err()
        .to_string();
    for word in ["bad.safetensors"].iter().chain(words) {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn safetensors_that_lie_are_refused() {
    refuse_safetensors_bytes(vec![1, 2], &["no safetensors file", "2 bytes"]);
    refuse_safetensors_bytes(b"GGUF\0\0\0\0aaaaaaaaaaaa".to_vec(), &["no safetensors file"]);
    let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    refuse_safetensors_bytes(huge, &["18446744073709551615"]);
    let long = [&1000u64.to_le_bytes()[..], b"{}"].concat();
    refuse_safetensors_bytes(long, &["cut short", "the header", "1000"]);
    refuse_safetensors("{]", 0, &["the header"]);
    refuse_safetensors(r#"{"w":{"dtype":"F32","shape":[2]}}"#, 8, &["data_offsets"]);
    refuse_safetensors(r#"{"w":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#, 8, &["`w`", "F33"]);
    refuse_safetensors(
        r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}"#,
        12,
        &["`w`", "needs 8 bytes"],
    );
    refuse_safetensors(r#"{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, &["the header"]);
    refuse_safetensors(
        r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
        8,
        &["`w`", "counted"],
    );
    refuse_safetensors(
        r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
        8,
        &["cut short", "`w`"],
    );
    refuse_safetensors(
        r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615]}}"#,
        8,
        &["`w`"],
    );
    let pair = |name: &str, start: u64| {
        format!(
            r#"{{"w":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}},"{name}":{{"dtype":"F32","shape":[2],"data_offsets":[{start},{}]}}}}"#,
            start + 8
        )
    };
    refuse_safetensors(&pair("v", 4), 16, &["`v`", "overlap those of `w`"]);
    refuse_safetensors(&pair("w", 8), 16, &["`w` is there twice"]);
}

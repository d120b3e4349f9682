//! What the tests share: fixtures, and a reader of GGUF metadata that is independent of the project's own.
#![allow(dead_code)] // each test binary uses a part

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use mmedkit_tokenizer::Metadata;

/// A fixture beside the tests.
pub fn fixture(name: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files of the conformance folder's `tokenizers` that end so; `None` where there is no conformance folder at all.
pub fn conformance_files(ending: &str) -> Option<Vec<PathBuf>> {
    let folder = conformance::folder()?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("tokenizers"))
        .unwrap_or_else(|error| panic!("{}/tokenizers: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}/tokenizers has no files *{ending}", folder.display());
    Some(files)
}

enum Value {
    Number(i128),
    Float(f32),
    Bool(bool),
    String(String),
    Numbers(Vec<i64>),
    Floats(Vec<f32>),
    Strings(Vec<String>),
    Other,
}

/// Metadata of a GGUF file.
pub struct GgufMetadata(HashMap<String, Value>);

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        head
    }
    fn integer(&mut self, bytes: usize) -> u64 {
        let mut all = [0; 8];
        all[..bytes].copy_from_slice(self.take(bytes));
        u64::from_le_bytes(all)
    }
    fn string(&mut self) -> String {
        let length = self.integer(8) as usize;
        String::from_utf8(self.take(length).to_vec()).expect("GGUF strings are UTF-8")
    }
    fn value(&mut self, kind: u64) -> Value {
        match kind {
            0 => Value::Number(self.integer(1).into()),
            1 => Value::Number((self.integer(1) as i8).into()),
            2 => Value::Number(self.integer(2).into()),
            3 => Value::Number((self.integer(2) as i16).into()),
            4 => Value::Number(self.integer(4).into()),
            5 => Value::Number((self.integer(4) as i32).into()),
            6 => Value::Float(f32::from_bits(self.integer(4) as u32)),
            7 => Value::Bool(self.integer(1) != 0),
            8 => Value::String(self.string()),
            9 => self.array(),
            10 => Value::Number(self.integer(8).into()),
            11 => Value::Number((self.integer(8) as i64).into()),
            12 => {
                self.take(8);
                Value::Other
            }
            other => panic!("GGUF has no type {other}"),
        }
    }
    fn array(&mut self) -> Value {
        let kind = self.integer(4);
        let count = self.integer(8);
        let values: Vec<Value> = (0..count).map(|_| self.value(kind)).collect();
        match kind {
            6 => Value::Floats(
                values
                    .iter()
                    .map(|value| if let Value::Float(x) = value { *x } else { unreachable!() })
                    .collect(),
            ),
            8 => Value::Strings(
                values
                    .into_iter()
                    .map(|value| if let Value::String(x) = value { x } else { unreachable!() })
                    .collect(),
            ),
            0..=5 | 10 | 11 => Value::Numbers(
                values
                    .iter()
                    .map(|value| if let Value::Number(x) = value { *x as i64 } else { unreachable!() })
                    .collect(),
            ),
            _ => Value::Other,
        }
    }
}

impl GgufMetadata {
    pub fn read(path: &Path) -> GgufMetadata {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = Reader(&bytes);
        assert_eq!(reader.take(4), b"GGUF", "{}", path.display());
        let (_version, _tensors, count) = (reader.integer(4), reader.integer(8), reader.integer(8));
        let values = (0..count).map(|_| {
            let key = reader.string();
            let kind = reader.integer(4);
            (key, reader.value(kind))
        });
        GgufMetadata(values.collect())
    }
}

impl Metadata for GgufMetadata {
    fn string(&self, key: &str) -> Option<String> {
        if let Value::String(value) = self.0.get(key)? {
            Some(value.clone())
        } else {
            None
        }
    }
    fn unsigned(&self, key: &str) -> Option<u64> {
        if let Value::Number(value) = self.0.get(key)? {
            u64::try_from(*value).ok()
        } else {
            None
        }
    }
    fn boolean(&self, key: &str) -> Option<bool> {
        if let Value::Bool(value) = self.0.get(key)? {
            Some(*value)
        } else {
            None
        }
    }
    fn strings(&self, key: &str) -> Option<Vec<String>> {
        if let Value::Strings(values) = self.0.get(key)? {
            Some(values.clone())
        } else {
            None
        }
    }
    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        if let Value::Numbers(values) = self.0.get(key)? {
            Some(values.clone())
        } else {
            None
        }
    }
    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        if let Value::Floats(values) = self.0.get(key)? {
            Some(values.clone())
        } else {
            None
        }
    }
}

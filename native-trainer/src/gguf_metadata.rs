//! GGUF metadata between the crates `checkpoint` and `tokenizer`, which do not know each other.

use checkpoint::{Array, Gguf, Value};
use tokenizer::{Metadata, MetadataTable, MetadataValue};

/// A header as the tokenizer sees it.
pub struct Header<'a>(pub &'a Gguf);

impl Metadata for Header<'_> {
    fn string(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    fn unsigned(&self, key: &str) -> Option<u64> {
        self.0.get(key)?.as_u64()
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    fn strings(&self, key: &str) -> Option<Vec<String>> {
        self.0.get(key)?.as_strings().map(<[String]>::to_vec)
    }

    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        self.0.get(key)?.as_array()?.to_i64s()
    }

    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        match self.0.get(key)?.as_array()? {
            Array::F32(values) => Some(values.clone()),
            _ => None,
        }
    }
}

/// A tokenizer's entries as a file stores them.
pub fn entries(table: MetadataTable) -> Vec<(String, Value)> {
    let value = |value| match value {
        MetadataValue::String(text) => Value::String(text),
        MetadataValue::U32(number) => Value::U32(number),
        MetadataValue::Bool(flag) => Value::Bool(flag),
        MetadataValue::Strings(texts) => Value::Array(Array::String(texts)),
        MetadataValue::I32s(numbers) => Value::Array(Array::I32(numbers)),
        MetadataValue::F32s(numbers) => Value::Array(Array::F32(numbers)),
    };
    table.0.into_iter().map(|(key, entry)| (key, value(entry))).collect()
}

//! What a tokenizer wants to know of a GGUF file, and what it gives one to keep.

use tokenizer::{Metadata, MetadataTable, MetadataValue};

use super::{Array, Gguf, Value};

impl Metadata for Gguf {
    fn string(&self, key: &str) -> Option<String> {
        self.get(key)?.as_str().map(str::to_owned)
    }

    fn unsigned(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    fn strings(&self, key: &str) -> Option<Vec<String>> {
        self.get(key)?.as_strings().map(<[String]>::to_vec)
    }

    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        self.get(key)?.as_array()?.to_i64s()
    }

    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        match self.get(key)?.as_array()? {
            Array::F32(values) => Some(values.clone()),
            _ => None,
        }
    }
}

/// A tokenizer's entries as a file stores them.
pub fn vocabulary_entries(table: MetadataTable) -> impl Iterator<Item = (String, Value)> {
    table.0.into_iter().map(|(key, entry)| {
        let value = match entry {
            MetadataValue::String(text) => Value::String(text),
            MetadataValue::U32(number) => Value::U32(number),
            MetadataValue::Bool(flag) => Value::Bool(flag),
            MetadataValue::Strings(texts) => Value::Array(Array::String(texts)),
            MetadataValue::I32s(numbers) => Value::Array(Array::I32(numbers)),
            MetadataValue::F32s(numbers) => Value::Array(Array::F32(numbers)),
        };
        (key, value)
    })
}

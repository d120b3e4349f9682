//! GGUF metadata as this crate sees it: values by key.
//!
//! The crate that reads GGUF files implements [`Metadata`]; nothing here knows the file format. [`MetadataTable`] is the form in which
//! a tokenizer is handed to a writer, and it can be read back.

use std::collections::BTreeMap;

/// Typed look-up by key. `None` where the key is missing or holds another type.
pub trait Metadata {
    /// A string.
    fn string(&self, key: &str) -> Option<String>;
    /// Any integer type, if it is not negative.
    fn unsigned(&self, key: &str) -> Option<u64>;
    /// A Boolean.
    fn boolean(&self, key: &str) -> Option<bool>;
    /// An array of strings.
    fn strings(&self, key: &str) -> Option<Vec<String>>;
    /// An array of any integer type.
    fn integers(&self, key: &str) -> Option<Vec<i64>>;
    /// An array of F32.
    fn floats(&self, key: &str) -> Option<Vec<f32>>;
}

/// A value as GGUF types it.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum MetadataValue {
    String(String),
    U32(u32),
    Bool(bool),
    Strings(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
}

/// Values by key, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataTable(pub BTreeMap<String, MetadataValue>);

impl MetadataTable {
    /// Sets a value.
    pub fn set(&mut self, key: impl Into<String>, value: MetadataValue) {
        self.0.insert(key.into(), value);
    }
}

impl Metadata for MetadataTable {
    fn string(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            MetadataValue::String(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn unsigned(&self, key: &str) -> Option<u64> {
        match self.0.get(key)? {
            MetadataValue::U32(value) => Some(u64::from(*value)),
            _ => None,
        }
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            MetadataValue::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn strings(&self, key: &str) -> Option<Vec<String>> {
        match self.0.get(key)? {
            MetadataValue::Strings(values) => Some(values.clone()),
            _ => None,
        }
    }

    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        match self.0.get(key)? {
            MetadataValue::I32s(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
            _ => None,
        }
    }

    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        match self.0.get(key)? {
            MetadataValue::F32s(values) => Some(values.clone()),
            _ => None,
        }
    }
}

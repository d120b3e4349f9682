//! GGUF metadata for the tokenizer, which knows no file format.

use checkpoint::{Array, Gguf};

/// A header, as the crate `tokenizer` looks things up.
pub struct ForTokenizer<'a>(pub &'a Gguf);

impl tokenizer::Metadata for ForTokenizer<'_> {
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

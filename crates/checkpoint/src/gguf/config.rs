//! What a decoder wants to know of a GGUF file: metadata by key and the shapes of its tensors.

use decoder::Config;
use decoder::config::Metadata;

use super::Gguf;

impl Metadata for Gguf {
    fn integer(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

impl Gguf {
    /// The configuration of the model in the file. Errors name the metadata key or the tensor at fault.
    pub fn config(&self) -> decoder::Result<Config> {
        Config::from_gguf(self, &|name| self.tensor(name).map(|tensor| tensor.info.shape.clone()))
    }
}

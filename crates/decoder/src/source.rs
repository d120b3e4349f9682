//! Where a decoder's tensors come from. Implemented by the crate `checkpoint` for GGUF and safetensors, and by tests.

use crate::{DType, Result};

/// A tensor as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// How its values are stored.
    pub dtype: DType,
    /// Outermost first, as in PyTorch (`[rows, cols]`); GGUF stores the reverse.
    pub shape: Vec<usize>,
}

/// Names tensors and reads their bytes piece by piece; no implementation holds a whole file in memory.
#[allow(async_fn_in_trait)] // engines live on one thread; nothing here must be `Send`
pub trait TensorSource {
    /// What is known of the tensor `name`, or `None` where there is none.
    fn info(&self, name: &str) -> Option<TensorInfo>;

    /// Reads `buffer.len()` bytes of `name` from byte `offset` of the tensor. Errors name the tensor.
    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<()>;
}

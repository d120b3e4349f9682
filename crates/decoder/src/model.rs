//! The forward pass: embed, layers, head. Written once, for every architecture, backend, and for training through the tape.

use crate::backend::Backend;
use crate::names::Param;
use crate::step::{Embed, Head, Layer};
use crate::{Config, Result};

/// The weights of a model, arranged as steps.
#[derive(Clone, Debug)]
pub struct Model<W> {
    /// What it is.
    pub config: Config,
    /// Positions that the RoPE tables cover.
    pub context_length: usize,
    /// Tokens to rows.
    pub embed: Embed<W>,
    /// In order.
    pub layers: Vec<Layer<W>>,
    /// Rows to logits.
    pub head: Head<W>,
    /// Every trainable weight once, indexed by [`crate::step::ParameterId`].
    pub parameters: Vec<(Param, W)>,
}

/// A model on a device.
pub struct Decoder<B: Backend> {
    /// The device.
    pub backend: B,
    /// Its weights.
    pub model: Model<B::Weight>,
}

impl<B: Backend> Decoder<B> {
    /// The model's configuration.
    pub fn config(&self) -> &Config {
        &self.model.config
    }

    /// Number of weights, counting a tied head once.
    pub fn parameter_count(&self) -> u64 {
        self.model
            .parameters
            .iter()
            .map(|(param, _)| param.shape(self.config()))
            .map(|(rows, cols)| rows as u64 * cols as u64)
            .sum()
    }

    /// Hidden states `[T, d]` of a batch, before the last norm.
    pub fn forward(&self, batch: &B::Batch, cache: Option<&B::Cache>) -> Result<B::Tensor> {
        let mut x = self.backend.embed(&self.model.embed, batch)?;
        for layer in &self.model.layers {
            x = block(&self.backend, layer, &x, batch, cache)?;
        }
        Ok(x)
    }
}

/// One layer: `x: [T, d]` → `[T, d]`.
pub fn block<B: Backend>(
    backend: &B,
    layer: &Layer<B::Weight>,
    x: &B::Tensor,
    batch: &B::Batch,
    cache: Option<&B::Cache>,
) -> Result<B::Tensor> {
    let qkv = backend.project_qkv(&layer.qkv, x, batch)?;
    let attended = backend.attend(&layer.attend, &qkv, batch, cache)?;
    let x = backend.project_add(&layer.output, &attended, x)?;
    backend.gated_mlp(&layer.mlp, &x)
}

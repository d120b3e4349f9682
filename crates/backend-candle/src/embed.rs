//! Token ids → rows of the embedding table, times a factor; and the way back: gradients added to those rows.

use crate::math::axpy;
use crate::tensor::{View, expect_cols, from_vec};
use crate::weight::Weight;
use candle_core::Tensor;
use decoder::step::Embed;
use decoder::{Batch, Result};

/// → `[T, d]`. Errors: a token beyond the vocabulary.
pub(crate) fn forward(step: &Embed<Weight>, batch: &Batch) -> Result<Tensor> {
    let (_, width) = step.table.value.shape();
    let mut x = step.table.value.gather(&batch.tokens, "token id")?;
    if step.scale != 1.0 {
        x.iter_mut().for_each(|x| *x *= step.scale);
    }
    from_vec(x, batch.rows(), width)
}

/// Gradient `[V, d]` of the table: dense, because tied heads add to all of it anyway.
pub(crate) fn backward(step: &Embed<Weight>, batch: &Batch, dy: &Tensor) -> Result<Tensor> {
    let (vocabulary, width) = step.table.value.shape();
    step.table.value.dense("embed backward")?;
    expect_cols(dy, width, "embed backward")?;
    let mut gradient = vec![0f32; vocabulary * width];
    for (&token, dy) in batch.tokens.iter().zip(View::new(dy)?.chunks_exact(width)) {
        axpy(&mut gradient[token as usize * width..][..width], step.scale, dy);
    }
    from_vec(gradient, vocabulary, width)
}

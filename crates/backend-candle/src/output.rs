//! Attention's output back to the model's width: `x + post_norm(a Wᵀ + b)`.

use crate::linear::{self, Input, collect};
use crate::math::axpy;
use crate::norm;
use crate::precision::Precision;
use crate::tensor::{View, expect_cols, from_vec};
use crate::weight::Weight;
use candle_core::Tensor;
use decoder::step::ProjectAdd;
use decoder::{Gradients, Result};

/// What the backward reads again.
pub(crate) struct SavedOutput {
    a: Tensor,
    /// Input of the post-norm.
    projected: Option<Vec<f32>>,
}

/// `a: [T, H·D]`, `x: [T, d]` → `[T, d]`, and what to save if `keep`.
pub(crate) fn forward(
    step: &ProjectAdd<Weight>,
    a: &Tensor,
    x: &Tensor,
    precision: Precision,
    keep: bool,
) -> Result<(Tensor, SavedOutput)> {
    let rows = expect_cols(a, step.project.inputs, "project_add")?;
    expect_cols(x, step.project.outputs, "project_add")?;
    let a_view = View::new(a)?;
    let mut y = linear::forward(&step.project, &Input::new(&a_view, step.project.inputs, precision))?;
    let mut projected = None;
    if let Some(post_norm) = &step.post_norm {
        projected = keep.then(|| y.clone());
        norm::in_place(post_norm, &mut y)?;
    }
    axpy(&mut y, 1.0, &View::new(x)?);
    Ok((from_vec(y, rows, step.project.outputs)?, SavedOutput { a: a.clone(), projected }))
}

/// → `da`; the residual's gradient is `dy` itself.
pub(crate) fn backward(step: &ProjectAdd<Weight>, saved: &SavedOutput, dy: &Tensor, gradients: &mut Gradients<Tensor>) -> Result<Tensor> {
    let dy = View::new(dy)?;
    let a = View::new(&saved.a)?;
    let rows = a.len() / step.project.inputs;
    let mut da = vec![0f32; a.len()];
    let through_norm;
    let mut dprojected: &[f32] = &dy;
    if let (Some(post_norm), Some(projected)) = (&step.post_norm, &saved.projected) {
        let (dx, dw) = norm::backward(post_norm, projected, &dy)?;
        let width = dw.len();
        collect(gradients, post_norm.weight.id, dw, 1, width)?;
        through_norm = dx;
        dprojected = &through_norm;
    }
    linear::backward(&step.project, &a, dprojected, &mut da, gradients)?;
    from_vec(da, rows, step.project.inputs)
}

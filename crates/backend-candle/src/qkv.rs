//! Norm, projections to queries, keys and values, norms over heads, positions; forward and backward.

use crate::linear::{self, Input, collect};
use crate::norm;
use crate::precision::Precision;
use crate::rope::{Turn, rotate};
use crate::tensor::{View, expect_cols, from_vec};
use crate::weight::Weight;
use candle_core::Tensor;
use decoder::step::{Norm, ProjectQkv};
use decoder::{Batch, Gradients, Qkv, Result};

/// What the backward reads again.
pub(crate) struct SavedQkv {
    x: Tensor,
    /// Inputs of the head norms.
    q_projected: Option<Vec<f32>>,
    k_projected: Option<Vec<f32>>,
}

/// `x: [T, d]` → queries, keys, values, and what to save if `keep`.
pub(crate) fn forward(
    step: &ProjectQkv<Weight>,
    x: &Tensor,
    batch: &Batch,
    precision: Precision,
    keep: bool,
) -> Result<(Qkv<Tensor>, SavedQkv)> {
    let rows = expect_cols(x, step.q.inputs, "project_qkv")?;
    let n = norm::forward(&step.norm, &View::new(x)?)?;
    let input = Input::new(&n, step.q.inputs, precision);
    let mut q = linear::forward(&step.q, &input)?;
    let mut k = linear::forward(&step.k, &input)?;
    let v = linear::forward(&step.v, &input)?;
    let head_norm = |norm: &Option<Norm<Weight>>, values: &mut Vec<f32>| -> Result<Option<Vec<f32>>> {
        let Some(norm) = norm else { return Ok(None) };
        let before = keep.then(|| values.clone());
        norm::in_place(norm, values)?;
        Ok(before)
    };
    let q_projected = head_norm(&step.q_norm, &mut q)?;
    let k_projected = head_norm(&step.k_norm, &mut k)?;
    rotate(&step.rope, &mut q, step.heads, step.head_dim, &batch.positions, Turn::Forward)?;
    rotate(&step.rope, &mut k, step.kv_heads, step.head_dim, &batch.positions, Turn::Forward)?;
    let kv_width = step.kv_heads * step.head_dim;
    let qkv = Qkv {
        q: from_vec(q, rows, step.heads * step.head_dim)?,
        k: from_vec(k, rows, kv_width)?,
        v: from_vec(v, rows, kv_width)?,
    };
    Ok((
        qkv,
        SavedQkv {
            x: x.clone(),
            q_projected,
            k_projected,
        },
    ))
}

/// → `dx: [T, d]`.
pub(crate) fn backward(
    step: &ProjectQkv<Weight>,
    saved: &SavedQkv,
    batch: &Batch,
    dy: &Qkv<Tensor>,
    gradients: &mut Gradients<Tensor>,
) -> Result<Tensor> {
    let x = View::new(&saved.x)?;
    let n = norm::forward(&step.norm, &x)?;
    let mut dn = vec![0f32; x.len()];

    let mut turned_back = |dy: &Tensor, heads: usize, norm: &Option<Norm<Weight>>, projected: &Option<Vec<f32>>| -> Result<Vec<f32>> {
        let mut d = View::new(dy)?.to_vec();
        rotate(&step.rope, &mut d, heads, step.head_dim, &batch.positions, Turn::Back)?;
        if let (Some(norm), Some(projected)) = (norm, projected) {
            let (dx, dw) = norm::backward(norm, projected, &d)?;
            collect(gradients, norm.weight.id, dw, 1, step.head_dim)?;
            d = dx;
        }
        Ok(d)
    };
    let dq = turned_back(&dy.q, step.heads, &step.q_norm, &saved.q_projected)?;
    let dk = turned_back(&dy.k, step.kv_heads, &step.k_norm, &saved.k_projected)?;
    linear::backward(&step.q, &n, &dq, &mut dn, gradients)?;
    linear::backward(&step.k, &n, &dk, &mut dn, gradients)?;
    linear::backward(&step.v, &n, &View::new(&dy.v)?, &mut dn, gradients)?;

    let (dx, dw) = norm::backward(&step.norm, &x, &dn)?;
    let width = dw.len();
    collect(gradients, step.norm.weight.id, dw, 1, width)?;
    from_vec(dx, x.len() / width, width)
}

//! The gated MLP: `x + post_norm((act(n W_gateᵀ) ∘ n W_upᵀ) W_downᵀ)`, `n = norm(x)`; forward and backward.

use crate::linear::{self, Input, collect};
use crate::math::{axpy, exp, tanh};
use crate::precision::Precision;
use crate::tensor::{View, expect_cols, from_vec};
use crate::weight::Weight;
use crate::{norm, parallel};
use candle_core::Tensor;
use decoder::step::{Activation, GatedMlp};
use decoder::{Gradients, Result};

/// What the backward reads again; the norm and the activation are cheaper to compute again than to keep.
pub(crate) struct SavedMlp {
    x: Tensor,
    gate: Vec<f32>,
    up: Vec<f32>,
    /// Input of the post-norm.
    down: Option<Vec<f32>>,
}

/// Values that one core takes at a time.
const CHUNK: usize = 1 << 13;
/// `sqrt(2/π)`.
const GELU_SCALE: f32 = 0.797_884_6;
const GELU_CUBE: f32 = 0.044_715;

#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `σ(x) (1 + x (1 - σ(x)))`.
#[inline(always)]
fn silu_slope(x: f32) -> f32 {
    let s = 1.0 / (1.0 + exp(-x));
    s * (1.0 + x * (1.0 - s))
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x)))
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let t = tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x));
    0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x)
}

/// `gate = act(gate) ∘ up`.
fn gated(activation: Activation, gate: &mut [f32], up: &[f32]) {
    parallel::chunks(gate, CHUNK, |index, gate| {
        let up = &up[index * CHUNK..];
        match activation {
            Activation::Silu => gate.iter_mut().zip(up).for_each(|(g, u)| *g = silu(*g) * u),
            Activation::GeluTanh => gate.iter_mut().zip(up).for_each(|(g, u)| *g = gelu_tanh(*g) * u),
        }
    });
}

/// `x: [T, d]` → `[T, d]`, and what to save if `keep`.
pub(crate) fn forward(step: &GatedMlp<Weight>, x: &Tensor, precision: Precision, keep: bool) -> Result<(Tensor, Option<SavedMlp>)> {
    let rows = expect_cols(x, step.gate.inputs, "gated_mlp")?;
    let x_view = View::new(x)?;
    let n = norm::forward(&step.norm, &x_view)?;
    let input = Input::new(&n, step.gate.inputs, precision);
    let mut hidden = linear::forward(&step.gate, &input)?;
    let up = linear::forward(&step.up, &input)?;
    let gate = keep.then(|| hidden.clone());
    gated(step.activation, &mut hidden, &up);
    let mut y = linear::forward(&step.down, &Input::new(&hidden, step.down.inputs, precision))?;
    let mut down = None;
    if let Some(post_norm) = &step.post_norm {
        down = keep.then(|| y.clone());
        norm::in_place(post_norm, &mut y)?;
    }
    axpy(&mut y, 1.0, &x_view);
    let saved = gate.map(|gate| SavedMlp {
        x: x.clone(),
        gate,
        up,
        down,
    });
    Ok((from_vec(y, rows, step.down.outputs)?, saved))
}

/// → `dx: [T, d]`, the residual's share included.
pub(crate) fn backward(step: &GatedMlp<Weight>, saved: &SavedMlp, dy: &Tensor, gradients: &mut Gradients<Tensor>) -> Result<Tensor> {
    let dy = View::new(dy)?;
    let x = View::new(&saved.x)?;
    let rows = x.len() / step.gate.inputs;

    let through_norm;
    let mut ddown: &[f32] = &dy;
    if let (Some(post_norm), Some(down)) = (&step.post_norm, &saved.down) {
        let (dx, dw) = norm::backward(post_norm, down, &dy)?;
        let width = dw.len();
        collect(gradients, post_norm.weight.id, dw, 1, width)?;
        through_norm = dx;
        ddown = &through_norm;
    }

    let mut hidden = saved.gate.clone();
    gated(step.activation, &mut hidden, &saved.up);
    let mut dhidden = vec![0f32; hidden.len()];
    linear::backward(&step.down, &hidden, ddown, &mut dhidden, gradients)?;

    // dgate = dhidden ∘ up ∘ act'(gate), written over `hidden`; dup = dhidden ∘ act(gate), written over `dhidden`.
    let mut dgate = hidden;
    parallel::chunks(&mut dgate, CHUNK, |index, dgate| {
        let start = index * CHUNK;
        let (gate, up, dh) = (&saved.gate[start..], &saved.up[start..], &dhidden[start..]);
        let slope = |g: f32| match step.activation {
            Activation::Silu => silu_slope(g),
            Activation::GeluTanh => gelu_tanh_slope(g),
        };
        for (((d, g), u), dh) in dgate.iter_mut().zip(gate).zip(up).zip(dh) {
            *d = dh * u * slope(*g);
        }
    });
    let mut dup = dhidden;
    parallel::chunks(&mut dup, CHUNK, |index, dup| {
        let gate = &saved.gate[index * CHUNK..];
        match step.activation {
            Activation::Silu => dup.iter_mut().zip(gate).for_each(|(d, g)| *d *= silu(*g)),
            Activation::GeluTanh => dup.iter_mut().zip(gate).for_each(|(d, g)| *d *= gelu_tanh(*g)),
        }
    });

    let n = norm::forward(&step.norm, &x)?;
    let mut dn = vec![0f32; n.len()];
    linear::backward(&step.gate, &n, &dgate, &mut dn, gradients)?;
    linear::backward(&step.up, &n, &dup, &mut dn, gradients)?;
    let (mut dx, dw) = norm::backward(&step.norm, &x, &dn)?;
    let width = dw.len();
    collect(gradients, step.norm.weight.id, dw, 1, width)?;
    axpy(&mut dx, 1.0, &dy);
    from_vec(dx, rows, width)
}

//! A check of gate, up and activation in one kernel, with weights of any type.

use super::{Made, error, magnitudes};
use crate::WebGpuBackend;
use crate::oracle::random::{Halves, Random};
use crate::oracle::{self, wide};
use decoder::step::{Activation, GatedMlp};
use decoder::{Backend, DType, Result};

/// `act(x W_gateᵀ) ∘ x W_upᵀ` of at most 4 rows; relative to `Σ |w x|` of the gate times that of up, each of at least one. Infinite where no kernel was
/// found for it.
pub async fn gate(b: &WebGpuBackend, dtype: DType, activation: Activation, rows: usize, inputs: usize, outputs: usize) -> Result<f64> {
    let mut random = Random(29 + rows as u64 * 7 + inputs as u64);
    let w = Made::random(b, dtype, outputs, inputs, Halves::Normal, &mut random)?;
    let up = Made::random(b, dtype, outputs, inputs, Halves::Normal, &mut random)?;
    let unused = Made::floats(b, 1, 1, &[1.0])?;
    let x = random.values(rows * inputs);
    let step = GatedMlp {
        norm: unused.norm(1e-5, 0.0),
        gate: w.linear(None),
        up: up.linear(None),
        down: unused.linear(None),
        activation,
        post_norm: None,
    };
    let Some(y) = b.gate_and_up(&step, &b.tensor(&x, rows, inputs)?)? else {
        return Ok(f64::INFINITY);
    };
    let got = b.read(&y).await?;
    let x = wide(&x);
    let g = oracle::linear(&x, &w.values, None, inputs);
    let u = oracle::linear(&x, &up.values, None, inputs);
    let wanted: Vec<f64> = g.iter().zip(&u).map(|(g, u)| oracle::activation(activation, *g) * u).collect();
    let (of_gate, of_up) = (magnitudes(&x, &w.values, inputs), magnitudes(&x, &up.values, inputs));
    Ok(error(&got, &wanted, |i| of_gate[i].max(1.0) * of_up[i].max(1.0)))
}

//! Comparing a device with the oracles: each check runs one step on made-up numbers and returns the largest error.
//!
//! Errors are relative to what rounding may do: for products, to `Σ |w x|`, elsewhere to values of order one. A value that is no number is an
//! infinite error. Used by [`crate::self_test`] in the browser and by the tests.

mod attention;
mod gate;
mod head;
mod layer;
mod packed;

pub use attention::{AttendCase, attend};
pub use gate::gate;
pub use head::{HeadCase, head};
pub use layer::{MlpCase, QkvCase, embed, gated_mlp, linear, project_qkv};
pub use packed::{PackedError, packed};

use crate::WebGpuBackend;
use crate::oracle::dequantize;
use crate::oracle::random::{self, Halves, Random};
use crate::weight::Weight;
use decoder::backend::WeightSpec;
use decoder::step::{Linear, Norm, Parameter, ParameterId};
use decoder::{Backend, DType, Result};

/// A weight on the device and what its values are.
pub struct Made {
    /// On the device.
    pub weight: Weight,
    /// By the oracle.
    pub values: Vec<f64>,
    rows: usize,
    cols: usize,
}

impl Made {
    /// A random weight, streamed in pieces of a few rows.
    pub fn random(backend: &WebGpuBackend, dtype: DType, rows: usize, cols: usize, halves: Halves, random: &mut Random) -> Result<Made> {
        let bytes = random::weight(dtype, rows, cols, halves, random);
        Made::of(backend, dtype, rows, cols, &bytes)
    }

    /// These floats.
    pub fn floats(backend: &WebGpuBackend, rows: usize, cols: usize, values: &[f32]) -> Result<Made> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Made::of(backend, DType::F32, rows, cols, &bytes)
    }

    fn of(backend: &WebGpuBackend, dtype: DType, rows: usize, cols: usize, bytes: &[u8]) -> Result<Made> {
        let spec = WeightSpec {
            name: format!("check.{dtype}"),
            dtype,
            rows,
            cols,
        };
        let mut upload = backend.begin_weight(&spec)?;
        for piece in bytes.chunks(3 * spec.row_bytes()) {
            backend.write_weight(&mut upload, piece)?;
        }
        let weight = backend.finish_weight(upload)?;
        Ok(Made {
            weight,
            values: dequantize::weight(dtype, bytes),
            rows,
            cols,
        })
    }

    /// As a parameter.
    pub fn parameter(&self) -> Parameter<Weight> {
        Parameter {
            id: ParameterId(0),
            value: self.weight.clone(),
        }
    }

    /// As a matrix, maybe with a bias.
    pub fn linear(&self, bias: Option<&Made>) -> Linear<Weight> {
        Linear {
            weight: self.parameter(),
            bias: bias.map(Made::parameter),
            inputs: self.cols,
            outputs: self.rows,
        }
    }

    /// As the weight of a norm.
    pub fn norm(&self, eps: f32, offset: f32) -> Norm<Weight> {
        Norm {
            weight: self.parameter(),
            eps,
            offset,
        }
    }
}

/// Largest `|got - wanted| / scale`, infinite where one is no number or the counts differ.
pub fn error(got: &[f32], wanted: &[f64], scale: impl Fn(usize) -> f64) -> f64 {
    if got.len() != wanted.len() {
        return f64::INFINITY;
    }
    got.iter()
        .zip(wanted)
        .enumerate()
        .map(|(i, (&g, &w))| {
            let e = (f64::from(g) - w).abs() / scale(i);
            if e.is_nan() { f64::INFINITY } else { e }
        })
        .fold(0.0, f64::max)
}

/// `Σ |w x|` of each output: what the error of a product is measured against.
fn magnitudes(x: &[f64], w: &[f64], inputs: usize) -> Vec<f64> {
    let abs = |v: &[f64]| v.iter().map(|v| v.abs()).collect::<Vec<_>>();
    crate::oracle::linear(&abs(x), &abs(w), None, inputs)
}

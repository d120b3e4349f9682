//! `y = x Wᵀ + b` with any kind of weight, and its backward with F32 weights.

use crate::math::axpy;
use crate::matrix::{Cores, Mat, multiply};
use crate::precision::Precision;
use crate::quant::{self, Activations};
use crate::tensor::{DEVICE, View, from_vec};
use crate::weight::Weight;
use candle_core::Tensor;
use decoder::step::{Linear, ParameterId};
use decoder::{Error, Gradients, Result};
use std::cell::OnceCell;

/// Rows that several projections read; they are quantised at most once.
pub(crate) struct Input<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    precision: Precision,
    quantized: OnceCell<Activations>,
}

impl<'a> Input<'a> {
    pub(crate) fn new(x: &'a [f32], cols: usize, precision: Precision) -> Input<'a> {
        Input {
            x,
            rows: x.len() / cols.max(1),
            cols,
            precision,
            quantized: OnceCell::new(),
        }
    }

    fn activations(&self) -> &Activations {
        self.quantized.get_or_init(|| Activations::quantize(self.x, self.cols))
    }
}

/// → `[T, outputs]`.
pub(crate) fn forward(linear: &Linear<Weight>, input: &Input) -> Result<Vec<f32>> {
    let mut y = product(&linear.weight.value, input)?;
    if let Some(bias) = &linear.bias {
        let bias = bias.value.values("bias")?;
        for row in y.chunks_exact_mut(bias.len()) {
            axpy(row, 1.0, &bias);
        }
    }
    Ok(y)
}

/// `x Wᵀ`.
pub(crate) fn product(weight: &Weight, input: &Input) -> Result<Vec<f32>> {
    let (outputs, inputs) = weight.shape();
    if inputs != input.cols {
        return Err(Error::Backend {
            device: DEVICE.to_owned(),
            step: "product",
            problem: format!("a weight [{outputs}, {inputs}] cannot multiply activations of width {}", input.cols),
        });
    }
    match weight {
        Weight::Dense(tensor) => {
            let mut y = vec![0f32; input.rows * outputs];
            let w = View::new(tensor)?;
            multiply(
                &mut y,
                outputs,
                Mat::new(input.x, input.rows, inputs),
                Mat::new(&w, outputs, inputs).t(),
                false,
                Cores::All,
            );
            Ok(y)
        }
        Weight::Quantized(matrix) if input.precision == Precision::Fast && matrix.has_fast_product() => {
            Ok(quant::product(matrix, input.activations()))
        }
        Weight::Quantized(matrix) => Ok(quant::exact_product(matrix, input.x, input.rows)),
    }
}

/// Adds the gradients of weight and bias (`dW = dyᵀ x`, `db = Σ_rows dy`) and adds `dy W` to `dx`.
pub(crate) fn backward(linear: &Linear<Weight>, x: &[f32], dy: &[f32], dx: &mut [f32], gradients: &mut Gradients<Tensor>) -> Result<()> {
    let (outputs, inputs) = linear.weight.value.shape();
    let rows = x.len() / inputs;
    let w = linear.weight.value.values("projection backward")?;
    multiply(
        dx,
        inputs,
        Mat::new(dy, rows, outputs),
        Mat::new(&w, outputs, inputs),
        true,
        Cores::All,
    );
    drop(w);
    let mut dw = vec![0f32; outputs * inputs];
    multiply(
        &mut dw,
        inputs,
        Mat::new(dy, rows, outputs).t(),
        Mat::new(x, rows, inputs),
        false,
        Cores::All,
    );
    collect(gradients, linear.weight.id, dw, outputs, inputs)?;
    if let Some(bias) = &linear.bias {
        let mut db = vec![0f32; outputs];
        for dy in dy.chunks_exact(outputs) {
            axpy(&mut db, 1.0, dy);
        }
        collect(gradients, bias.id, db, 1, outputs)?;
    }
    Ok(())
}

/// Adds a gradient `[rows, cols]`.
pub(crate) fn collect(gradients: &mut Gradients<Tensor>, id: ParameterId, values: Vec<f32>, rows: usize, cols: usize) -> Result<()> {
    gradients.add(id, from_vec(values, rows, cols)?, |old, new| crate::optimizer::add_to(old, &new))
}

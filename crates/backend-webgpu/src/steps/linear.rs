//! Records products with a weight: `matvec.wgsl` for few rows, `matmul.wgsl` for many, one dispatch for each buffer of the weight. Also `embed.wgsl`.

use super::{Recorder, Tensor, fold};
use crate::batch::GpuBatch;
use crate::kernel::Kernel;
use crate::uniforms;
use crate::weight::Weight;
use decoder::step::{Embed, Linear};
use decoder::{Error, Result};

/// Up to this many rows, the matrix is read once by threads that keep a sum for each row; above, tiles pay.
const MATVEC_ROWS: usize = 4;

impl Recorder<'_> {
    /// `x Wᵀ + b`: `[T, in]` → `[T, out]`.
    pub fn linear(&self, linear: &Linear<Weight>, x: &Tensor) -> Result<Tensor> {
        self.project(linear, x, None, None)
    }

    /// `residual + x Wᵀ + b`.
    pub fn linear_add(&self, linear: &Linear<Weight>, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.project(linear, x, Some(residual), None)
    }

    /// `cap(x Wᵀ + b)`.
    pub fn linear_capped(&self, linear: &Linear<Weight>, x: &Tensor, softcap: Option<f32>) -> Result<Tensor> {
        self.project(linear, x, None, softcap)
    }

    fn project(&self, linear: &Linear<Weight>, x: &Tensor, residual: Option<&Tensor>, softcap: Option<f32>) -> Result<Tensor> {
        let weight = &linear.weight.value;
        if (weight.rows, weight.cols) != (linear.outputs, linear.inputs) {
            let problem = format!(
                "is [{}, {}], but the step wants [{}, {}]",
                weight.rows, weight.cols, linear.outputs, linear.inputs
            );
            return Err(Error::Tensor {
                name: weight.name.clone(),
                problem,
            });
        }
        self.expect("product", x, linear.inputs)?;
        if let Some(residual) = residual {
            self.expect("residual", residual, linear.outputs)?;
        }
        let y = self.tensor(x.rows, linear.outputs)?;
        let bias = linear.bias.as_ref().map(|b| self.vector(&b.value, linear.outputs)).transpose()?;
        let ragged = !linear.inputs.is_multiple_of(8);
        for shard in &weight.shards {
            let params = uniforms::Linear {
                rows: x.rows as u32,
                inputs: linear.inputs as u32,
                units: weight.units() as u32,
                row_words: weight.row_words as u32,
                outputs: shard.rows as u32,
                stride: linear.outputs as u32,
                first: shard.first as u32,
                bias: u32::from(bias.is_some()),
                residual: u32::from(residual.is_some()),
                softcap: softcap.unwrap_or(0.0),
            };
            let (kernel, groups) = if x.rows <= MATVEC_ROWS {
                let rows = if x.rows == 1 { 1 } else { MATVEC_ROWS as u32 };
                (
                    Kernel::MatVec {
                        dtype: weight.dtype,
                        rows,
                        ragged,
                        subgroup: self.gpu.info.subgroup,
                    },
                    fold(shard.rows.div_ceil(8)),
                )
            } else {
                // Two heights only: software devices take seconds to compile a variant (SwiftShader, 2026-11).
                let rows = if x.rows <= 32 { 32 } else { 64 };
                let groups = [shard.rows.div_ceil(64) as u32, x.rows.div_ceil(rows) as u32, 1];
                (
                    Kernel::MatMul {
                        dtype: weight.dtype,
                        rows: rows as u32,
                        ragged,
                    },
                    groups,
                )
            };
            let bias = bias.unwrap_or(self.unused);
            let residual = residual.map_or(self.unused, |r| &*r.buffer);
            self.gpu
                .run(kernel, &[&shard.buffer, &x.buffer, bias, residual, &y.buffer], &params, groups);
        }
        Ok(y)
    }

    /// Rows of the table → `[T, d]`.
    pub fn embed(&self, step: &Embed<Weight>, batch: &GpuBatch) -> Result<Tensor> {
        let table = &step.table.value;
        if batch.largest_token as usize >= table.rows {
            return Err(Error::Input(format!(
                "token {} is not in the vocabulary of {}",
                batch.largest_token, table.rows
            )));
        }
        let y = self.tensor(batch.rows, table.cols)?;
        for shard in &table.shards {
            let params = uniforms::Embed {
                rows: batch.rows as u32,
                cols: table.cols as u32,
                units: table.units() as u32,
                row_words: table.row_words as u32,
                first: shard.first as u32,
                count: shard.rows as u32,
                scale: step.scale,
            };
            self.gpu.run(
                Kernel::Embed { dtype: table.dtype },
                &[&shard.buffer, &batch.tokens, &y.buffer],
                &params,
                [batch.rows as u32, 1, 1],
            );
        }
        Ok(y)
    }
}

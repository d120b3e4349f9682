//! Records products with a weight: `matvec.wgsl` for few rows, `matmul.wgsl` for many, one dispatch for each buffer of the weight; or their forms for
//! [`crate::arithmetic`] other than plain floats, for which `quantize.wgsl` prepares the inputs. Also `embed.wgsl`.

use super::{Recorder, Tensor, fold};
use crate::arithmetic::Numbers;
use crate::batch::GpuBatch;
use crate::device::Fault;
use crate::formats;
use crate::gpu::Handle;
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
        self.check_shape(linear)?;
        self.expect("product", x, linear.inputs)?;
        if let Some(residual) = residual {
            self.expect("residual", residual, linear.outputs)?;
        }
        let y = self.tensor(x.rows, linear.outputs)?;
        let bias = linear.bias.as_ref().map(|b| self.vector(&b.value, linear.outputs)).transpose()?;
        let (kernel, groups_of) = self.form(weight, x.rows);
        let packed = matches!(kernel, Kernel::MatVecPacked { .. } | Kernel::MatMulPacked { .. });
        let input = if packed { self.packed(x)? } else { &*x.buffer };
        for shard in &weight.shards {
            let mut params = uniforms::Linear {
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
            if self.gpu.options.fault == Some(Fault::Wrong(kernel.family())) {
                params.units = params.units.saturating_sub(4);
            }
            let bias = bias.unwrap_or(self.unused);
            let residual = residual.map_or(self.unused, |r| &*r.buffer);
            self.gpu.run(
                kernel,
                &[&shard.buffer, input, bias, residual, &y.buffer],
                &params,
                groups_of(shard.rows),
            );
        }
        Ok(y)
    }

    /// Errors where a weight is not what its step says.
    pub(crate) fn check_shape(&self, linear: &Linear<Weight>) -> Result<()> {
        let weight = &linear.weight.value;
        if (weight.rows, weight.cols) == (linear.outputs, linear.inputs) {
            return Ok(());
        }
        let problem = format!(
            "is [{}, {}], but the step wants [{}, {}]",
            weight.rows, weight.cols, linear.outputs, linear.inputs
        );
        Err(Error::Tensor {
            name: weight.name.clone(),
            problem,
        })
    }

    /// For a product of few rows in 32-bit floats: the rows of its kernel, and the threads that add in registers.
    pub(crate) fn few_rows_in_floats(&self, weight: &Weight, rows: usize) -> Option<(u32, u32)> {
        match self.form(weight, rows).0 {
            Kernel::MatVec { rows, subgroup, .. } => Some((rows, subgroup)),
            _ => None,
        }
    }

    /// The kernel for a product of `rows` rows, and its workgroups for a number of outputs.
    fn form(&self, weight: &Weight, rows: usize) -> (Kernel, impl Fn(usize) -> [u32; 3] + use<>) {
        let dtype = weight.dtype;
        let ragged = !weight.cols.is_multiple_of(8);
        let arithmetic = self.gpu.arithmetic();
        let few = rows <= MATVEC_ROWS;
        let packed = formats::packs(dtype) && Numbers::I8 == if few { arithmetic.matvec } else { arithmetic.matmul };
        // Two heights only: software devices take seconds to compile a variant (SwiftShader, 2026-11).
        let height = match (few, rows) {
            (true, 1) => 1,
            (true, _) => MATVEC_ROWS,
            (false, ..=32) => 32,
            (false, _) => 64,
        };
        let subgroup = self.gpu.subgroup();
        let tall = height as u32;
        let kernel = match (few, packed) {
            (true, true) => Kernel::MatVecPacked {
                dtype,
                rows: tall,
                subgroup,
            },
            (true, false) => Kernel::MatVec {
                dtype,
                rows: tall,
                ragged,
                subgroup,
            },
            (false, true) => Kernel::MatMulPacked { dtype, rows: tall },
            (false, false) => Kernel::MatMul {
                dtype,
                rows: tall,
                ragged,
                half: arithmetic.matmul == Numbers::F16,
            },
        };
        let groups = move |outputs: usize| {
            if few {
                fold(outputs.div_ceil(8))
            } else {
                [outputs.div_ceil(64) as u32, rows.div_ceil(height) as u32, 1]
            }
        };
        (kernel, groups)
    }

    /// `x` as signed bytes with a scale for each 32: `[T, in · 9/32]` words. Made once, however many products read it.
    pub(crate) fn packed<'x>(&self, x: &'x Tensor) -> Result<&'x Handle> {
        if let Some(packed) = x.packed.get() {
            return Ok(packed);
        }
        let row_blocks = x.cols / 32;
        let blocks = x.rows * row_blocks;
        let packed = self.gpu.scratch(4 * 9 * blocks as u64)?;
        let params = uniforms::Quantize {
            blocks: blocks as u32,
            row_blocks: row_blocks as u32,
        };
        self.gpu
            .run(Kernel::Quantize, &[&x.buffer, &packed], &params, fold(blocks.div_ceil(64)));
        Ok(x.packed.get_or_init(|| packed))
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

//! Records `project_qkv`: norm, three products, then head norms and rotation in one dispatch.

use super::{Recorder, Tensor};
use crate::batch::GpuBatch;
use crate::kernel::Kernel;
use crate::uniforms;
use crate::weight::Weight;
use decoder::step::{Norm, ProjectQkv, RopeLayout};
use decoder::{Error, Qkv, Result};

impl Recorder<'_> {
    /// `x: [T, d]` → queries, keys and values with positions.
    pub fn project_qkv(&self, step: &ProjectQkv<Weight>, x: &Tensor, batch: &GpuBatch) -> Result<Qkv<Tensor>> {
        let dim = step.head_dim;
        if !dim.is_multiple_of(2) || step.q.outputs != step.heads * dim || step.k.outputs != step.kv_heads * dim {
            return Err(Error::Input(format!(
                "{} query and {} key outputs are no heads of {dim}",
                step.q.outputs, step.k.outputs
            )));
        }
        let table = &step.rope.table;
        if batch.largest_position as usize >= table.rows {
            return Err(Error::ContextFull {
                needed: batch.largest_position as usize + 1,
                available: table.rows,
            });
        }
        if table.cols != dim {
            return Err(Error::Tensor {
                name: table.name.clone(),
                problem: format!("has rows of {} values, not {dim}", table.cols),
            });
        }
        let n = self.norm(&step.norm, x)?;
        let q = self.linear(&step.q, &n)?;
        let k = self.linear(&step.k, &n)?;
        let v = self.linear(&step.v, &n)?;
        let (q_eps, q_offset) = numbers(step.q_norm.as_ref());
        let (k_eps, k_offset) = numbers(step.k_norm.as_ref());
        let params = uniforms::Rope {
            rows: x.rows as u32,
            heads: step.heads as u32,
            kv_heads: step.kv_heads as u32,
            head_dim: dim as u32,
            table_stride: table.row_words as u32,
            interleaved: u32::from(step.rope.layout == RopeLayout::Interleaved),
            q_norm: u32::from(step.q_norm.is_some()),
            k_norm: u32::from(step.k_norm.is_some()),
            q_eps,
            k_eps,
            q_offset,
            k_offset,
        };
        let q_weight = step.q_norm.as_ref().map(|n| self.vector(&n.weight.value, dim)).transpose()?;
        let k_weight = step.k_norm.as_ref().map(|n| self.vector(&n.weight.value, dim)).transpose()?;
        let groups = [x.rows as u32, (step.heads + step.kv_heads) as u32, 1];
        let buffers = [
            &batch.positions,
            table.floats()?,
            q_weight.unwrap_or(self.unused),
            k_weight.unwrap_or(self.unused),
            &q.buffer,
            &k.buffer,
        ];
        self.gpu.run(Kernel::Rope, &buffers.map(|b| &**b), &params, groups);
        Ok(Qkv { q, k, v })
    }
}

fn numbers(norm: Option<&Norm<Weight>>) -> (f32, f32) {
    norm.map_or((0.0, 0.0), |n| (n.eps, n.offset))
}

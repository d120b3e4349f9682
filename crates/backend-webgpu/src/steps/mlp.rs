//! Records `project_add` and `gated_mlp`; gate, up and activation of a few rows in one dispatch.

use super::{Recorder, Tensor, fold};
use crate::gpu::Handle;
use crate::kernel::Kernel;
use crate::uniforms;
use crate::weight::Weight;
use decoder::Result;
use decoder::step::{Activation, GatedMlp, Linear, Norm, ProjectAdd};

impl Recorder<'_> {
    /// `x + post_norm(a Wᵀ + b)`.
    pub fn project_add(&self, step: &ProjectAdd<Weight>, a: &Tensor, x: &Tensor) -> Result<Tensor> {
        self.add_projected(&step.project, step.post_norm.as_ref(), a, x)
    }

    /// `x + post_norm((act(n W_gateᵀ) ∘ n W_upᵀ) W_downᵀ)`.
    pub fn gated_mlp(&self, step: &GatedMlp<Weight>, x: &Tensor) -> Result<Tensor> {
        let n = self.norm(&step.norm, x)?;
        let hidden = match self.gate_and_up(step, &n)? {
            Some(hidden) => hidden,
            None => self.gate_then_up(step, &n)?,
        };
        self.add_projected(&step.down, step.post_norm.as_ref(), &hidden, x)
    }

    fn gate_then_up(&self, step: &GatedMlp<Weight>, n: &Tensor) -> Result<Tensor> {
        let gate = self.linear(&step.gate, n)?;
        let up = self.linear(&step.up, n)?;
        self.expect("gated branch", &up, gate.cols)?;
        let count = gate.rows * gate.cols;
        let params = uniforms::Gated {
            count: count as u32,
            gelu: gelu(step),
        };
        self.gpu
            .run(Kernel::Gated, &[&gate.buffer, &up.buffer], &params, fold(count.div_ceil(256)));
        Ok(up)
    }

    /// `act(n W_gateᵀ) ∘ n W_upᵀ` in one dispatch; `None` where the rows are many, the weights differ in type, or the arithmetic is another.
    pub(crate) fn gate_and_up(&self, step: &GatedMlp<Weight>, n: &Tensor) -> Result<Option<Tensor>> {
        let (gate, up) = (&step.gate.weight.value, &step.up.weight.value);
        let alike = (gate.dtype, gate.rows, gate.cols) == (up.dtype, up.rows, up.cols) && gate.shards.len() == up.shards.len();
        let biased = step.gate.bias.is_some() || step.up.bias.is_some();
        let Some((rows, subgroup)) = self.few_rows_in_floats(gate, n.rows).filter(|_| alike && !biased) else {
            return Ok(None);
        };
        for linear in [&step.gate, &step.up] {
            self.check_shape(linear)?;
        }
        self.expect("gated branch", n, gate.cols)?;
        let kernel = Kernel::MatVecGated {
            dtype: gate.dtype,
            rows,
            ragged: !gate.cols.is_multiple_of(8),
            subgroup,
        };
        let y = self.tensor(n.rows, gate.rows)?;
        // Of one shape and type, so split at the same rows.
        for (shard, other) in gate.shards.iter().zip(&up.shards) {
            let params = uniforms::Gate {
                rows: n.rows as u32,
                inputs: gate.cols as u32,
                units: gate.units() as u32,
                row_words: gate.row_words as u32,
                outputs: shard.rows as u32,
                stride: gate.rows as u32,
                first: shard.first as u32,
                gelu: gelu(step),
            };
            let buffers: [&Handle; 4] = [&shard.buffer, &n.buffer, &other.buffer, &y.buffer];
            self.gpu.run(kernel, &buffers.map(|b| &**b), &params, fold(shard.rows.div_ceil(8)));
        }
        Ok(Some(y))
    }

    fn add_projected(&self, linear: &Linear<Weight>, post_norm: Option<&Norm<Weight>>, a: &Tensor, x: &Tensor) -> Result<Tensor> {
        match post_norm {
            None => self.linear_add(linear, a, x),
            Some(norm) => self.norm_add(norm, &self.linear(linear, a)?, x),
        }
    }
}

fn gelu(step: &GatedMlp<Weight>) -> u32 {
    u32::from(step.activation == Activation::GeluTanh)
}

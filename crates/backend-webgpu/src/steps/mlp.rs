//! Records `project_add` and `gated_mlp`.

use super::{Recorder, Tensor, fold};
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
        let gate = self.linear(&step.gate, &n)?;
        let up = self.linear(&step.up, &n)?;
        self.expect("gated branch", &up, gate.cols)?;
        let count = gate.rows * gate.cols;
        let params = uniforms::Gated {
            count: count as u32,
            gelu: u32::from(step.activation == Activation::GeluTanh),
        };
        self.gpu
            .run(Kernel::Gated, &[&gate.buffer, &up.buffer], &params, fold(count.div_ceil(256)));
        self.add_projected(&step.down, step.post_norm.as_ref(), &up, x)
    }

    fn add_projected(&self, linear: &Linear<Weight>, post_norm: Option<&Norm<Weight>>, a: &Tensor, x: &Tensor) -> Result<Tensor> {
        match post_norm {
            None => self.linear_add(linear, a, x),
            Some(norm) => self.norm_add(norm, &self.linear(linear, a)?, x),
        }
    }
}

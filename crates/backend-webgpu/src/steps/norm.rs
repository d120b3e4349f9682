//! Records `rms_norm.wgsl`: one dispatch.

use super::{Recorder, Tensor};
use crate::gpu::Handle;
use crate::kernel::Kernel;
use crate::uniforms;
use crate::weight::Weight;
use decoder::Result;
use decoder::step::Norm;

impl Recorder<'_> {
    /// `norm(x)`: `[T, w]` → `[T, w]`.
    pub fn norm(&self, norm: &Norm<Weight>, x: &Tensor) -> Result<Tensor> {
        self.norm_rows(norm, x, None, None, x.rows)
    }

    /// `residual + norm(x)`.
    pub fn norm_add(&self, norm: &Norm<Weight>, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.norm_rows(norm, x, None, Some(residual), x.rows)
    }

    /// `norm(x)` of `count` rows that a buffer names from place `first` on.
    pub fn norm_chosen(&self, norm: &Norm<Weight>, x: &Tensor, chosen: &Handle, first: usize, count: usize) -> Result<Tensor> {
        self.norm_rows(norm, x, Some((chosen, first)), None, count)
    }

    fn norm_rows(
        &self,
        norm: &Norm<Weight>,
        x: &Tensor,
        chosen: Option<(&Handle, usize)>,
        residual: Option<&Tensor>,
        rows: usize,
    ) -> Result<Tensor> {
        let y = self.tensor(rows, x.cols)?;
        let weight = self.vector(&norm.weight.value, x.cols)?;
        let params = uniforms::RmsNorm {
            rows: rows as u32,
            width: x.cols as u32,
            eps: norm.eps,
            offset: norm.offset,
            chosen: u32::from(chosen.is_some()),
            residual: u32::from(residual.is_some()),
            first: chosen.map_or(0, |(_, first)| first as u32),
        };
        let chosen = chosen.map_or(self.unused, |(rows, _)| rows);
        let residual = residual.map_or(self.unused, |r| &r.buffer);
        self.gpu.run(
            Kernel::RmsNorm,
            &[&x.buffer, weight, chosen, residual, &y.buffer],
            &params,
            [rows as u32, 1, 1],
        );
        Ok(y)
    }
}

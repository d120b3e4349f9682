//! [`Differentiable`] on candle: saving forwards, backwards by hand, and the optimiser.

use crate::backend::CandleBackend;
use crate::mlp::SavedMlp;
use crate::output::SavedOutput;
use crate::qkv::SavedQkv;
use crate::tensor::{DEVICE, View, from_vec, shape};
use crate::weight::Weight;
use crate::{attention, attention_backward, embed, head_loss, mlp, optimizer, output, qkv};
use candle_core::Tensor;
use decoder::step::{Attend, Embed, GatedMlp, Head, ProjectAdd, ProjectQkv};
use decoder::{AdamW, Batch, Differentiable, Error, Gradients, Qkv, Result, Target};
use std::rc::Rc;

/// What a step keeps for its backward.
pub struct Saved(Kept);

enum Kept {
    Qkv(SavedQkv),
    Attend(Qkv<Tensor>),
    Output(SavedOutput),
    Mlp(SavedMlp),
}

fn wrong(step: &'static str) -> Error {
    Error::Backend {
        device: DEVICE.to_owned(),
        step,
        problem: "got what another step saved".to_owned(),
    }
}

impl Differentiable for CandleBackend {
    type Saved = Saved;

    fn embed_backward(&self, step: &Embed<Weight>, batch: &Rc<Batch>, dy: &Tensor, gradients: &mut Gradients<Tensor>) -> Result<()> {
        let gradient = embed::backward(step, batch, dy)?;
        gradients.add(step.table.id, gradient, |old, new| optimizer::add_to(old, &new))
    }

    fn project_qkv_saving(&self, step: &ProjectQkv<Weight>, x: &Tensor, batch: &Rc<Batch>) -> Result<(Qkv<Tensor>, Saved)> {
        let (qkv, saved) = qkv::forward(step, x, batch, self.precision, true)?;
        Ok((qkv, Saved(Kept::Qkv(saved))))
    }

    fn project_qkv_backward(
        &self,
        step: &ProjectQkv<Weight>,
        saved: &Saved,
        batch: &Rc<Batch>,
        dy: &Qkv<Tensor>,
        gradients: &mut Gradients<Tensor>,
    ) -> Result<Tensor> {
        let Kept::Qkv(saved) = &saved.0 else {
            return Err(wrong("project_qkv_backward"));
        };
        qkv::backward(step, saved, batch, dy, gradients)
    }

    fn attend_saving(&self, step: &Attend, qkv: &Qkv<Tensor>, batch: &Rc<Batch>) -> Result<(Tensor, Saved)> {
        Ok((attention::forward(step, qkv, batch, None)?, Saved(Kept::Attend(qkv.clone()))))
    }

    fn attend_backward(&self, step: &Attend, saved: &Saved, batch: &Rc<Batch>, dy: &Tensor) -> Result<Qkv<Tensor>> {
        let Kept::Attend(qkv) = &saved.0 else {
            return Err(wrong("attend_backward"));
        };
        attention_backward::backward(step, qkv, batch, dy)
    }

    fn project_add_saving(&self, step: &ProjectAdd<Weight>, a: &Tensor, x: &Tensor) -> Result<(Tensor, Saved)> {
        let (y, saved) = output::forward(step, a, x, self.precision, true)?;
        Ok((y, Saved(Kept::Output(saved))))
    }

    fn project_add_backward(
        &self,
        step: &ProjectAdd<Weight>,
        saved: &Saved,
        dy: &Tensor,
        gradients: &mut Gradients<Tensor>,
    ) -> Result<Tensor> {
        let Kept::Output(saved) = &saved.0 else {
            return Err(wrong("project_add_backward"));
        };
        output::backward(step, saved, dy, gradients)
    }

    fn gated_mlp_saving(&self, step: &GatedMlp<Weight>, x: &Tensor) -> Result<(Tensor, Saved)> {
        match mlp::forward(step, x, self.precision, true)? {
            (y, Some(saved)) => Ok((y, Saved(Kept::Mlp(saved)))),
            (_, None) => Err(wrong("gated_mlp_saving")),
        }
    }

    fn gated_mlp_backward(&self, step: &GatedMlp<Weight>, saved: &Saved, dy: &Tensor, gradients: &mut Gradients<Tensor>) -> Result<Tensor> {
        let Kept::Mlp(saved) = &saved.0 else {
            return Err(wrong("gated_mlp_backward"));
        };
        mlp::backward(step, saved, dy, gradients)
    }

    fn head_loss(&self, step: &Head<Weight>, x: &Tensor, targets: &[Target], gradients: &mut Gradients<Tensor>) -> Result<(f64, Tensor)> {
        head_loss::loss(step, x, targets, gradients)
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let (rows, cols) = shape(a)?;
        optimizer::add_to(from_vec(View::new(a)?.to_vec(), rows, cols)?, b)
    }

    fn gradient_norm(&self, gradients: &Gradients<Tensor>) -> Result<f64> {
        optimizer::gradient_norm(gradients)
    }

    fn zeros_like(&self, weight: &Weight) -> Result<Tensor> {
        let (rows, cols) = weight.shape();
        from_vec(vec![0f32; rows * cols], rows, cols)
    }

    fn adamw_step(
        &self,
        weight: &Weight,
        gradient: &Tensor,
        scale: f64,
        first: &mut Tensor,
        second: &mut Tensor,
        hyper: &AdamW,
        t: u64,
    ) -> Result<()> {
        optimizer::adamw(weight.dense("adamw")?, gradient, scale, first, second, hyper, t)
    }

    fn read_weight(&self, weight: &Weight) -> Result<Vec<f32>> {
        let (rows, _) = weight.shape();
        match weight {
            Weight::Dense(tensor) => Ok(View::new(tensor)?.to_vec()),
            Weight::Quantized(_) => weight.gather(&(0..rows as u32).collect::<Vec<_>>(), "row"),
        }
    }

    fn read_now(&self, tensor: &Tensor) -> Result<Vec<f32>> {
        Ok(View::new(tensor)?.to_vec())
    }

    fn tensor(&self, values: &[f32], rows: usize, cols: usize) -> Result<Tensor> {
        if values.len() != rows * cols {
            return Err(Error::Input(format!("{} values are no matrix [{rows}, {cols}]", values.len())));
        }
        from_vec(values.to_vec(), rows, cols)
    }
}

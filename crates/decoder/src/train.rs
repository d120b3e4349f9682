//! Loss, gradients and the optimiser's step of a batch of packed documents.

use crate::backend::{AdamW, Backend, Differentiable, Gradients, Target};
use crate::batch::Batch;
use crate::model::{Model, block};
use crate::names::Param;
use crate::step::ParameterId;
use crate::tape::{Tape, Variable};
use crate::{Error, Result};

/// Every token of a document predicts the next; each target weighs `1 / targets`, so the loss is a mean.
pub fn next_token_targets(batch: &Batch) -> Vec<Target> {
    let mut targets = Vec::new();
    for segment in &batch.segments {
        for row in segment.first_row..segment.first_row + segment.rows - 1 {
            targets.push(Target {
                row: row as u32,
                token: batch.tokens[row + 1],
                weight: 1.0,
            });
        }
    }
    let share = 1.0 / targets.len().max(1) as f32;
    targets.iter_mut().for_each(|target| target.weight = share);
    targets
}

/// What is kept of a layer between forward and backward.
enum Kept<'b, B: Differentiable> {
    /// Its input only: the layer is run again (activation checkpointing).
    Input(B::Tensor),
    /// Its whole record.
    Record {
        tape: Tape<'b, B>,
        input: Variable<B::Tensor>,
        output: Variable<B::Tensor>,
    },
}

/// Loss of `targets` and the gradients of all weights, added to `gradients`. With `checkpointing`, only the input of each layer is kept and
/// the layer is run a second time: less memory, about a third more work, the same gradients.
pub fn loss_and_gradients<B: Differentiable>(
    backend: &B,
    model: &Model<B::Weight>,
    batch: &Batch,
    targets: &[Target],
    checkpointing: bool,
    gradients: &mut Gradients<B::Tensor>,
) -> Result<f64> {
    if batch.rows() == 0 || targets.is_empty() {
        return Err(Error::Input("a training batch needs tokens and targets".into()));
    }
    let batch = backend.upload_batch(batch)?;
    let mut x = backend.embed(&model.embed, &batch)?;
    let mut kept = Vec::with_capacity(model.layers.len());
    for layer in &model.layers {
        if checkpointing {
            let next = block(backend, layer, &x, &batch, None)?;
            kept.push(Kept::<B>::Input(std::mem::replace(&mut x, next)));
        } else {
            let tape = Tape::new(backend);
            let input = tape.variable(x);
            let output = block(&tape, layer, &input, &batch, None)?;
            x = output.value.clone();
            kept.push(Kept::Record { tape, input, output });
        }
    }
    let (loss, mut dx) = backend.head_loss(&model.head, &x, targets, gradients)?;
    for (layer, kept) in model.layers.iter().zip(kept).rev() {
        let (tape, input, output) = match kept {
            Kept::Record { tape, input, output } => (tape, input, output),
            Kept::Input(x) => {
                let tape = Tape::new(backend);
                let input = tape.variable(x);
                let output = block(&tape, layer, &input, &batch, None)?;
                (tape, input, output)
            }
        };
        dx = tape
            .backward(&output, dx, Some(&input), gradients)?
            .expect("a layer's output depends on its input");
    }
    backend.embed_backward(&model.embed, &batch, &dx, gradients)?;
    Ok(loss)
}

/// AdamW's moments of every parameter, in F32.
pub struct Optimizer<B: Differentiable> {
    /// First and second moment by parameter.
    pub moments: Vec<(B::Tensor, B::Tensor)>,
    /// Steps taken.
    pub step: u64,
}

impl<B: Differentiable> Optimizer<B> {
    /// Moments of zero.
    pub fn new(backend: &B, model: &Model<B::Weight>) -> Result<Self> {
        let moments = model
            .parameters
            .iter()
            .map(|(_, weight)| Ok((backend.zeros_like(weight)?, backend.zeros_like(weight)?)))
            .collect::<Result<_>>()?;
        Ok(Optimizer { moments, step: 0 })
    }

    /// One step. Gradients are multiplied by `scale`, then, where their norm exceeds `clip`, scaled down to it. `decays` says which parameters
    /// weight decay applies to. Returns the norm before clipping.
    pub fn step(
        &mut self,
        backend: &B,
        model: &Model<B::Weight>,
        gradients: &Gradients<B::Tensor>,
        hyper: &AdamW,
        scale: f64,
        clip: Option<f64>,
        decays: impl Fn(Param) -> bool,
    ) -> Result<f64> {
        let norm = backend.gradient_norm(gradients)? * scale;
        if !norm.is_finite() {
            return Err(Error::Input(format!("the gradient's norm is {norm}; lower the learning rate")));
        }
        let factor = match clip {
            Some(most) if norm > most => scale * most / norm,
            _ => scale,
        };
        self.step += 1;
        for (index, ((param, weight), (first, second))) in model.parameters.iter().zip(&mut self.moments).enumerate() {
            let Some(gradient) = gradients.get(ParameterId(index)) else {
                continue;
            };
            let hyper = AdamW {
                weight_decay: if decays(*param) { hyper.weight_decay } else { 0.0 },
                ..*hyper
            };
            backend.adamw_step(weight, gradient, factor, first, second, &hyper, self.step)?;
        }
        Ok(norm)
    }
}

/// The mean loss of `targets` without gradients, for held-out text.
pub async fn loss<B: Backend>(backend: &B, model: &Model<B::Weight>, batch: &Batch, targets: &[Target]) -> Result<f64> {
    let uploaded = backend.upload_batch(batch)?;
    let mut x = backend.embed(&model.embed, &uploaded)?;
    for layer in &model.layers {
        x = block(backend, layer, &x, &uploaded, None)?;
    }
    let (rows, tokens): (Vec<u32>, Vec<u32>) = targets.iter().map(|target| (target.row, target.token)).unzip();
    let log_probs = backend.read(&backend.head_log_probs(&model.head, &x, &rows, &tokens)?).await?;
    Ok(log_probs
        .chunks_exact(2)
        .zip(targets)
        .map(|(pair, target)| -f64::from(pair[0]) * f64::from(target.weight))
        .sum())
}

//! Cross-entropy and its gradient in one step, over slices of rows, so that all logits never exist at once.

use crate::head::{check_tokens, pick, rows_per_slice};
use crate::linear::{self, Input, collect};
use crate::math::{axpy, exp, log_sum_exp, softcap};
use crate::matrix::{Cores, Mat, multiply};
use crate::precision::Precision;
use crate::tensor::{View, from_vec, shape};
use crate::weight::Weight;
use crate::{norm, parallel};
use candle_core::Tensor;
use decoder::step::Head;
use decoder::{Gradients, Result, Target};

/// Logits of a row → its loss, and the gradient of the logits in their place: `weight (p - onehot) ∘ cap'`.
fn differentiate(logits: &mut [f32], target: &Target, cap: Option<f32>) -> f64 {
    if let Some(cap) = cap {
        softcap(logits, cap);
    }
    let total = log_sum_exp(logits);
    let loss = f64::from(target.weight) * (total - f64::from(logits[target.token as usize]));
    let slope = |logit: f32| cap.map_or(1.0, |cap| 1.0 - (logit / cap) * (logit / cap));
    let at_target = slope(logits[target.token as usize]);
    let total = total as f32;
    match cap {
        None => logits.iter_mut().for_each(|logit| *logit = target.weight * exp(*logit - total)),
        Some(_) => logits
            .iter_mut()
            .for_each(|logit| *logit = target.weight * exp(*logit - total) * slope(*logit)),
    }
    logits[target.token as usize] -= target.weight * at_target;
    loss
}

/// → loss and `dx: [T, d]`.
pub(crate) fn loss(step: &Head<Weight>, x: &Tensor, targets: &[Target], gradients: &mut Gradients<Tensor>) -> Result<(f64, Tensor)> {
    let (height, width) = shape(x)?;
    let vocabulary = step.project.outputs;
    check_tokens(targets.iter().map(|target| target.token), vocabulary)?;
    let mut dx = vec![0f32; height * width];
    let mut dw = vec![0f32; vocabulary * width];
    let mut db = step.project.bias.as_ref().map(|_| vec![0f32; vocabulary]);
    let mut dgain = vec![0f32; width];
    let mut total = 0f64;
    for targets in targets.chunks(rows_per_slice(vocabulary)) {
        let rows = targets.len();
        let picked = pick(x, targets.iter().map(|target| target.row))?;
        let n = norm::forward(&step.norm, &picked)?;
        let mut logits = linear::forward(&step.project, &Input::new(&n, width, Precision::Exact))?;
        let mut losses = vec![0f64; rows];
        // One row a chunk: its loss travels beside it.
        let mut work: Vec<(&mut [f32], &mut f64)> = logits.chunks_exact_mut(vocabulary).zip(&mut losses).collect();
        parallel::chunks(&mut work, 1, |row, work| {
            for (logits, loss) in work {
                **loss = differentiate(logits, &targets[row], step.softcap);
            }
        });
        total += losses.iter().sum::<f64>();

        let dlogits = Mat::new(&logits, rows, vocabulary);
        multiply(&mut dw, width, dlogits.t(), Mat::new(&n, rows, width), true, Cores::All);
        if let Some(db) = &mut db {
            logits.chunks_exact(vocabulary).for_each(|dlogits| axpy(db, 1.0, dlogits));
        }
        let w = View::new(step.project.weight.value.dense("head backward")?)?;
        let mut dn = vec![0f32; rows * width];
        multiply(&mut dn, width, dlogits, Mat::new(&w, vocabulary, width), false, Cores::All);
        let (dpicked, dw_norm) = norm::backward(&step.norm, &picked, &dn)?;
        axpy(&mut dgain, 1.0, &dw_norm);
        for (target, d) in targets.iter().zip(dpicked.chunks_exact(width)) {
            axpy(&mut dx[target.row as usize * width..][..width], 1.0, d);
        }
    }
    collect(gradients, step.project.weight.id, dw, vocabulary, width)?;
    if let (Some(bias), Some(db)) = (&step.project.bias, db) {
        collect(gradients, bias.id, db, 1, vocabulary)?;
    }
    collect(gradients, step.norm.weight.id, dgain, 1, width)?;
    Ok((total, from_vec(dx, height, width)?))
}

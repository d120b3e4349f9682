//! The head: last norm and vocabulary projection, on asked rows only, and on asked tokens only where a caller wants no more.

use crate::linear::{self, Input};
use crate::math::{argmax, dot, log_sum_exp, softcap};
use crate::precision::Precision;
use crate::tensor::{View, from_vec, shape};
use crate::weight::Weight;
use crate::{norm, parallel};
use candle_core::Tensor;
use decoder::step::Head;
use decoder::{Error, Result};

/// Values of logits that exist at once in steps that return less than logits: 16 MiB.
const SLICE: usize = 1 << 22;

/// Rows of logits that exist at once.
pub(crate) fn rows_per_slice(vocabulary: usize) -> usize {
    (SLICE / vocabulary.max(1)).clamp(1, 256)
}

/// The asked rows of `x: [T, d]`, one after the other. Errors: there is no such row.
pub(crate) fn pick(x: &Tensor, rows: impl Iterator<Item = u32>) -> Result<Vec<f32>> {
    let (height, width) = shape(x)?;
    let x = View::new(x)?;
    let mut picked = Vec::new();
    for row in rows {
        if row as usize >= height {
            return Err(Error::Input(format!("the head was asked for row {row} of {height}")));
        }
        picked.extend_from_slice(&x[row as usize * width..][..width]);
    }
    Ok(picked)
}

fn cap(step: &Head<Weight>, logits: &mut [f32]) {
    if let Some(cap) = step.softcap {
        parallel::chunks(logits, 1 << 14, |_, logits| softcap(logits, cap));
    }
}

/// → `[R, V]`, as values.
fn logits_of(step: &Head<Weight>, x: &Tensor, rows: &[u32], precision: Precision) -> Result<Vec<f32>> {
    let mut n = pick(x, rows.iter().copied())?;
    norm::in_place(&step.norm, &mut n)?;
    let mut logits = linear::forward(&step.project, &Input::new(&n, step.project.inputs, precision))?;
    cap(step, &mut logits);
    Ok(logits)
}

/// → `[R, V]`.
pub(crate) fn logits(step: &Head<Weight>, x: &Tensor, rows: &[u32], precision: Precision) -> Result<Tensor> {
    from_vec(logits_of(step, x, rows, precision)?, rows.len(), step.project.outputs)
}

/// → `[R, tokens.len()]`, reading only the asked rows of the vocabulary matrix.
pub(crate) fn tokens(step: &Head<Weight>, x: &Tensor, rows: &[u32], tokens: &[u32]) -> Result<Tensor> {
    let width = step.project.inputs;
    let weights = step.project.weight.value.gather(tokens, "token id")?;
    let mut n = pick(x, rows.iter().copied())?;
    norm::in_place(&step.norm, &mut n)?;
    let mut logits = vec![0f32; rows.len() * tokens.len()];
    for (n, logits) in n.chunks_exact(width).zip(logits.chunks_exact_mut(tokens.len().max(1))) {
        for (weights, logit) in weights.chunks_exact(width).zip(logits) {
            *logit = dot(n, weights);
        }
    }
    if let Some(bias) = &step.project.bias {
        let bias = bias.value.values("bias")?;
        for row in logits.chunks_exact_mut(tokens.len()) {
            row.iter_mut()
                .zip(tokens)
                .for_each(|(logit, &token)| *logit += bias[token as usize]);
        }
    }
    cap(step, &mut logits);
    from_vec(logits, rows.len(), tokens.len())
}

/// → `[R, 2]`: log-probability of the target, and whether it is the most likely token.
pub(crate) fn log_probs(step: &Head<Weight>, x: &Tensor, rows: &[u32], targets: &[u32], precision: Precision) -> Result<Tensor> {
    let vocabulary = step.project.outputs;
    if rows.len() != targets.len() {
        return Err(Error::Input(format!("{} rows, but {} targets", rows.len(), targets.len())));
    }
    check_tokens(targets.iter().copied(), vocabulary)?;
    let slice = rows_per_slice(vocabulary);
    let mut out = Vec::with_capacity(rows.len() * 2);
    for (rows, targets) in rows.chunks(slice).zip(targets.chunks(slice)) {
        let logits = logits_of(step, x, rows, precision)?;
        let answers = parallel::map(rows.len(), |i| {
            let logits = &logits[i * vocabulary..][..vocabulary];
            let target = targets[i] as usize;
            let log_p = (f64::from(logits[target]) - log_sum_exp(logits)) as f32;
            [log_p, if argmax(logits) == target { 1.0 } else { 0.0 }]
        });
        out.extend(answers.into_iter().flatten());
    }
    from_vec(out, rows.len(), 2)
}

/// → `[R, 1]`: the most likely token.
pub(crate) fn best(step: &Head<Weight>, x: &Tensor, rows: &[u32], precision: Precision) -> Result<Tensor> {
    let vocabulary = step.project.outputs;
    let mut out = Vec::with_capacity(rows.len());
    for rows in rows.chunks(rows_per_slice(vocabulary)) {
        let logits = logits_of(step, x, rows, precision)?;
        out.extend(parallel::map(rows.len(), |i| {
            argmax(&logits[i * vocabulary..][..vocabulary]) as f32
        }));
    }
    from_vec(out, rows.len(), 1)
}

/// Error where a token is no token of the vocabulary.
pub(crate) fn check_tokens(mut tokens: impl Iterator<Item = u32>, vocabulary: usize) -> Result<()> {
    match tokens.find(|&token| token as usize >= vocabulary) {
        None => Ok(()),
        Some(token) => Err(Error::Input(format!("token id {token} is out of range: there are {vocabulary}"))),
    }
}

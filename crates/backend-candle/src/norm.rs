//! Root-mean-square norm (Zhang and Sennrich, 2019): `y = x r (offset + w)`, `r = 1/sqrt(mean(x²) + eps)`; forward and backward.

use crate::math::{axpy, dot};
use crate::parallel;
use crate::weight::Weight;
use decoder::Result;
use decoder::step::Norm;

/// Values of rows that one core takes at a time.
const CHUNK: usize = 1 << 14;

fn rows_per_chunk(width: usize) -> usize {
    (CHUNK / width.max(1)).max(1)
}

/// `offset + w`.
pub(crate) fn gain(norm: &Norm<Weight>) -> Result<Vec<f32>> {
    Ok(norm.weight.value.values("norm")?.iter().map(|w| norm.offset + w).collect())
}

fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt()
}

/// `x: [T, width]` → the same shape; `width` is the norm's. A head norm is this over `[T·H, D]`.
pub(crate) fn forward(norm: &Norm<Weight>, x: &[f32]) -> Result<Vec<f32>> {
    let mut y = x.to_vec();
    in_place(norm, &mut y)?;
    Ok(y)
}

/// As [`forward`], over its input.
pub(crate) fn in_place(norm: &Norm<Weight>, x: &mut [f32]) -> Result<()> {
    let gain = gain(norm)?;
    let width = gain.len();
    parallel::chunks(x, rows_per_chunk(width) * width, |_, rows| {
        for row in rows.chunks_exact_mut(width) {
            let r = inverse_rms(row, norm.eps);
            for (x, g) in row.iter_mut().zip(&gain) {
                *x = *x * r * g;
            }
        }
    });
    Ok(())
}

/// `dy` → `(dx, dw)`, given the input `x` of the forward.
///
/// With `n = dy ∘ (offset + w)`: `dx = r (n - x r² mean(n ∘ x))`, `dw = Σ_rows dy ∘ x r`.
pub(crate) fn backward(norm: &Norm<Weight>, x: &[f32], dy: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
    let gain = gain(norm)?;
    let width = gain.len();
    let step = rows_per_chunk(width) * width;
    let mut dx = vec![0f32; x.len()];
    parallel::chunks(&mut dx, step, |index, dx| {
        let x = &x[index * step..];
        let dy = &dy[index * step..];
        for ((dx, x), dy) in dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(dy.chunks_exact(width)) {
            let r = inverse_rms(x, norm.eps);
            for ((dx, dy), g) in dx.iter_mut().zip(dy).zip(&gain) {
                *dx = dy * g;
            }
            let pull = -dot(dx, x) / width as f32 * r * r * r;
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx = *dx * r + x * pull;
            }
        }
    });
    let mut dw = vec![0f32; width];
    let mut scaled = vec![0f32; width];
    for (x, dy) in x.chunks_exact(width).zip(dy.chunks_exact(width)) {
        for ((s, x), dy) in scaled.iter_mut().zip(x).zip(dy) {
            *s = x * dy;
        }
        axpy(&mut dw, inverse_rms(x, norm.eps), &scaled);
    }
    Ok((dx, dw))
}

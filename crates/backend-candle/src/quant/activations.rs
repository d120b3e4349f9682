//! Activations as 16-bit integers: one F32 scale for each [`BLOCK`] values of a row.

use crate::parallel;

/// Values that share a scale. Every quantised format's rows are whole multiples of it.
pub(crate) const BLOCK: usize = 32;
/// Greatest magnitude: with weights of at most 8 bits, 32 products fit an `i32` sixteen times over.
const LIMIT: f32 = 32_767.0;

/// `x: [T, cols]` as `scale · q`.
pub struct Activations {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// `[T, cols]`.
    pub(crate) q: Vec<i16>,
    /// `[T, cols / 32]`.
    pub(crate) scales: Vec<f32>,
    /// `[T, cols / 16]`: sums of 16 values of `x`, for formats whose weights have an offset.
    pub(crate) sums: Vec<f32>,
}

impl Activations {
    /// Of `x: [T, cols]`; `cols` is a multiple of 32.
    pub fn quantize(x: &[f32], cols: usize) -> Activations {
        assert!(
            cols > 0 && cols.is_multiple_of(BLOCK) && x.len().is_multiple_of(cols),
            "rows of whole blocks"
        );
        let rows = x.len() / cols;
        let mut q = vec![0i16; x.len()];
        let mut scales = vec![0f32; x.len() / BLOCK];
        let mut work: Vec<(&mut [i16], &mut [f32])> = q.chunks_exact_mut(cols).zip(scales.chunks_exact_mut(cols / BLOCK)).collect();
        parallel::chunks(&mut work, 16, |index, work| {
            for (row, (q, scales)) in work.iter_mut().enumerate() {
                let x = &x[(index * 16 + row) * cols..][..cols];
                for ((x, q), scale) in x.chunks_exact(BLOCK).zip(q.chunks_exact_mut(BLOCK)).zip(scales.iter_mut()) {
                    *scale = quantize_block(x, q);
                }
            }
        });
        let sums = x.chunks_exact(16).map(crate::math::sum).collect();
        Activations {
            rows,
            cols,
            q,
            scales,
            sums,
        }
    }
}

/// Returns the scale.
#[inline]
fn quantize_block(x: &[f32], q: &mut [i16]) -> f32 {
    let mut magnitude = 0f32;
    for x in x {
        let a = x.abs();
        magnitude = if a > magnitude { a } else { magnitude };
    }
    let inverse = if magnitude > 0.0 { LIMIT / magnitude } else { 0.0 };
    // Adding 1.5 · 2²³ rounds to the nearest whole number and leaves it in the low bits, without a call.
    const MAGIC: f32 = 12_582_912.0;
    for (q, x) in q.iter_mut().zip(x) {
        *q = (x * inverse + MAGIC).to_bits() as i16;
    }
    magnitude / LIMIT
}

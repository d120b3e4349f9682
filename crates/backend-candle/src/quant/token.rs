//! The product with one row of activations, or a few: each weight row is unpacked into the first-level cache and multiplied at once.

use super::activations::{Activations, BLOCK};
use super::format::Format;
use super::simd::Simd;

/// Most rows of activations for which this is faster than building tiles.
pub(crate) const FEW: usize = 3;

/// An unpacked row, reused for all rows of a task.
pub(crate) struct Scratch {
    pub(crate) q: Vec<i16>,
    pub(crate) scales: Vec<f32>,
    pub(crate) offsets: Vec<f32>,
    products: Vec<f32>,
}

impl Scratch {
    pub(crate) fn new(cols: usize) -> Scratch {
        Scratch {
            q: vec![0; cols],
            scales: vec![0.0; cols / 16],
            offsets: vec![0.0; cols / 16],
            products: vec![0.0; cols / 16],
        }
    }
}

/// `rows`: bytes of whole weight rows; `out: [weight rows, T]`.
///
/// # Safety
/// The processor must have the instructions of `S`.
#[inline(always)]
pub(crate) unsafe fn few<S: Simd, F: Format>(rows: &[u8], x: &Activations, out: &mut [f32]) {
    let cols = x.cols;
    let row_bytes = cols / F::BLOCK * F::BYTES;
    assert!(
        cols.is_multiple_of(F::BLOCK) && rows.len() == out.len() / x.rows * row_bytes,
        "whole rows"
    );
    let mut scratch = Scratch::new(cols);
    for (row, out) in rows.chunks_exact(row_bytes).zip(out.chunks_exact_mut(x.rows)) {
        F::unpack_row(row, &mut scratch.q, &mut scratch.scales, &mut scratch.offsets);
        for (t, out) in out.iter_mut().enumerate() {
            // SAFETY: as the caller's.
            *out = unsafe { dot::<S, F>(&mut scratch, x, t) };
        }
    }
}

/// One unpacked row times row `t` of `x`.
#[inline(always)]
unsafe fn dot<S: Simd, F: Format>(scratch: &mut Scratch, x: &Activations, t: usize) -> f32 {
    let cols = x.cols;
    let subs = cols / F::SUB;
    let q = &x.q[t * cols..(t + 1) * cols];
    let scales = &x.scales[t * (cols / BLOCK)..][..cols / BLOCK];
    let products = &mut scratch.products[..subs];
    for (sub, product) in products.iter_mut().enumerate() {
        *product = scratch.scales[sub] * scales[sub * F::SUB / BLOCK];
    }
    assert!(scratch.q.len() == cols && q.len() == cols);
    // SAFETY: both rows have `cols = subs · SUB` values, read 16 at a time; the rest as the caller's.
    let mut y = unsafe {
        let mut sum = S::splat(0.0);
        for (sub, product) in products.iter().enumerate() {
            let at = sub * F::SUB;
            let (w, x) = (scratch.q.as_ptr().add(at), q.as_ptr().add(at));
            let mut ints = S::multiply_add(S::no_ints(), S::words(w), S::words(x));
            if F::SUB == 32 {
                ints = S::multiply_add(ints, S::words(w.add(16)), S::words(x.add(16)));
            }
            sum = S::fused(sum, S::to_floats(ints), S::splat(*product));
        }
        S::total(sum)
    };
    if F::OFFSETS {
        let sums = &x.sums[t * (cols / 16)..][..cols / 16];
        y += if F::SUB == 16 {
            crate::math::dot(&scratch.offsets[..subs], sums)
        } else {
            scratch.offsets[..subs]
                .iter()
                .zip(sums.chunks_exact(2))
                .map(|(offset, sums)| offset * (sums[0] + sums[1]))
                .sum()
        };
    }
    y
}

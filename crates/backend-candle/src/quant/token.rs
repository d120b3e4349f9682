//! The product with one row of activations, or a few: each weight row is unpacked into the first-level cache and multiplied at once.

use super::activations::{Activations, BLOCK};
use super::layout::{Layout, Scratch};
use super::simd::Simd;

/// Most rows of activations for which this is faster than building tiles.
pub(crate) const FEW: usize = 3;

/// `rows`: bytes of whole weight rows; `out: [weight rows, T]`.
///
/// # Safety
/// The processor must have the instructions of `S`.
#[inline(always)]
pub(crate) unsafe fn few<S: Simd>(layout: &Layout, rows: &[u8], x: &Activations, out: &mut [f32]) {
    let row_bytes = layout.row_bytes(x.cols);
    assert!(rows.len() == out.len() / x.rows * row_bytes, "whole rows");
    let mut scratch = Scratch::new(x.cols);
    let mut products = vec![0f32; x.cols / 16];
    for (row, out) in rows.chunks_exact(row_bytes).zip(out.chunks_exact_mut(x.rows)) {
        // SAFETY: the caller's promise.
        unsafe {
            layout.unpack(row, &mut scratch);
            for (t, out) in out.iter_mut().enumerate() {
                *out = match (layout.sub, layout.offsets) {
                    (16, false) => dot::<S, 16, false>(&scratch, &mut products, x, t),
                    (16, true) => dot::<S, 16, true>(&scratch, &mut products, x, t),
                    (_, false) => dot::<S, 32, false>(&scratch, &mut products, x, t),
                    (_, true) => dot::<S, 32, true>(&scratch, &mut products, x, t),
                };
            }
        }
    }
}

/// One unpacked row times row `t` of `x`.
#[inline(always)]
unsafe fn dot<S: Simd, const SUB: usize, const OFFSETS: bool>(scratch: &Scratch, products: &mut [f32], x: &Activations, t: usize) -> f32 {
    let cols = x.cols;
    let subs = cols / SUB;
    let q = &x.q[t * cols..(t + 1) * cols];
    let scales = &x.scales[t * (cols / BLOCK)..][..cols / BLOCK];
    let products = &mut products[..subs];
    for (sub, product) in products.iter_mut().enumerate() {
        *product = scratch.scales[sub] * scales[sub * SUB / BLOCK];
    }
    assert!(scratch.q.len() == cols && q.len() == cols);
    // SAFETY: both rows have `cols = subs · SUB` values, read 16 at a time; the rest as the caller's.
    let mut y = unsafe {
        let mut sum = S::splat(0.0);
        for (sub, product) in products.iter().enumerate() {
            let at = sub * SUB;
            let (w, x) = (scratch.q.as_ptr().add(at), q.as_ptr().add(at));
            let mut ints = S::multiply_add(S::no_ints(), S::words(w), S::words(x));
            if SUB == 32 {
                ints = S::multiply_add(ints, S::words(w.add(16)), S::words(x.add(16)));
            }
            sum = S::fused(sum, S::to_floats(ints), S::splat(*product));
        }
        S::total(sum)
    };
    if OFFSETS {
        let sums = &x.sums[t * (cols / 16)..][..cols / 16];
        y += if SUB == 16 {
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

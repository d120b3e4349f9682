//! The product with one row of activations, or a few: [`TILE`] weight rows are unpacked into the first-level cache, a stretch of columns at a
//! time, and multiplied at once, without the interleaving that only pays for many rows.
//!
//! What must hold: sums are taken in the order of `prompt`, so that a row's product is the same to the last bit, whatever rows stand beside it:
//! the integers of a scale's columns whole, then one fused addition each.

use super::activations::{Activations, BLOCK};
use super::layout::{Layout, STRETCH, Scratch, TILE, TileScales};
use crate::simd::Simd;

/// Most rows of activations for which this is faster than interleaving.
pub(crate) const FEW: usize = 3;

/// `rows`: bytes of whole weight rows; adds to `out: [tiles, T, TILE]`.
///
/// # Safety
/// The processor must have the instructions of `S`.
#[inline(always)]
pub(crate) unsafe fn few<S: Simd>(layout: &Layout, rows: &[u8], x: &Activations, out: &mut [f32]) {
    let cols = x.cols;
    let row_bytes = layout.row_bytes(cols);
    assert!(out.len() == (rows.len() / row_bytes).div_ceil(TILE) * x.rows * TILE, "whole tiles");
    let most = STRETCH.min(cols);
    let mut unpacked: [Scratch; TILE] = std::array::from_fn(|_| Scratch::new(most));
    let mut scales = TileScales::new(most / layout.sub);
    for (rows, out) in rows.chunks(TILE * row_bytes).zip(out.chunks_exact_mut(x.rows * TILE)) {
        for first in (0..cols).step_by(STRETCH) {
            let width = STRETCH.min(cols - first);
            // Lanes behind the last row keep what was there; their sums are never read.
            for (lane, (row, scratch)) in rows.chunks_exact(row_bytes).zip(&mut unpacked).enumerate() {
                let bytes = &row[layout.row_bytes(first)..][..layout.row_bytes(width)];
                // SAFETY: the caller's promise.
                unsafe { layout.unpack(bytes, scratch) };
                scales.take(lane, scratch, width / layout.sub);
            }
            for (t, out) in out.chunks_exact_mut(TILE).enumerate() {
                let columns = (t * cols + first, width);
                // SAFETY: the caller's promise.
                unsafe {
                    match (layout.sub, layout.offsets) {
                        (16, false) => multiply::<S, 16, false>(&unpacked, &scales, x, columns, out),
                        (16, true) => multiply::<S, 16, true>(&unpacked, &scales, x, columns, out),
                        (_, false) => multiply::<S, 32, false>(&unpacked, &scales, x, columns, out),
                        (_, true) => multiply::<S, 32, true>(&unpacked, &scales, x, columns, out),
                    }
                }
            }
        }
    }
}

/// Adds to `out: [TILE]` the products of unpacked rows with `width` activations from place `at` of `x` on.
#[inline(always)]
unsafe fn multiply<S: Simd, const SUB: usize, const OFFSETS: bool>(
    rows: &[Scratch; TILE],
    TileScales { scales, offsets }: &TileScales,
    x: &Activations,
    (at, width): (usize, usize),
    out: &mut [f32],
) {
    let subs = width / SUB;
    assert!(at + width <= x.q.len() && x.scales.len() == x.q.len() / BLOCK && x.sums.len() == x.q.len() / 16 && at.is_multiple_of(BLOCK));
    assert!(scales.len() >= subs * TILE && offsets.len() >= subs * TILE && out.len() == TILE);
    assert!(rows.iter().all(|row| row.q.len() >= width));
    // SAFETY: the assertions above bound every pointer; the instructions are the caller's promise.
    unsafe {
        let mut sum = S::splat(0.0);
        for sub in 0..subs {
            let column = sub * SUB;
            let x_q = x.q.as_ptr().add(at + column);
            let (low, high) = (S::words(x_q), S::words(x_q.add(SUB - 16)));
            let mut ints = [S::no_ints(); TILE];
            for (ints, row) in ints.iter_mut().zip(rows) {
                let w = row.q.as_ptr().add(column);
                *ints = S::multiply_add(*ints, S::words(w), low);
                if SUB == 32 {
                    *ints = S::multiply_add(*ints, S::words(w.add(16)), high);
                }
            }
            let scale = *x.scales.as_ptr().add((at + column) / BLOCK);
            let scales = S::multiply(S::floats(scales.as_ptr().add(sub * TILE)), S::splat(scale));
            sum = S::fused(sum, S::to_floats(S::int_totals(ints)), scales);
            if OFFSETS {
                let from = x.sums.as_ptr().add((at + column) / 16);
                let total = if SUB == 16 { *from } else { *from + *from.add(1) };
                sum = S::fused(sum, S::floats(offsets.as_ptr().add(sub * TILE)), S::splat(total));
            }
        }
        S::store(out.as_mut_ptr(), S::fused(S::floats(out.as_ptr()), sum, S::splat(1.0)));
    }
}

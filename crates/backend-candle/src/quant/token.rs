//! The product with one row of activations, or a few: each weight row is unpacked into the first-level cache and multiplied at once, without
//! the interleaving that only pays for many rows. Here lanes are the subs of one row.
//!
//! What must hold: sums are taken in the order that `layout` names, as `prompt` takes them, so that a row's product is the same to the last bit,
//! whatever rows stand beside it.

use super::activations::{Activations, BLOCK};
use super::layout::{LANES, Layout, STRETCH, Scratch, TILE};
use crate::simd::Simd;

/// Most rows of activations for which this is faster than interleaving.
pub(crate) const FEW: usize = 3;

/// `rows`: bytes of whole weight rows; adds to `out: [tiles, T, TILE]`.
///
/// # Safety
/// The processor must have the instructions of `S`.
#[inline(always)]
pub(crate) unsafe fn few<S: Simd>(layout: &Layout, rows: &[u8], x: &Activations, out: &mut [f32]) {
    let row_bytes = layout.row_bytes(x.cols);
    assert!(out.len() == (rows.len() / row_bytes).div_ceil(TILE) * x.rows * TILE, "whole tiles");
    let inputs: Vec<Input> = (0..x.rows).map(|row| Input::new(x, row, layout.sub)).collect();
    let mut scratch = Scratch::new(x.cols);
    let mut products = vec![0f32; (x.cols / layout.sub).next_multiple_of(LANES)];
    for (index, row) in rows.chunks_exact(row_bytes).enumerate() {
        // SAFETY: the caller's promise.
        unsafe { layout.unpack(row, &mut scratch) };
        for (t, input) in inputs.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                match (layout.sub, layout.offsets) {
                    (16, false) => multiply::<S, 16, false>(&scratch, input, &mut products),
                    (16, true) => multiply::<S, 16, true>(&scratch, input, &mut products),
                    (_, false) => multiply::<S, 32, false>(&scratch, input, &mut products),
                    (_, true) => multiply::<S, 32, true>(&scratch, input, &mut products),
                }
            }
            let out = &mut out[(index / TILE * x.rows + t) * TILE + index % TILE];
            for stretch in products[..x.cols / layout.sub].chunks(STRETCH / layout.sub) {
                *out += stretch.iter().fold(0.0, |sum, product| sum + product);
            }
        }
    }
}

/// A row of activations, its scales and sums repeated as a format's scales have it.
struct Input<'a> {
    /// `[cols]`.
    q: &'a [i16],
    /// `[subs]`, and zeros up to whole vectors.
    scales: Vec<f32>,
    /// `[subs]`, and zeros up to whole vectors: sums of a sub's activations.
    sums: Vec<f32>,
}

impl<'a> Input<'a> {
    fn new(x: &'a Activations, row: usize, sub: usize) -> Input<'a> {
        let cols = x.cols;
        let scales = &x.scales[row * (cols / BLOCK)..][..cols / BLOCK];
        let sums = &x.sums[row * (cols / 16)..][..cols / 16];
        let mut input = Input {
            q: &x.q[row * cols..][..cols],
            scales: (0..cols / sub).map(|i| scales[i * sub / BLOCK]).collect(),
            sums: sums.chunks_exact(sub / 16).map(|sums| sums.iter().sum()).collect(),
        };
        input.scales.resize(cols / sub + LANES, 0.0);
        input.sums.resize(cols / sub + LANES, 0.0);
        input
    }
}

/// `products[sub] = scale · Σ w x (+ offset · Σ x)` of an unpacked row, for every sub.
#[inline(always)]
unsafe fn multiply<S: Simd, const SUB: usize, const OFFSETS: bool>(w: &Scratch, x: &Input, products: &mut [f32]) {
    let subs = x.q.len() / SUB;
    assert!(w.q.len() == x.q.len() && products.len() == subs.next_multiple_of(LANES));
    assert!(
        [&w.scales, &w.offsets, &x.scales, &x.sums]
            .iter()
            .all(|values| values.len() >= products.len())
    );
    // SAFETY: the assertions above bound every pointer, whole vectors of scales included; the instructions are the caller's promise.
    unsafe {
        let total = |sub: usize| {
            let (w, x) = (w.q.as_ptr().add(sub * SUB), x.q.as_ptr().add(sub * SUB));
            let ints = S::multiply_add(S::no_ints(), S::words(w), S::words(x));
            if SUB == 32 {
                S::multiply_add(ints, S::words(w.add(16)), S::words(x.add(16)))
            } else {
                ints
            }
        };
        for first in (0..subs).step_by(LANES) {
            let mut ints = [S::no_ints(); LANES];
            if first + LANES <= subs {
                for (i, ints) in ints.iter_mut().enumerate() {
                    *ints = total(first + i);
                }
            } else {
                for sub in first..subs {
                    ints[sub - first] = total(sub);
                }
            }
            let at = |values: &[f32]| S::floats(values.as_ptr().add(first));
            let mut product = S::multiply(S::to_floats(S::int_totals(ints)), S::multiply(at(&w.scales), at(&x.scales)));
            if OFFSETS {
                product = S::fused(product, at(&w.offsets), at(&x.sums));
            }
            S::store(products.as_mut_ptr().add(first), product);
        }
    }
}

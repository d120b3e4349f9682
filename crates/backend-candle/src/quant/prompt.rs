//! The product with many rows of activations: [`TILE`] weight rows are unpacked once, a stretch of columns at a time, and multiplied with all of them.
//!
//! A tile interleaves its rows in pairs of columns, `[w₀₀ w₀₁ w₁₀ w₁₁ … w₇₀ w₇₁][w₀₂ w₀₃ …]`, so that one instruction multiplies a pair of activations
//! with all eight rows and every lane is a row: nothing is ever summed across lanes.

use super::activations::{Activations, BLOCK};
use super::layout::{Layout, STRETCH, Scratch, TILE};
use crate::simd::Simd;

/// Rows of activations that share a loaded weight.
const ROWS: usize = 4;

/// Up to [`TILE`] weight rows, interleaved.
struct Tile {
    q: Vec<i16>,
    /// `[subs, TILE]`.
    scales: Vec<f32>,
    /// `[subs, TILE]`.
    offsets: Vec<f32>,
}

/// `rows`: bytes of up to [`TILE`] whole weight rows; adds to `out: [T, TILE]`.
///
/// # Safety
/// The processor must have the instructions of `S`.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd>(layout: &Layout, rows: &[u8], x: &Activations, out: &mut [f32]) {
    let cols = x.cols;
    let row_bytes = layout.row_bytes(cols);
    let count = rows.len() / row_bytes;
    assert!(rows.len() == count * row_bytes && count <= TILE && out.len() == x.rows * TILE);
    let most = STRETCH.min(cols);
    let subs = most / layout.sub;
    let mut scratch = Scratch::new(most);
    // Rows that are not there stay zero.
    let mut tile = Tile {
        q: vec![0; most * TILE],
        scales: vec![0.0; subs * TILE],
        offsets: vec![0.0; subs * TILE],
    };
    for first in (0..cols).step_by(STRETCH) {
        let width = STRETCH.min(cols - first);
        for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
            let bytes = &row[layout.row_bytes(first)..][..layout.row_bytes(width)];
            // SAFETY: the caller's promise.
            unsafe { layout.unpack(bytes, &mut scratch) };
            interleave(&scratch, width, layout.sub, lane, &mut tile);
        }
        // SAFETY: the caller's promise.
        unsafe {
            match (layout.sub, layout.offsets) {
                (16, false) => multiply_all::<S, 16, false>(&tile, x, first, width, out),
                (16, true) => multiply_all::<S, 16, true>(&tile, x, first, width, out),
                (_, false) => multiply_all::<S, 32, false>(&tile, x, first, width, out),
                (_, true) => multiply_all::<S, 32, true>(&tile, x, first, width, out),
            }
        }
    }
}

#[inline(always)]
fn interleave(scratch: &Scratch, width: usize, sub: usize, lane: usize, tile: &mut Tile) {
    for (pair, to) in scratch.q[..width].chunks_exact(2).zip(tile.q.chunks_exact_mut(2 * TILE)) {
        to[2 * lane] = pair[0];
        to[2 * lane + 1] = pair[1];
    }
    for sub in 0..width / sub {
        tile.scales[sub * TILE + lane] = scratch.scales[sub];
        tile.offsets[sub * TILE + lane] = scratch.offsets[sub];
    }
}

/// All rows of `x`, [`ROWS`] at a time.
#[inline(always)]
unsafe fn multiply_all<S: Simd, const SUB: usize, const OFFSETS: bool>(
    tile: &Tile,
    x: &Activations,
    first: usize,
    width: usize,
    out: &mut [f32],
) {
    let mut t = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while t + ROWS <= x.rows {
            multiply::<S, SUB, OFFSETS, ROWS>(tile, x, t, first, width, out);
            t += ROWS;
        }
        while t < x.rows {
            multiply::<S, SUB, OFFSETS, 1>(tile, x, t, first, width, out);
            t += 1;
        }
    }
}

/// Columns `first .. first + width` of rows `t .. t + N` of `x`.
#[inline(always)]
unsafe fn multiply<S: Simd, const SUB: usize, const OFFSETS: bool, const N: usize>(
    tile: &Tile,
    x: &Activations,
    t: usize,
    first: usize,
    width: usize,
    out: &mut [f32],
) {
    let subs = width / SUB;
    assert!(t + N <= x.rows && first + width <= x.cols && x.q.len() == x.rows * x.cols && x.scales.len() == x.q.len() / BLOCK);
    assert!(x.sums.len() == x.q.len() / 16 && first.is_multiple_of(BLOCK) && out.len() == x.rows * TILE);
    assert!(tile.q.len() >= width * TILE && tile.scales.len() >= subs * TILE && tile.offsets.len() >= subs * TILE);
    // SAFETY: the assertions above bound every pointer; the instructions are the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); N];
        for sub in 0..subs {
            let column = first + sub * SUB;
            let weights = tile.q.as_ptr().add(sub * SUB * TILE);
            let mut ints = [S::no_ints(); N];
            for pair in 0..SUB / 2 {
                let w = S::words(weights.add(pair * 2 * TILE));
                for (n, ints) in ints.iter_mut().enumerate() {
                    let x = x.q.as_ptr().add((t + n) * x.cols + column + 2 * pair);
                    *ints = S::multiply_add(*ints, w, S::pair(x));
                }
            }
            let scales = S::floats(tile.scales.as_ptr().add(sub * TILE));
            for n in 0..N {
                let scale = *x.scales.as_ptr().add(((t + n) * x.cols + column) / BLOCK);
                let mut product = S::multiply(S::to_floats(ints[n]), S::multiply(scales, S::splat(scale)));
                if OFFSETS {
                    let offsets = S::floats(tile.offsets.as_ptr().add(sub * TILE));
                    let from = x.sums.as_ptr().add(((t + n) * x.cols + column) / 16);
                    let total = if SUB == 16 { *from } else { *from + *from.add(1) };
                    product = S::fused(product, offsets, S::splat(total));
                }
                sums[n] = S::add(sums[n], product);
            }
        }
        for (n, sums) in sums.iter().enumerate() {
            let to = out.as_mut_ptr().add((t + n) * TILE);
            S::store(to, S::add(S::floats(to), *sums));
        }
    }
}

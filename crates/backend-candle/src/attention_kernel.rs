//! Attention of query rows over the keys and values of one head: scores, softmax, weighted sum.
//!
//! Keys come in tiles ([`TILE`] of them side by side) and in stretches of [`STRETCH`] tiles that stay in the first-level cache while all rows
//! meet them. A row's scores are all there before its softmax; the probabilities' common divisor is applied to the sum, not to each.
//!
//! What must hold: what a row gets is the same to the last bit, whatever rows stand beside it and wherever its keys lie. A score's sum runs over
//! `D` in order, softmax over what the row sees, the weighted sum over keys in order; what a row may not see has the weight 0 there, which adds
//! exactly nothing.

use crate::cache::TILE;
use crate::math::{exp2, max, softcap, sum};
use crate::simd::{Kernel, Simd};

/// Tiles that all rows meet before the next ones come: 16 KiB of keys of width 64.
const STRETCH: usize = 8;

/// Vectors of `D` values, each from its own place on.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) at: &'a [usize],
}

/// Keys of a context, run by run.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    /// `[tiles, D, TILE]`.
    pub(crate) data: &'a [f32],
    pub(crate) runs: &'a [Run],
    /// The context's entry that is the kernel's key 0.
    pub(crate) from: usize,
}

/// Entries of a context that stand side by side in a tile too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first of them, in the context.
    pub(crate) key: usize,
    tile: usize,
    /// The first of them, in the tile.
    lane: usize,
    /// At most [`TILE`].
    count: usize,
}

impl Run {
    /// The entry behind the last.
    pub(crate) fn end(&self) -> usize {
        self.key + self.count
    }
}

/// The runs of a context whose entries are in these slots.
pub(crate) fn runs(slots: &[u32]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::with_capacity(slots.len() / TILE + 2);
    for (key, &slot) in slots.iter().enumerate() {
        let (tile, lane) = (slot as usize / TILE, slot as usize % TILE);
        match runs.last_mut() {
            Some(run) if run.tile == tile && run.lane + run.count == lane => run.count += 1,
            _ => runs.push(Run { key, tile, lane, count: 1 }),
        }
    }
    runs
}

/// `out[n] = Σ softmax(cap(scale q_n kᵀ)) v`, over the keys that row `n` sees.
pub(crate) struct Attention<'a> {
    /// `D`.
    pub(crate) head_dim: usize,
    pub(crate) scale: f32,
    pub(crate) softcap: Option<f32>,
    /// `[N, D]`.
    pub(crate) queries: Rows<'a>,
    /// `[C, D]`.
    pub(crate) keys: Keys<'a>,
    /// `[C, D]`.
    pub(crate) values: Rows<'a>,
    /// `[N]`: the first key a row sees and the one behind the last. Both never fall from one row to the next.
    pub(crate) visible: &'a [(usize, usize)],
    /// Reused from one call to the next.
    pub(crate) scratch: &'a mut Vec<f32>,
    /// `[N, D]`, zeros.
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Attention<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Attention {
            head_dim, queries, keys, ..
        } = self;
        let (rows, count) = (self.visible.len(), self.values.at.len());
        let fits = |rows: &Rows| rows.at.iter().all(|at| at + head_dim <= rows.data.len());
        assert!(head_dim > 0 && fits(&queries) && fits(&self.values), "vectors inside their slices");
        if rows == 0 {
            return;
        }
        assert!(queries.at.len() == rows && self.out.len() == rows * head_dim);
        let follow = |key: usize, run: &Run| (run.key == key).then_some(run.end());
        assert!(
            keys.runs.iter().try_fold(keys.from, follow) == Some(keys.from + count),
            "a run for every key"
        );
        assert!(
            keys.runs
                .iter()
                .all(|run| run.lane + run.count <= TILE && (run.tile + 1) * TILE * head_dim <= keys.data.len()),
            "tiles inside their slice"
        );
        assert!(
            self.visible.iter().all(|&(first, end)| first < end && end <= count),
            "every row sees a key"
        );
        assert!(self.visible.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));

        // [N, C]: scores, then weights. Every value that is read was written in this call.
        if self.scratch.len() < rows * count {
            self.scratch.resize(rows * count, 0.0);
        }
        let weights = &mut self.scratch[..rows * count];
        for stretch in keys.runs.chunks(STRETCH) {
            for_rows(rows, |row, some| {
                let (first, end) = (self.visible[row].0 + keys.from, self.visible[row + some - 1].1 + keys.from);
                let seen = stretch.partition_point(|run| run.end() <= first)..stretch.partition_point(|run| run.key < end);
                let mut score = Score {
                    queries: Rows {
                        data: queries.data,
                        at: &queries.at[row..row + some],
                    },
                    keys,
                    runs: &stretch[seen.start..seen.end.max(seen.start)],
                    head_dim,
                    weights: &mut weights[row * count..],
                    width: count,
                };
                // SAFETY: the assertions above; the instructions are the caller's promise.
                unsafe { together::<S>(some, &mut score) };
            });
        }
        let mut divisors = vec![0f32; rows];
        for (((first, end), weights), divisor) in self.visible.iter().zip(weights.chunks_exact_mut(count)).zip(&mut divisors) {
            weights[..*first].fill(0.0);
            weights[*end..].fill(0.0);
            *divisor = weigh(&mut weights[*first..*end], self.scale, self.softcap);
        }
        for stretch in (0..count).step_by(STRETCH * TILE) {
            for_rows(rows, |row, some| {
                let from = self.visible[row].0.max(stretch);
                let to = self.visible[row + some - 1].1.min(stretch + STRETCH * TILE);
                let mut add = Add {
                    weights: &weights[row * count..],
                    width: count,
                    values: self.values,
                    keys: from..to.max(from),
                    head_dim,
                    out: &mut self.out[row * head_dim..],
                };
                // SAFETY: the assertions above, and those of `take`; the instructions are the caller's promise.
                unsafe { together::<S>(some, &mut add) };
            });
        }
        for (out, divisor) in self.out.chunks_exact_mut(head_dim).zip(&divisors) {
            let inverse = 1.0 / divisor;
            out.iter_mut().for_each(|value| *value *= inverse);
        }
    }
}

/// Calls `work(row, rows)` for rows that are worked on together: four, at the end two or one.
#[inline(always)]
fn for_rows(rows: usize, mut work: impl FnMut(usize, usize)) {
    let mut row = 0;
    while row < rows {
        let together = (1 << (rows - row).ilog2()).min(4);
        work(row, together);
        row += together;
    }
}

/// Work on rows that follow each other: `N` of them, `W` vectors of each at a time, what is left one vector at a time.
trait Pass {
    /// # Safety
    /// The processor must have the instructions of `S`; `N` rows are there.
    unsafe fn take<S: Simd, const N: usize, const W: usize>(&mut self);
}

/// One, two or four rows with as many sums as registers hold: few rows take more vectors at a time.
#[inline(always)]
unsafe fn together<S: Simd>(rows: usize, pass: &mut impl Pass) {
    // SAFETY: the caller's promise.
    unsafe {
        match (S::SUMS, rows) {
            (8, 4) => pass.take::<S, 4, 2>(),
            (8, 2) => pass.take::<S, 2, 4>(),
            (8, _) => pass.take::<S, 1, 8>(),
            (_, 4) => pass.take::<S, 4, 1>(),
            (_, 2) => pass.take::<S, 2, 2>(),
            (_, _) => pass.take::<S, 1, 4>(),
        }
    }
}

/// `weights = queries keysᵀ` over runs of keys, for rows that follow each other.
struct Score<'a> {
    queries: Rows<'a>,
    keys: Keys<'a>,
    /// Those of `keys` that are scored.
    runs: &'a [Run],
    head_dim: usize,
    weights: &'a mut [f32],
    /// Of a row of weights.
    width: usize,
}

impl Pass for Score<'_> {
    #[inline(always)]
    unsafe fn take<S: Simd, const N: usize, const W: usize>(&mut self) {
        let (some, rest) = self.runs.as_chunks::<W>();
        // SAFETY: the caller's promise.
        unsafe {
            some.iter().for_each(|runs| self.tile::<S, N, W>(runs));
            rest.iter().for_each(|run| self.tile::<S, N, 1>(std::array::from_ref(run)));
        }
    }
}

impl Score<'_> {
    /// `N` rows, `T` tiles.
    #[inline(always)]
    unsafe fn tile<S: Simd, const N: usize, const T: usize>(&mut self, runs: &[Run; T]) {
        // SAFETY: the caller's promise.
        unsafe {
            let queries: [*const f32; N] = std::array::from_fn(|n| self.queries.data.as_ptr().add(*self.queries.at.get_unchecked(n)));
            let tiles: [*const f32; T] = std::array::from_fn(|t| self.keys.data.as_ptr().add(runs[t].tile * TILE * self.head_dim));
            let mut sums = [[S::splat(0.0); T]; N];
            for d in 0..self.head_dim {
                let keys: [S::Floats; T] = std::array::from_fn(|t| S::floats(tiles[t].add(d * TILE)));
                for n in 0..N {
                    let query = S::splat(*queries[n].add(d));
                    for t in 0..T {
                        sums[n][t] = S::fused(sums[n][t], query, keys[t]);
                    }
                }
            }
            for n in 0..N {
                for (run, sum) in runs.iter().zip(sums[n]) {
                    let to = self.weights.as_mut_ptr().add(n * self.width + run.key - self.keys.from);
                    if run.count == TILE {
                        S::store(to, sum);
                    } else {
                        let mut lanes = [0f32; TILE];
                        S::store(lanes.as_mut_ptr(), sum);
                        lanes.as_ptr().add(run.lane).copy_to_nonoverlapping(to, run.count);
                    }
                }
            }
        }
    }
}

/// Scores of what a row sees → `exp(score - greatest)` in place; returns their sum.
#[inline(always)]
fn weigh(scores: &mut [f32], scale: f32, cap: Option<f32>) -> f32 {
    let mut scale = scale;
    if let Some(cap) = cap {
        scores.iter_mut().for_each(|score| *score *= scale);
        softcap(scores, cap);
        scale = 1.0;
    }
    let scale = scale * std::f32::consts::LOG2_E;
    let greatest = max(scores) * scale;
    scores.iter_mut().for_each(|score| *score = exp2(*score * scale - greatest));
    sum(scores)
}

/// `out += weights values` over `keys`, for rows that follow each other.
struct Add<'a> {
    weights: &'a [f32],
    /// Of a row of weights.
    width: usize,
    values: Rows<'a>,
    keys: std::ops::Range<usize>,
    head_dim: usize,
    out: &'a mut [f32],
}

impl Pass for Add<'_> {
    #[inline(always)]
    unsafe fn take<S: Simd, const N: usize, const W: usize>(&mut self) {
        assert!(self.keys.end <= self.values.at.len() && (N - 1) * self.width + self.keys.end <= self.weights.len());
        assert!(N * self.head_dim <= self.out.len());
        // SAFETY: the assertions above, and `Attention`'s about values; the instructions are the caller's promise.
        let column = unsafe {
            let column = self.columns::<S, N, W>(0);
            self.columns::<S, N, 1>(column)
        };
        for row in 0..N {
            for column in column..self.head_dim {
                let out = &mut self.out[row * self.head_dim + column];
                for key in self.keys.clone() {
                    *out += self.weights[row * self.width + key] * self.values.data[self.values.at[key] + column];
                }
            }
        }
    }
}

impl Add<'_> {
    /// `N` rows, `C` vectors of columns at a time, from `column` on; returns the first column that is left.
    #[inline(always)]
    unsafe fn columns<S: Simd, const N: usize, const C: usize>(&mut self, mut column: usize) -> usize {
        let out = self.out.as_mut_ptr();
        // SAFETY: the caller's promise.
        unsafe {
            while column + 8 * C <= self.head_dim {
                let place = |n: usize, c: usize| out.add(n * self.head_dim + column + 8 * c);
                let mut sums = [[S::splat(0.0); C]; N];
                for n in 0..N {
                    for c in 0..C {
                        sums[n][c] = S::floats(place(n, c));
                    }
                }
                for key in self.keys.clone() {
                    let value = self.values.data.as_ptr().add(*self.values.at.get_unchecked(key) + column);
                    let value: [S::Floats; C] = std::array::from_fn(|c| S::floats(value.add(8 * c)));
                    for n in 0..N {
                        let weight = S::splat(*self.weights.get_unchecked(n * self.width + key));
                        for c in 0..C {
                            sums[n][c] = S::fused(sums[n][c], value[c], weight);
                        }
                    }
                }
                for n in 0..N {
                    for c in 0..C {
                        S::store(place(n, c), sums[n][c]);
                    }
                }
                column += 8 * C;
            }
        }
        column
    }
}

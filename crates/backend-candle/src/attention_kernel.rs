//! Attention of query rows over the keys and values of one head: scores, softmax, weighted sum.
//!
//! Keys come in groups of [`GROUP`] and in stretches of [`STRETCH`] that stay in the first-level cache while all rows meet them. A row's scores
//! are all there before its softmax; the probabilities' common divisor is applied to the sum, not to each.
//!
//! What must hold: what a row gets is the same to the last bit, whatever rows stand beside it and wherever its keys lie. A score's sum runs over
//! `D` alone, softmax over what the row sees, the weighted sum over keys in order; what a row may not see has the weight 0 there, which adds
//! exactly nothing.

use crate::math::{exp, max, softcap, sum};
use crate::simd::{Kernel, Simd};

/// Keys that are scored together: lanes of a vector.
const GROUP: usize = 8;
/// Keys that all rows meet before the next ones come: 16 KiB of keys of width 64.
const STRETCH: usize = 64;

/// Vectors of `D` values, each from its own place on.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) at: &'a [usize],
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
    pub(crate) keys: Rows<'a>,
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
        let (rows, count) = (self.visible.len(), keys.at.len());
        let fits = |rows: &Rows| rows.at.iter().all(|at| at + head_dim <= rows.data.len());
        assert!(
            head_dim > 0 && fits(&queries) && fits(&keys) && fits(&self.values),
            "vectors inside their slices"
        );
        assert!(queries.at.len() == rows && self.values.at.len() == count && self.out.len() == rows * head_dim);
        assert!(
            self.visible.iter().all(|&(first, end)| first < end && end <= count),
            "every row sees a key"
        );
        assert!(self.visible.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
        if rows == 0 {
            return;
        }
        // Whole groups: behind the last key it stands again; nobody sees these scores.
        let width = count.next_multiple_of(GROUP);
        let mut places = keys.at.to_vec();
        places.resize(width, keys.at[count - 1]);

        // [N, width]: scores, then weights. Every value that is read was written in this call.
        if self.scratch.len() < rows * width {
            self.scratch.resize(rows * width, 0.0);
        }
        let weights = &mut self.scratch[..rows * width];
        for stretch in (0..width).step_by(STRETCH) {
            for (row, &(first, end)) in self.visible.iter().enumerate() {
                let from = stretch.max(first / GROUP * GROUP);
                let to = (stretch + STRETCH).min(end);
                for key in (from..to).step_by(GROUP) {
                    // SAFETY: all places have `D` values behind them, `weights` whole groups; instructions are the caller's promise.
                    unsafe {
                        let places: &[usize; GROUP] = places[key..key + GROUP].try_into().expect("a whole group");
                        let scores = weights.as_mut_ptr().add(row * width + key);
                        score::<S>(
                            queries.data.as_ptr().add(queries.at[row]),
                            keys.data.as_ptr(),
                            places,
                            head_dim,
                            scores,
                        );
                    }
                }
            }
        }
        let mut divisors = vec![0f32; rows];
        for (((first, end), weights), divisor) in self.visible.iter().zip(weights.chunks_exact_mut(width)).zip(&mut divisors) {
            weights[..*first].fill(0.0);
            weights[*end..].fill(0.0);
            *divisor = weigh(&mut weights[*first..*end], self.scale, self.softcap);
        }
        for stretch in (0..count).step_by(STRETCH) {
            let mut row = 0;
            while row < rows {
                let together = largest_power_of_two(rows - row).min(S::SUMS);
                let from = self.visible[row].0.max(stretch);
                let to = self.visible[row + together - 1].1.min(stretch + STRETCH);
                let mut add = Add {
                    weights: &weights[row * width..],
                    width,
                    values: self.values,
                    keys: from..to.max(from),
                    head_dim,
                    out: &mut self.out[row * head_dim..],
                };
                // SAFETY: the caller's promise.
                unsafe { add.rows::<S>(together) };
                row += together;
            }
        }
        for (out, divisor) in self.out.chunks_exact_mut(head_dim).zip(&divisors) {
            let inverse = 1.0 / divisor;
            out.iter_mut().for_each(|value| *value *= inverse);
        }
    }
}

fn largest_power_of_two(n: usize) -> usize {
    1 << n.ilog2()
}

/// `to[i] = q · k_i`. Sums run over `D` in eight lanes, then over what is behind the last whole vector.
#[inline(always)]
unsafe fn score<S: Simd>(q: *const f32, keys: *const f32, places: &[usize; GROUP], head_dim: usize, to: *mut f32) {
    let whole = head_dim / 8 * 8;
    // SAFETY: the caller's promise.
    unsafe {
        let sums = if S::SUMS >= GROUP {
            dots::<S, GROUP>(q, keys, places, whole)
        } else {
            let (low, high) = (places.first_chunk().expect("four"), places.last_chunk().expect("four"));
            let ([a, b, c, d], [e, f, g, h]) = (dots::<S, 4>(q, keys, low, whole), dots::<S, 4>(q, keys, high, whole));
            [a, b, c, d, e, f, g, h]
        };
        S::store(to, S::totals(sums));
        for d in whole..head_dim {
            for (i, place) in places.iter().enumerate() {
                *to.add(i) += *q.add(d) * *keys.add(place + d);
            }
        }
    }
}

#[inline(always)]
unsafe fn dots<S: Simd, const N: usize>(q: *const f32, keys: *const f32, places: &[usize; N], whole: usize) -> [S::Floats; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); N];
        for d in (0..whole).step_by(8) {
            let q = S::floats(q.add(d));
            for (sum, place) in sums.iter_mut().zip(places) {
                *sum = S::fused(*sum, q, S::floats(keys.add(place + d)));
            }
        }
        sums
    }
}

/// Scores of what a row sees → `exp(score - greatest)` in place; returns their sum.
#[inline(always)]
fn weigh(scores: &mut [f32], scale: f32, cap: Option<f32>) -> f32 {
    scores.iter_mut().for_each(|score| *score *= scale);
    if let Some(cap) = cap {
        softcap(scores, cap);
    }
    let greatest = max(scores);
    scores.iter_mut().for_each(|score| *score = exp(*score - greatest));
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

impl Add<'_> {
    /// The first `rows` rows, a power of two up to `S::SUMS`. Few rows take more columns at a time.
    #[inline(always)]
    unsafe fn rows<S: Simd>(&mut self, rows: usize) {
        assert!(self.keys.end <= self.values.at.len() && (rows - 1) * self.width + self.keys.end <= self.weights.len());
        assert!(rows * self.head_dim <= self.out.len());
        let mut column = 0;
        // SAFETY: the assertions above, and `Attention`'s about values; the instructions are the caller's promise.
        unsafe {
            column = match (S::SUMS, rows) {
                (8, 8) => self.columns::<S, 8, 1>(column),
                (8, 4) => self.columns::<S, 4, 2>(column),
                (8, 2) => self.columns::<S, 2, 4>(column),
                (8, _) => self.columns::<S, 1, 8>(column),
                (_, 4) => self.columns::<S, 4, 1>(column),
                (_, 2) => self.columns::<S, 2, 2>(column),
                (_, _) => self.columns::<S, 1, 4>(column),
            };
            column = match rows {
                8 => self.columns::<S, 8, 1>(column),
                4 => self.columns::<S, 4, 1>(column),
                2 => self.columns::<S, 2, 1>(column),
                _ => self.columns::<S, 1, 1>(column),
            };
        }
        for row in 0..rows {
            for column in column..self.head_dim {
                let out = &mut self.out[row * self.head_dim + column];
                for key in self.keys.clone() {
                    *out += self.weights[row * self.width + key] * self.values.data[self.values.at[key] + column];
                }
            }
        }
    }

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

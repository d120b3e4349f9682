//! Backward of attention: probabilities are computed again block by block, never kept (Dao et al., 2022, on a processor).

use crate::attention::{BLOCK, Block, check, check_context};
use crate::math::{axpy, dot, softcap, softmax};
use crate::matrix::{Cores, Mat, multiply};
use crate::parallel;
use crate::tensor::{View, expect_cols, from_vec};
use candle_core::Tensor;
use decoder::step::Attend;
use decoder::{Batch, Qkv, Result, Segment};

/// Gradients of one segment and key/value head.
struct Part {
    /// `[rows, group·D]`.
    dq: Vec<f32>,
    /// `[C, D]`.
    dk: Vec<f32>,
    /// `[C, D]`.
    dv: Vec<f32>,
}

/// Scratch of one part, reused by its blocks.
#[derive(Default)]
struct Scratch {
    p: Vec<f32>,
    ds: Vec<f32>,
    capped: Vec<f32>,
}

struct Sources<'a> {
    step: &'a Attend,
    context: &'a [u32],
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    dy: &'a [f32],
}

impl Sources<'_> {
    fn part(&self, segment: Segment, kv_head: usize) -> Part {
        let Attend {
            heads, kv_heads, head_dim, ..
        } = *self.step;
        let group = heads / kv_heads;
        let slots = &self.context[segment.context_start..][..segment.context_len];
        let gather = |from: &[f32]| -> Vec<f32> {
            let row = |slot: u32| &from[(slot as usize * kv_heads + kv_head) * head_dim..][..head_dim];
            slots.iter().flat_map(|&slot| row(slot)).copied().collect()
        };
        let (keys, values) = (gather(self.k), gather(self.v));
        let mut part = Part {
            dq: vec![0f32; segment.rows * group * head_dim],
            dk: vec![0f32; slots.len() * head_dim],
            dv: vec![0f32; slots.len() * head_dim],
        };
        let mut scratch = Scratch::default();
        for first in (0..segment.rows).step_by(BLOCK) {
            let block = Block {
                segment,
                kv_head,
                first,
                rows: BLOCK.min(segment.rows - first),
            };
            for member in 0..group {
                self.block(&block, member, &keys, &values, &mut part, &mut scratch);
            }
        }
        part
    }

    /// With `P = softmax(cap(scale q kᵀ))`: `dv += Pᵀ dy`, `dP = dy vᵀ`, `dS = P ∘ (dP - Σ P dP) ∘ cap'`, `dq = scale dS k`, `dk += scale dSᵀ q`.
    fn block(&self, block: &Block, member: usize, keys: &[f32], values: &[f32], part: &mut Part, scratch: &mut Scratch) {
        let Attend {
            heads, kv_heads, head_dim, ..
        } = *self.step;
        let group = heads / kv_heads;
        let (from, to) = block.span(self.step.window);
        let seen = to - from;
        let keys = Mat::new(&keys[from * head_dim..to * head_dim], seen, head_dim);
        let values = Mat::new(&values[from * head_dim..to * head_dim], seen, head_dim);
        let (q, dy) = (query(self.q, block, self.step, member), query(self.dy, block, self.step, member));
        let Scratch { p, ds, capped } = scratch;
        p.resize(block.rows * seen, 0.0);
        ds.resize(block.rows * seen, 0.0);
        multiply(p, seen, q, keys.t(), false, Cores::One);
        probabilities(self.step, block, p, capped);
        multiply(
            &mut part.dv[from * head_dim..],
            head_dim,
            Mat::new(p, block.rows, seen).t(),
            dy,
            true,
            Cores::One,
        );
        multiply(ds, seen, dy, values.t(), false, Cores::One);
        for (i, (ds, p)) in ds.chunks_exact_mut(seen).zip(p.chunks_exact(seen)).enumerate() {
            let mean = dot(ds, p);
            match self.step.softcap {
                None => ds.iter_mut().zip(p).for_each(|(ds, p)| *ds = p * (*ds - mean) * self.step.scale),
                Some(cap) => {
                    for ((ds, p), s) in ds.iter_mut().zip(p).zip(&capped[i * seen..]) {
                        let t = s / cap;
                        *ds = p * (*ds - mean) * self.step.scale * (1.0 - t * t);
                    }
                }
            }
        }
        let dq = &mut part.dq[(block.first * group + member) * head_dim..];
        multiply(dq, group * head_dim, Mat::new(ds, block.rows, seen), keys, false, Cores::One);
        multiply(
            &mut part.dk[from * head_dim..],
            head_dim,
            Mat::new(ds, block.rows, seen).t(),
            q,
            true,
            Cores::One,
        );
    }
}

/// Scores `[rows, to - from]` of one query head → probabilities in place; entries that a row may not see become 0. `capped` keeps the capped
/// scores: their slope is needed.
fn probabilities(step: &Attend, block: &Block, scores: &mut [f32], capped: &mut Vec<f32>) {
    let (from, to) = block.span(step.window);
    let width = to - from;
    scores.iter_mut().for_each(|score| *score *= step.scale);
    if let Some(cap) = step.softcap {
        softcap(scores, cap);
        capped.clear();
        capped.extend_from_slice(scores);
    }
    for (i, row) in scores.chunks_exact_mut(width).enumerate() {
        let (first, end) = block.visible(i, step.window);
        row[..first - from].fill(0.0);
        row[end - from..].fill(0.0);
        softmax(&mut row[first - from..end - from]);
    }
}

/// `[rows, D]` of one query head of a block, inside a tensor `[T, H·D]`.
fn query<'a>(q: &'a [f32], block: &Block, step: &Attend, member: usize) -> Mat<'a> {
    let head = block.kv_head * (step.heads / step.kv_heads) + member;
    let width = step.heads * step.head_dim;
    Mat::strided(&q[block.row() * width + head * step.head_dim..], block.rows, step.head_dim, width)
}

/// `dy: [T, H·D]` → gradients of `q`, `k`, `v`. Contexts name rows of this batch.
pub(crate) fn backward(step: &Attend, qkv: &Qkv<Tensor>, batch: &Batch, dy: &Tensor) -> Result<Qkv<Tensor>> {
    let rows = batch.rows();
    check(step, qkv, batch)?;
    check_context(batch, rows)?;
    let (width, kv_width) = (step.heads * step.head_dim, step.kv_heads * step.head_dim);
    expect_cols(dy, width, "attend backward")?;
    let (q, k, v, dy) = (View::new(&qkv.q)?, View::new(&qkv.k)?, View::new(&qkv.v)?, View::new(dy)?);
    let sources = Sources {
        step,
        context: &batch.context,
        q: &q,
        k: &k,
        v: &v,
        dy: &dy,
    };
    let parts = parallel::map(batch.segments.len() * step.kv_heads, |i| {
        sources.part(batch.segments[i / step.kv_heads], i % step.kv_heads)
    });

    let mut dq = vec![0f32; rows * width];
    let mut dk = vec![0f32; rows * kv_width];
    let mut dv = vec![0f32; rows * kv_width];
    let group_width = step.heads / step.kv_heads * step.head_dim;
    for (i, part) in parts.iter().enumerate() {
        let (segment, kv_head) = (batch.segments[i / step.kv_heads], i % step.kv_heads);
        for (row, from) in part.dq.chunks_exact(group_width).enumerate() {
            dq[(segment.first_row + row) * width + kv_head * group_width..][..group_width].copy_from_slice(from);
        }
        // Segments may share rows of a context, so these add; in the order of segments, so that a run can be repeated bit by bit.
        let slots = &batch.context[segment.context_start..][..segment.context_len];
        for (j, &slot) in slots.iter().enumerate() {
            let to = slot as usize * kv_width + kv_head * step.head_dim;
            axpy(&mut dk[to..to + step.head_dim], 1.0, &part.dk[j * step.head_dim..][..step.head_dim]);
            axpy(&mut dv[to..to + step.head_dim], 1.0, &part.dv[j * step.head_dim..][..step.head_dim]);
        }
    }
    Ok(Qkv {
        q: from_vec(dq, rows, width)?,
        k: from_vec(dk, rows, kv_width)?,
        v: from_vec(dv, rows, kv_width)?,
    })
}

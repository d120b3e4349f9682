//! Causal attention of each segment over its context, with grouped heads, windows and capped scores.
//!
//! Work is cut into (segment, key/value head, up to [`BLOCK`] rows). A block gathers its keys and values once for all query heads that share
//! them and never holds more than `BLOCK` rows of scores. A few rows alone (generation) read keys where they lie.

use crate::cache::Cache;
use crate::math::{axpy, dot, softcap, softmax};
use crate::matrix::{Cores, Mat, multiply};
use crate::parallel;
use crate::tensor::{View, expect_cols, from_vec};
use candle_core::Tensor;
use decoder::step::Attend;
use decoder::{Batch, Error, Qkv, Result, Segment};

/// Query rows of a block.
pub(crate) const BLOCK: usize = 64;
/// Up to this many rows, gathering keys costs more than it saves.
const DIRECT: usize = 4;

/// Rows `first .. first + rows` of a segment, for one key/value head.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) segment: Segment,
    pub(crate) kv_head: usize,
    pub(crate) first: usize,
    pub(crate) rows: usize,
}

impl Block {
    /// Entries of the context that any row of the block sees: `from .. to`.
    pub(crate) fn span(&self, window: Option<usize>) -> (usize, usize) {
        (self.visible(0, window).0, self.visible(self.rows - 1, window).1)
    }

    /// Entries of the context that row `i` of the block sees.
    pub(crate) fn visible(&self, i: usize, window: Option<usize>) -> (usize, usize) {
        let end = self.segment.context_len - self.segment.rows + self.first + i + 1;
        (window.map_or(0, |window| end.saturating_sub(window)), end)
    }

    /// First row of the block in the batch.
    pub(crate) fn row(&self) -> usize {
        self.segment.first_row + self.first
    }
}

/// `[slots.len(), D]`: what one head has at `slots` of rows that are `width` wide.
pub(crate) fn gather(from: &[f32], slots: &[u32], width: usize, head: usize, head_dim: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(slots.len() * head_dim);
    for &slot in slots {
        out.extend_from_slice(&from[slot as usize * width + head * head_dim..][..head_dim]);
    }
    out
}

/// Scores `[rows, to - from]` of one query head → probabilities in place; entries that a row may not see become 0.
/// With `capped`, keeps the capped scores there as well: their slope is needed in the backward.
pub(crate) fn probabilities(step: &Attend, block: &Block, scores: &mut [f32], capped: Option<&mut Vec<f32>>) {
    let (from, to) = block.span(step.window);
    let width = to - from;
    scores.iter_mut().for_each(|score| *score *= step.scale);
    if let Some(cap) = step.softcap {
        softcap(scores, cap);
        if let Some(capped) = capped {
            capped.clear();
            capped.extend_from_slice(scores);
        }
    }
    for (i, row) in scores.chunks_exact_mut(width).enumerate() {
        let (first, end) = block.visible(i, step.window);
        row[..first - from].fill(0.0);
        row[end - from..].fill(0.0);
        softmax(&mut row[first - from..end - from]);
    }
}

/// What the kernels below read.
struct Sources<'a> {
    step: &'a Attend,
    context: &'a [u32],
    q: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
}

impl Sources<'_> {
    fn group(&self) -> usize {
        self.step.heads / self.step.kv_heads
    }

    /// `[rows, group·D]`.
    fn attend(&self, block: &Block) -> Vec<f32> {
        if block.segment.rows <= DIRECT {
            self.attend_direct(block)
        } else {
            self.attend_gathered(block)
        }
    }

    fn slots(&self, block: &Block, from: usize, to: usize) -> &[u32] {
        &self.context[block.segment.context_start..][from..to]
    }

    fn attend_direct(&self, block: &Block) -> Vec<f32> {
        let (head_dim, width) = (self.step.head_dim, self.step.kv_heads * self.step.head_dim);
        let head = |data: &'_ [f32], slot: u32| -> std::ops::Range<usize> {
            debug_assert!(!data.is_empty());
            let start = slot as usize * width + block.kv_head * head_dim;
            start..start + head_dim
        };
        let group = self.group();
        let mut out = vec![0f32; block.rows * group * head_dim];
        for (i, out) in out.chunks_exact_mut(group * head_dim).enumerate() {
            let (from, to) = block.visible(i, self.step.window);
            let slots = self.slots(block, from, to);
            let q = &self.q[((block.row() + i) * self.step.heads + block.kv_head * group) * head_dim..][..group * head_dim];
            for (q, out) in q.chunks_exact(head_dim).zip(out.chunks_exact_mut(head_dim)) {
                let mut scores: Vec<f32> = slots
                    .iter()
                    .map(|&slot| self.step.scale * dot(q, &self.keys[head(self.keys, slot)]))
                    .collect();
                if let Some(cap) = self.step.softcap {
                    softcap(&mut scores, cap);
                }
                softmax(&mut scores);
                for (&slot, &p) in slots.iter().zip(&scores) {
                    axpy(out, p, &self.values[head(self.values, slot)]);
                }
            }
        }
        out
    }

    fn attend_gathered(&self, block: &Block) -> Vec<f32> {
        let (head_dim, width) = (self.step.head_dim, self.step.kv_heads * self.step.head_dim);
        let group = self.group();
        let (from, to) = block.span(self.step.window);
        let slots = self.slots(block, from, to);
        let keys = gather(self.keys, slots, width, block.kv_head, head_dim);
        let values = gather(self.values, slots, width, block.kv_head, head_dim);
        let mut out = vec![0f32; block.rows * group * head_dim];
        let mut scores = vec![0f32; block.rows * slots.len()];
        for member in 0..group {
            let q = query(self.q, block, self.step, member);
            multiply(
                &mut scores,
                slots.len(),
                q,
                Mat::new(&keys, slots.len(), head_dim).t(),
                false,
                Cores::One,
            );
            probabilities(self.step, block, &mut scores, None);
            let out = &mut out[member * head_dim..];
            let p = Mat::new(&scores, block.rows, slots.len());
            multiply(
                out,
                group * head_dim,
                p,
                Mat::new(&values, slots.len(), head_dim),
                false,
                Cores::One,
            );
        }
        out
    }
}

/// `[rows, D]` of one query head of a block, inside a tensor `[T, H·D]`.
pub(crate) fn query<'a>(q: &'a [f32], block: &Block, step: &Attend, member: usize) -> Mat<'a> {
    let head = block.kv_head * (step.heads / step.kv_heads) + member;
    let width = step.heads * step.head_dim;
    Mat::strided(&q[block.row() * width + head * step.head_dim..], block.rows, step.head_dim, width)
}

/// Checks shapes and slots, so that the kernels may index freely. `available`: rows of keys that exist.
pub(crate) fn check(step: &Attend, qkv: &Qkv<Tensor>, batch: &Batch, available: usize) -> Result<()> {
    let kv_width = step.kv_heads * step.head_dim;
    for (tensor, width) in [(&qkv.q, step.heads * step.head_dim), (&qkv.k, kv_width), (&qkv.v, kv_width)] {
        if expect_cols(tensor, width, "attend")? != batch.rows() {
            return Err(Error::Input(format!(
                "attention got a batch of {} rows and activations {:?}",
                batch.rows(),
                tensor.dims()
            )));
        }
    }
    if let Some(slot) = batch.context.iter().find(|&&slot| slot as usize >= available) {
        return Err(Error::Input(format!(
            "a context names slot {slot}, but only {available} were written"
        )));
    }
    Ok(())
}

/// → `[T, H·D]`.
pub(crate) fn forward(step: &Attend, qkv: &Qkv<Tensor>, batch: &Batch, cache: Option<&Cache>) -> Result<Tensor> {
    let (q, k, v) = (View::new(&qkv.q)?, View::new(&qkv.k)?, View::new(&qkv.v)?);
    let width = step.kv_heads * step.head_dim;
    match cache {
        None => {
            check(step, qkv, batch, batch.rows())?;
            compute(
                &Sources {
                    step,
                    context: &batch.context,
                    q: &q,
                    keys: &k,
                    values: &v,
                },
                batch,
            )
        }
        Some(cache) => {
            if cache.shape.kv_heads != step.kv_heads || cache.shape.head_dim != step.head_dim || step.layer >= cache.shape.layers {
                return Err(Error::Input(format!("the cache {:?} does not fit the step {step:?}", cache.shape)));
            }
            let mut layer = cache.layers[step.layer].borrow_mut();
            if k.len() == batch.rows() * width && v.len() == k.len() {
                layer.write(&batch.slots, &k, &v, width, cache.shape.slots)?;
            }
            check(step, qkv, batch, layer.keys.len() / width)?;
            compute(
                &Sources {
                    step,
                    context: &batch.context,
                    q: &q,
                    keys: &layer.keys,
                    values: &layer.values,
                },
                batch,
            )
        }
    }
}

fn compute(sources: &Sources, batch: &Batch) -> Result<Tensor> {
    let step = sources.step;
    let mut blocks = Vec::new();
    for &segment in &batch.segments {
        for first in (0..segment.rows).step_by(BLOCK) {
            let rows = BLOCK.min(segment.rows - first);
            blocks.extend((0..step.kv_heads).map(|kv_head| Block {
                segment,
                kv_head,
                first,
                rows,
            }));
        }
    }
    let group_width = sources.group() * step.head_dim;
    let width = step.heads * step.head_dim;
    let mut out = vec![0f32; batch.rows() * width];
    let results = parallel::map(blocks.len(), |i| sources.attend(&blocks[i]));
    for (block, result) in blocks.iter().zip(results) {
        for (i, row) in result.chunks_exact(group_width).enumerate() {
            out[(block.row() + i) * width + block.kv_head * group_width..][..group_width].copy_from_slice(row);
        }
    }
    from_vec(out, batch.rows(), width)
}

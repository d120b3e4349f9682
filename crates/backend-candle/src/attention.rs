//! Causal attention of each segment over its context, with grouped heads, windows and capped scores.
//!
//! Work is cut into (segment, key/value head, up to [`BLOCK`] rows). A block gathers its keys and values once for all query heads that share
//! them and never holds more than `BLOCK` rows of scores a head. A few rows alone (generation) read keys where they lie.

use crate::attention_kernel::{Attention, Rows};
use crate::cache::Cache;
use crate::tensor::{View, expect_cols, from_vec};
use crate::{parallel, simd};
use candle_core::Tensor;
use decoder::step::Attend;
use decoder::{Batch, Error, Qkv, Result, Segment};

/// Query rows of a block.
pub(crate) const BLOCK: usize = 64;
/// Query rows, of one head each, whose scores exist at once: those of a thousand keys are 64 KiB.
const TOGETHER: usize = 16;
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
    let mut out = vec![0f32; slots.len() * head_dim];
    for (out, &slot) in out.chunks_exact_mut(head_dim).zip(slots) {
        let from = &from[slot as usize * width + head * head_dim..][..head_dim];
        // In vectors: a call for each row of a small head costs more than the copy.
        let (vectors, rest) = out.as_chunks_mut::<8>();
        let (from_vectors, from_rest) = from.as_chunks::<8>();
        for (to, from) in vectors.iter_mut().zip(from_vectors) {
            *to = *from;
        }
        rest.copy_from_slice(from_rest);
    }
    out
}

/// What blocks read.
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
        let (head_dim, width) = (self.step.head_dim, self.step.kv_heads * self.step.head_dim);
        let group = self.group();
        let (from, to) = block.span(self.step.window);
        let slots = &self.context[block.segment.context_start..][from..to];
        let gathered = (block.rows > DIRECT).then(|| {
            let gather = |from| gather(from, slots, width, block.kv_head, head_dim);
            (gather(self.keys), gather(self.values))
        });
        let (keys, values) = match &gathered {
            Some((keys, values)) => (&keys[..], &values[..]),
            None => (self.keys, self.values),
        };
        let place = |(i, &slot): (usize, &u32)| match gathered {
            Some(_) => i * head_dim,
            None => slot as usize * width + block.kv_head * head_dim,
        };
        let places: Vec<usize> = slots.iter().enumerate().map(place).collect();
        let rows = (0..block.rows).flat_map(|i| (0..group).map(move |member| (i, member)));
        let head = |(i, member)| ((block.row() + i) * self.step.heads + block.kv_head * group + member) * head_dim;
        let visible = |(i, _)| {
            let (first, end) = block.visible(i, self.step.window);
            (first - from, end - from)
        };
        let (heads, visible): (Vec<_>, Vec<_>) = rows.map(|row| (head(row), visible(row))).unzip();
        let mut out = vec![0f32; heads.len() * head_dim];
        let mut scratch = Vec::new();
        let parts = heads.chunks(TOGETHER).zip(visible.chunks(TOGETHER));
        for ((at, visible), out) in parts.zip(out.chunks_mut(TOGETHER * head_dim)) {
            simd::run(Attention {
                head_dim,
                scale: self.step.scale,
                softcap: self.step.softcap,
                queries: Rows { data: self.q, at },
                keys: Rows { data: keys, at: &places },
                values: Rows { data: values, at: &places },
                visible,
                scratch: &mut scratch,
                out,
            });
        }
        out
    }
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

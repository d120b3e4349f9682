//! Causal attention of each segment over its context, with grouped heads, windows and capped scores.
//!
//! Work is cut into (segment, key/value head, up to [`BLOCK`] rows). Keys and values are read where they lie; never are more than [`TOGETHER`]
//! rows of scores in memory.

use crate::attention_kernel::{Attention, Keys, Rows, Run, runs};
use crate::cache::{Cache, HeadCache, LayerCache};
use crate::tensor::{View, expect_cols, from_vec};
use crate::{parallel, simd};
use candle_core::Tensor;
use decoder::step::Attend;
use decoder::{Batch, Error, Qkv, Result, Segment};

/// Query rows of a block.
pub(crate) const BLOCK: usize = 64;
/// Query rows, of one head each, whose scores exist at once: those of a thousand keys are 64 KiB.
const TOGETHER: usize = 16;

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

/// What the rows of a segment see.
struct Context {
    /// Where each entry's value starts in what a head has.
    values: Vec<usize>,
    /// The same entries' keys, tile by tile.
    keys: Vec<Run>,
}

impl Context {
    fn new(slots: &[u32], head_dim: usize) -> Context {
        Context {
            values: slots.iter().map(|&slot| slot as usize * head_dim).collect(),
            keys: runs(slots),
        }
    }

    /// Entries `from .. to`, widened to whole runs: their runs, and the first and the end.
    fn part(&self, from: usize, to: usize) -> (&[Run], usize, usize) {
        let first = self.keys.partition_point(|run| run.end() <= from);
        let last = self.keys.partition_point(|run| run.key < to);
        let runs = &self.keys[first..last];
        (runs, runs.first().map_or(from, |run| run.key), runs.last().map_or(to, Run::end))
    }
}

/// `[rows, group·D]`: what one key/value head adds for the rows of a block. `q`: `[T, H·D]`.
fn attend(step: &Attend, q: &[f32], head: &HeadCache, context: &Context, block: &Block) -> Vec<f32> {
    let (head_dim, group) = (step.head_dim, step.heads / step.kv_heads);
    let (from, to) = block.span(step.window);
    let (runs, from, to) = context.part(from, to);
    let rows = (0..block.rows).flat_map(|i| (0..group).map(move |member| (i, member)));
    let query = |(i, member)| ((block.row() + i) * step.heads + block.kv_head * group + member) * head_dim;
    let visible = |(i, _)| {
        let (first, end) = block.visible(i, step.window);
        (first - from, end - from)
    };
    let (queries, visible): (Vec<_>, Vec<_>) = rows.map(|row| (query(row), visible(row))).unzip();
    let mut out = vec![0f32; queries.len() * head_dim];
    let mut scratch = Vec::new();
    let parts = queries.chunks(TOGETHER).zip(visible.chunks(TOGETHER));
    for ((at, visible), out) in parts.zip(out.chunks_mut(TOGETHER * head_dim)) {
        simd::run(Attention {
            head_dim,
            scale: step.scale,
            softcap: step.softcap,
            queries: Rows { data: q, at },
            keys: Keys {
                data: &head.keys,
                runs,
                from,
            },
            values: Rows {
                data: &head.values,
                at: &context.values[from..to],
            },
            visible,
            scratch: &mut scratch,
            out,
        });
    }
    out
}

/// Checks shapes.
pub(crate) fn check(step: &Attend, qkv: &Qkv<Tensor>, batch: &Batch) -> Result<()> {
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
    Ok(())
}

/// Checks that contexts name slots that exist, so that the kernels may index freely.
pub(crate) fn check_context(batch: &Batch, available: usize) -> Result<()> {
    match batch.context.iter().find(|&&slot| slot as usize >= available) {
        Some(slot) => Err(Error::Input(format!(
            "a context names slot {slot}, but only {available} were written"
        ))),
        None => Ok(()),
    }
}

/// → `[T, H·D]`. Without a cache, contexts name rows of the batch.
pub(crate) fn forward(step: &Attend, qkv: &Qkv<Tensor>, batch: &Batch, cache: Option<&Cache>) -> Result<Tensor> {
    check(step, qkv, batch)?;
    let (q, k, v) = (View::new(&qkv.q)?, View::new(&qkv.k)?, View::new(&qkv.v)?);
    match cache {
        None => {
            let rows = batch.rows();
            let mut layer = LayerCache::new(step.kv_heads, step.head_dim, rows);
            layer.write(0..rows as u32, &k, &v)?;
            compute(step, &q, &layer, batch)
        }
        Some(cache) => {
            let shape = &cache.shape;
            if shape.kv_heads != step.kv_heads || shape.head_dim != step.head_dim || step.layer >= shape.layers {
                return Err(Error::Input(format!("the cache {shape:?} does not fit the step {step:?}")));
            }
            let mut layer = cache.layers[step.layer].borrow_mut();
            layer.write(batch.slots.iter().copied(), &k, &v)?;
            compute(step, &q, &layer, batch)
        }
    }
}

fn compute(step: &Attend, q: &[f32], layer: &LayerCache, batch: &Batch) -> Result<Tensor> {
    check_context(batch, layer.slots())?;
    let slots = |segment: &Segment| &batch.context[segment.context_start..][..segment.context_len];
    let contexts: Vec<Context> = batch
        .segments
        .iter()
        .map(|segment| Context::new(slots(segment), step.head_dim))
        .collect();
    let mut blocks = Vec::new();
    for (&segment, context) in batch.segments.iter().zip(&contexts) {
        for first in (0..segment.rows).step_by(BLOCK) {
            let rows = BLOCK.min(segment.rows - first);
            blocks.extend((0..step.kv_heads).map(|kv_head| {
                let block = Block {
                    segment,
                    kv_head,
                    first,
                    rows,
                };
                (block, context)
            }));
        }
    }
    let group_width = step.heads / step.kv_heads * step.head_dim;
    let width = step.heads * step.head_dim;
    let mut out = vec![0f32; batch.rows() * width];
    let results = parallel::map(blocks.len(), |i| {
        let (block, context) = &blocks[i];
        attend(step, q, &layer.heads[block.kv_head], context, block)
    });
    for ((block, _), result) in blocks.iter().zip(results) {
        for (i, row) in result.chunks_exact(group_width).enumerate() {
            out[(block.row() + i) * width + block.kv_head * group_width..][..group_width].copy_from_slice(row);
        }
    }
    from_vec(out, batch.rows(), width)
}

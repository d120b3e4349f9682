//! Records `attend`: keys and values into their slots, then attention in tiles of queries or, where there are few, row by row; long contexts of
//! few rows in parts.

use super::{Recorder, Tensor};
use crate::batch::GpuBatch;
use crate::gpu::{Gpu, Handle};
use crate::kernel::Kernel;
use crate::uniforms;
use decoder::step::Attend;
use decoder::{CacheShape, Error, Qkv, Result};
use std::rc::Rc;

/// Keys and values of all layers, `[slots, K, D]` each. Cloning shares.
#[derive(Clone)]
pub struct Cache(pub(crate) Rc<CacheInner>);

pub(crate) struct CacheInner {
    shape: CacheShape,
    half: bool,
    layers: Vec<(Handle, Handle)>,
}

impl Cache {
    /// Allocates; zeroed.
    pub(crate) fn new(gpu: &Rc<Gpu>, shape: &CacheShape) -> Result<Cache> {
        let half = gpu.options.half_cache;
        let bytes = (shape.slots * shape.kv_heads * shape.head_dim) as u64 * if half { 2 } else { 4 };
        let one = || gpu.allocate("keys and values", "allocating the cache", bytes);
        let layers = (0..shape.layers).map(|_| Ok((one()?, one()?))).collect::<Result<_>>()?;
        Ok(Cache(Rc::new(CacheInner {
            shape: *shape,
            half,
            layers,
        })))
    }
}

/// Widest head of `attend_row.wgsl`.
const WIDEST: usize = 512;
/// Least keys of a part of a context that is split: two rounds of `attend_row.wgsl`.
const SPAN: usize = 256;
/// Workgroups beyond which a split brings nothing: some for each processor of a large device.
const ENOUGH_GROUPS: usize = 512;

/// Keys of a part, and the number of parts, for a context of `keys` and `queries` heads of rows.
fn split(keys: usize, queries: usize) -> (usize, usize) {
    let parts = keys.div_ceil(SPAN).min(ENOUGH_GROUPS.div_ceil(queries)).max(1);
    let span = keys.div_ceil(parts).next_multiple_of(SPAN / 2).max(SPAN);
    (span, keys.div_ceil(span).max(1))
}

impl Recorder<'_> {
    /// → `[T, H·D]`.
    pub fn attend(&self, step: &Attend, qkv: &Qkv<Tensor>, batch: &GpuBatch, cache: Option<&Cache>) -> Result<Tensor> {
        let dim = step.head_dim;
        if !dim.is_multiple_of(4) || dim == 0 || dim > WIDEST {
            let supported = format!("multiples of 4 up to {WIDEST}");
            return Err(Error::Unsupported {
                what: "head width",
                value: dim.to_string(),
                supported,
            });
        }
        if step.kv_heads == 0 || !step.heads.is_multiple_of(step.kv_heads) {
            return Err(Error::Input(format!(
                "{} query heads cannot share {} key heads",
                step.heads, step.kv_heads
            )));
        }
        self.expect("queries", &qkv.q, step.heads * dim)?;
        self.expect("keys", &qkv.k, step.kv_heads * dim)?;
        self.expect("values", &qkv.v, step.kv_heads * dim)?;
        let slots = cache.map_or(qkv.k.rows, |c| c.0.shape.slots);
        if batch.largest_slot as usize >= slots {
            return Err(Error::Input(format!(
                "slot {} is not among the {slots} of the cache",
                batch.largest_slot
            )));
        }
        let (keys, values, half): (&Handle, &Handle, bool) = match cache {
            None => (&qkv.k.buffer, &qkv.v.buffer, false),
            Some(Cache(cache)) => {
                if (cache.shape.kv_heads, cache.shape.head_dim) != (step.kv_heads, dim) || step.layer >= cache.layers.len() {
                    return Err(Error::Input(format!("the cache was made for {:?}, not for {step:?}", cache.shape)));
                }
                let (keys, values) = &cache.layers[step.layer];
                let params = uniforms::KvWrite {
                    rows: batch.rows as u32,
                    width: (step.kv_heads * dim / 4) as u32,
                };
                let buffers: [&Handle; 5] = [&batch.slots, &qkv.k.buffer, &qkv.v.buffer, keys, values];
                self.gpu.run(
                    Kernel::KvWrite { half: cache.half },
                    &buffers.map(|b| &**b),
                    &params,
                    [batch.rows as u32, 1, 1],
                );
                (keys, values, cache.half)
            }
        };
        let y = self.tensor(batch.rows, step.heads * dim)?;
        let window = step.window.map_or(u32::MAX, |w| w.clamp(1, u32::MAX as usize) as u32);
        let few = batch.few_queries();
        let seen = batch.longest_context().min(window as usize);
        let (span, splits) = if few { split(seen, batch.rows * step.heads) } else { (seen, 1) };
        let params = uniforms::Attend {
            heads: step.heads as u32,
            kv_heads: step.kv_heads as u32,
            window,
            scale: step.scale,
            softcap: step.softcap.unwrap_or(0.0),
            rows: batch.rows as u32,
            span: span as u32,
            splits: splits as u32,
        };
        let head_dim = dim as u32;
        let run = |kernel: Kernel, table: &Handle, into: &Tensor, groups: [u32; 3]| {
            let buffers: [&Handle; 6] = [table, &batch.context, &qkv.q.buffer, keys, values, &into.buffer];
            self.gpu.run(kernel, &buffers.map(|b| &**b), &params, groups);
        };
        if few {
            // A part is its sum and one vector of four more.
            let parts = (splits > 1)
                .then(|| self.tensor(batch.rows * step.heads * splits, dim + 4))
                .transpose()?;
            let sights = batch.sights(self.gpu)?;
            let groups = [batch.rows as u32, step.heads as u32, splits as u32];
            run(Kernel::AttendRow { head_dim, half }, &sights, parts.as_ref().unwrap_or(&y), groups);
            if let Some(parts) = parts {
                let params = uniforms::AttendCombine {
                    heads: step.heads as u32,
                    splits: splits as u32,
                };
                let groups = [batch.rows as u32, step.heads as u32, 1];
                self.gpu
                    .run(Kernel::AttendCombine { head_dim }, &[&parts.buffer, &y.buffer], &params, groups);
            }
        } else {
            let (tiles, count) = batch.tiles(self.gpu, step.heads / step.kv_heads)?;
            run(Kernel::AttendTile { head_dim, half }, &tiles, &y, [count, step.kv_heads as u32, 1]);
        }
        Ok(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_context_and_are_whole_rounds() {
        for keys in [1, 255, 256, 257, 1000, 4096, 100_000, 131_072] {
            for queries in [1, 8, 32, 511, 512, 10_000] {
                let (span, parts) = split(keys, queries);
                assert!(
                    span * parts >= keys && span * (parts - 1) < keys,
                    "{keys} keys in {parts} of {span}"
                );
                assert!(
                    span % 128 == 0 && parts * queries < 2 * ENOUGH_GROUPS.max(queries),
                    "{keys} {queries}"
                );
            }
        }
        assert_eq!(split(200, 8).1, 1);
        assert_eq!(split(4096, 32), (256, 16));
        assert_eq!(split(4096, 1024).1, 1);
    }
}

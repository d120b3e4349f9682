//! Records `attend`: keys and values into their slots, then attention in tiles of queries or, where there are few, row by row.

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
        let params = uniforms::Attend {
            heads: step.heads as u32,
            kv_heads: step.kv_heads as u32,
            window: step.window.map_or(u32::MAX, |w| w.clamp(1, u32::MAX as usize) as u32),
            scale: step.scale,
            softcap: step.softcap.unwrap_or(0.0),
            rows: batch.rows as u32,
        };
        let shared_by = step.heads / step.kv_heads;
        let head_dim = dim as u32;
        let (kernel, table, groups) = if batch.few_queries() {
            (
                Kernel::AttendRow { head_dim, half },
                batch.sights(self.gpu)?,
                [batch.rows as u32, step.heads as u32, 1],
            )
        } else {
            let (tiles, count) = batch.tiles(self.gpu, shared_by)?;
            (Kernel::AttendTile { head_dim, half }, tiles, [count, step.kv_heads as u32, 1])
        };
        let buffers: [&Handle; 6] = [&table, &batch.context, &qkv.q.buffer, keys, values, &y.buffer];
        self.gpu.run(kernel, &buffers.map(|b| &**b), &params, groups);
        Ok(y)
    }
}

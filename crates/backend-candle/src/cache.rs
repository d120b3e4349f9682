//! Keys and values of all layers, F32. Memory is taken as slots are first used, not when the cache is made.
//!
//! They lie as attention reads them: head by head, and the keys of [`TILE`] slots dimension by dimension, so that one vector holds the same
//! dimension of eight keys, and eight scores grow side by side without a sum across lanes.

use crate::tensor::DEVICE;
use decoder::{CacheShape, Error, Result};
use std::cell::RefCell;
use std::rc::Rc;

/// Slots whose keys lie side by side: lanes of a vector.
pub(crate) const TILE: usize = 8;

/// A KV cache. Cloning shares.
#[derive(Clone, Debug)]
pub struct Cache {
    pub(crate) shape: CacheShape,
    pub(crate) layers: Rc<Vec<RefCell<LayerCache>>>,
}

/// Keys and values of one layer, `K` heads of width `D`.
#[derive(Debug)]
pub(crate) struct LayerCache {
    head_dim: usize,
    /// Slots there may be.
    limit: usize,
    pub(crate) heads: Vec<HeadCache>,
}

/// Keys and values of one head.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadCache {
    /// `[tiles, D, TILE]`.
    pub(crate) keys: Vec<f32>,
    /// `[slots, D]`.
    pub(crate) values: Vec<f32>,
}

impl Cache {
    pub(crate) fn new(shape: &CacheShape) -> Cache {
        let layer = || RefCell::new(LayerCache::new(shape.kv_heads, shape.head_dim, shape.slots));
        Cache {
            shape: *shape,
            layers: Rc::new((0..shape.layers).map(|_| layer()).collect()),
        }
    }
}

impl LayerCache {
    pub(crate) fn new(kv_heads: usize, head_dim: usize, limit: usize) -> LayerCache {
        LayerCache {
            head_dim,
            limit,
            heads: vec![HeadCache::default(); kv_heads],
        }
    }

    /// Slots that have memory.
    pub(crate) fn slots(&self) -> usize {
        self.heads.first().map_or(0, |head| head.values.len() / self.head_dim)
    }

    /// Copies row `i` of `k` and `v`, `[slots.len(), K·D]`, to `slots[i]`. Errors: out of memory; a slot beyond the limit.
    pub(crate) fn write(&mut self, slots: impl Iterator<Item = u32> + Clone, k: &[f32], v: &[f32]) -> Result<()> {
        let used = slots.clone().max().map_or(0, |slot| slot as usize + 1);
        if used > self.limit {
            return Err(Error::Input(format!(
                "slot {} is outside the cache of {} slots",
                used - 1,
                self.limit
            )));
        }
        let (head_dim, width) = (self.head_dim, self.heads.len() * self.head_dim);
        for (number, head) in self.heads.iter_mut().enumerate() {
            let tiles = |slots: usize| slots.div_ceil(TILE) * TILE;
            grow(&mut head.keys, tiles(used) * head_dim, tiles(self.limit) * head_dim)?;
            grow(&mut head.values, used * head_dim, self.limit * head_dim)?;
            for (row, slot) in slots.clone().enumerate() {
                let (from, slot) = (row * width + number * head_dim, slot as usize);
                head.values[slot * head_dim..][..head_dim].copy_from_slice(&v[from..][..head_dim]);
                let lane = &mut head.keys[slot / TILE * TILE * head_dim + slot % TILE..];
                for (to, key) in lane.iter_mut().step_by(TILE).zip(&k[from..][..head_dim]) {
                    *to = *key;
                }
            }
        }
        Ok(())
    }
}

/// Lengthens `data` to at least `needed`, by half of itself at a time, to at most `limit`.
fn grow(data: &mut Vec<f32>, needed: usize, limit: usize) -> Result<()> {
    if needed <= data.len() {
        return Ok(());
    }
    let target = needed.max(data.len() + data.len() / 2).min(limit);
    let more = target - data.len();
    data.try_reserve_exact(more).map_err(|_| Error::OutOfMemory {
        device: DEVICE.to_owned(),
        problem: format!("{} bytes of the KV cache", target * 4),
    })?;
    data.resize(target, 0.0);
    Ok(())
}

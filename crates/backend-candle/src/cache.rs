//! Keys and values of all layers, F32 `[slots, K·D]` each. Memory is taken as slots are first used, not when the cache is made.

use crate::tensor::DEVICE;
use decoder::{CacheShape, Error, Result};
use std::cell::RefCell;
use std::rc::Rc;

/// A KV cache. Cloning shares.
#[derive(Clone, Debug)]
pub struct Cache {
    pub(crate) shape: CacheShape,
    pub(crate) layers: Rc<Vec<RefCell<LayerCache>>>,
}

/// Keys and values of one layer.
#[derive(Debug, Default)]
pub(crate) struct LayerCache {
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
}

impl Cache {
    pub(crate) fn new(shape: &CacheShape) -> Cache {
        Cache {
            shape: *shape,
            layers: Rc::new((0..shape.layers).map(|_| RefCell::default()).collect()),
        }
    }
}

impl LayerCache {
    /// Copies row `i` of `k` and `v` (`width` values each) to `slots[i]`. Errors: out of memory; a slot beyond `limit`.
    pub(crate) fn write(&mut self, slots: &[u32], k: &[f32], v: &[f32], width: usize, limit: usize) -> Result<()> {
        let used = slots.iter().max().map_or(0, |&slot| slot as usize + 1);
        if used > limit {
            return Err(Error::Input(format!("slot {} is outside the cache of {limit} slots", used - 1)));
        }
        grow(&mut self.keys, used * width, limit * width)?;
        grow(&mut self.values, used * width, limit * width)?;
        for (row, &slot) in slots.iter().enumerate() {
            let to = slot as usize * width;
            self.keys[to..to + width].copy_from_slice(&k[row * width..][..width]);
            self.values[to..to + width].copy_from_slice(&v[row * width..][..width]);
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

//! A packed batch on the device, and the tables that attention walks by.

use crate::gpu::{Gpu, Handle};
use bytemuck::{Pod, Zeroable};
use decoder::{Batch, Error, Result, Segment};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Queries in a tile of `attend_tile.wgsl`.
pub const TILE: usize = 16;

/// `Tile` of `attend_tile.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[allow(missing_docs)]
pub struct Tile {
    pub first_row: u32,
    pub rows: u32,
    pub context_start: u32,
    pub context_len: u32,
    pub first_pair: u32,
    pub pad: [u32; 3],
}

/// `Sight` of `attend_row.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[allow(missing_docs)]
pub struct Sight {
    pub context_start: u32,
    pub len: u32,
}

/// A batch on the device. Cloning shares.
#[derive(Clone)]
pub struct GpuBatch(pub(crate) Rc<BatchInner>);

/// Its buffers, and what the host must still know.
pub struct BatchInner {
    pub rows: usize,
    pub tokens: Handle,
    pub positions: Handle,
    pub slots: Handle,
    pub context: Handle,
    pub segments: Vec<Segment>,
    pub largest_token: u32,
    pub largest_position: u32,
    /// Largest slot of the rows and of the contexts.
    pub largest_slot: u32,
    sights: RefCell<Option<Rc<Handle>>>,
    tiles: RefCell<HashMap<usize, (Rc<Handle>, u32)>>,
}

impl std::ops::Deref for GpuBatch {
    type Target = BatchInner;
    fn deref(&self) -> &BatchInner {
        &self.0
    }
}

impl GpuBatch {
    /// Uploads. Errors: a batch whose parts contradict each other.
    pub fn new(gpu: &Rc<Gpu>, batch: &Batch) -> Result<GpuBatch> {
        check(batch)?;
        let largest = |v: &[u32]| v.iter().copied().max().unwrap_or(0);
        Ok(GpuBatch(Rc::new(BatchInner {
            rows: batch.rows(),
            tokens: gpu.upload(&batch.tokens)?,
            positions: gpu.upload(&batch.positions)?,
            slots: gpu.upload(&batch.slots)?,
            context: gpu.upload(&batch.context)?,
            segments: batch.segments.clone(),
            largest_token: largest(&batch.tokens),
            largest_position: largest(&batch.positions),
            largest_slot: largest(&batch.slots).max(largest(&batch.context)),
            sights: RefCell::default(),
            tiles: RefCell::default(),
        })))
    }
}

impl BatchInner {
    /// True if segments are a row or two each, as in decoding: then a workgroup for each row and head keeps more of the device busy than tiles.
    pub fn few_queries(&self) -> bool {
        self.rows <= 2 * self.segments.len()
    }

    /// Keys that the last row of the longest segment sees.
    pub fn longest_context(&self) -> usize {
        self.segments.iter().map(|s| s.context_len).max().unwrap_or(1)
    }

    /// What each row sees. Made at the first layer that asks.
    pub fn sights(&self, gpu: &Rc<Gpu>) -> Result<Rc<Handle>> {
        if let Some(handle) = &*self.sights.borrow() {
            return Ok(handle.clone());
        }
        let handle = Rc::new(gpu.upload(&sights(&self.segments))?);
        *self.sights.borrow_mut() = Some(handle.clone());
        Ok(handle)
    }

    /// Tiles of (row, head) pairs where `shared_by` query heads read one key head; and how many. Made at the first layer that asks.
    pub fn tiles(&self, gpu: &Rc<Gpu>, shared_by: usize) -> Result<(Rc<Handle>, u32)> {
        if let Some((handle, count)) = self.tiles.borrow().get(&shared_by) {
            return Ok((handle.clone(), *count));
        }
        let tiles = tiles(&self.segments, shared_by);
        let made = (Rc::new(gpu.upload(&tiles)?), tiles.len() as u32);
        self.tiles.borrow_mut().insert(shared_by, made.clone());
        Ok(made)
    }
}

fn sights(segments: &[Segment]) -> Vec<Sight> {
    let one = |s: &Segment, i: usize| Sight {
        context_start: s.context_start as u32,
        len: (s.context_len - s.rows + i + 1) as u32,
    };
    segments.iter().flat_map(|s| (0..s.rows).map(move |i| one(s, i))).collect()
}

fn tiles(segments: &[Segment], shared_by: usize) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for s in segments {
        for first_pair in (0..s.rows * shared_by).step_by(TILE) {
            tiles.push(Tile {
                first_row: s.first_row as u32,
                rows: s.rows as u32,
                context_start: s.context_start as u32,
                context_len: s.context_len as u32,
                first_pair: first_pair as u32,
                pad: [0; 3],
            });
        }
    }
    tiles
}

fn check(batch: &Batch) -> Result<()> {
    let rows = batch.rows();
    let bad = |problem: String| Err(Error::Input(format!("batch: {problem}")));
    if rows == 0 {
        return bad("it holds no tokens".into());
    }
    if batch.positions.len() != rows || batch.slots.len() != rows {
        return bad(format!(
            "{rows} tokens, {} positions and {} slots",
            batch.positions.len(),
            batch.slots.len()
        ));
    }
    let mut next = 0;
    for s in &batch.segments {
        if s.first_row != next || s.rows == 0 || s.rows > s.context_len || s.context_start + s.context_len > batch.context.len() {
            return bad(format!("segment {s:?} does not follow row {next} or its context"));
        }
        next += s.rows;
    }
    if next != rows {
        return bad(format!("segments cover {next} of {rows} rows"));
    }
    Ok(())
}

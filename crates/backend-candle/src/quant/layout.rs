//! A format as data: its sizes and the function that unpacks its rows, so that the products are compiled once and not once a format.

use super::format::{Format, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
use super::k_formats::{Q2K, Q3K, Q4K, Q5K, Q6K};
use crate::simd::{Simd, Unpack};
use decoder::DType;

/// Weight rows that are multiplied together: lanes of a vector.
pub(crate) const TILE: usize = 8;
/// Columns of them unpacked at a time: 16 KiB, half of a first-level cache. Sums of a stretch are added to the result one after the other.
pub(crate) const STRETCH: usize = 1024;

/// What the products need to know of a block format; fields are [`Format`]'s constants.
pub(crate) struct Layout {
    block: usize,
    bytes: usize,
    pub(crate) sub: usize,
    pub(crate) offsets: bool,
    unpack: Unpack,
}

/// An unpacked stretch of a row.
pub(crate) struct Scratch {
    pub(crate) q: Vec<i16>,
    pub(crate) scales: Vec<f32>,
    pub(crate) offsets: Vec<f32>,
}

impl Scratch {
    /// For up to `cols` columns.
    pub(crate) fn new(cols: usize) -> Scratch {
        Scratch {
            q: vec![0; cols],
            scales: vec![0.0; cols / 16],
            offsets: vec![0.0; cols / 16],
        }
    }
}

/// Scales and offsets of up to [`TILE`] unpacked rows, a vector of rows for each stretch of columns that shares them.
pub(crate) struct TileScales {
    /// `[subs, TILE]`.
    pub(crate) scales: Vec<f32>,
    /// `[subs, TILE]`.
    pub(crate) offsets: Vec<f32>,
}

impl TileScales {
    /// Zeros: rows that are not there give zeros.
    pub(crate) fn new(subs: usize) -> TileScales {
        TileScales {
            scales: vec![0.0; subs * TILE],
            offsets: vec![0.0; subs * TILE],
        }
    }

    /// Those of row `lane`.
    #[inline(always)]
    pub(crate) fn take(&mut self, lane: usize, scratch: &Scratch, subs: usize) {
        for sub in 0..subs {
            self.scales[sub * TILE + lane] = scratch.scales[sub];
            self.offsets[sub * TILE + lane] = scratch.offsets[sub];
        }
    }
}

impl Layout {
    fn new<S: Simd, F: Format>() -> Layout {
        Layout {
            block: F::BLOCK,
            bytes: F::BYTES,
            sub: F::SUB,
            offsets: F::OFFSETS,
            unpack: S::unpacker::<F>(),
        }
    }

    /// Of a block format, unpacked with the instructions of `S`.
    pub(crate) fn of<S: Simd>(dtype: DType) -> Layout {
        match dtype {
            DType::Q4_0 => Layout::new::<S, Q4_0>(),
            DType::Q4_1 => Layout::new::<S, Q4_1>(),
            DType::Q5_0 => Layout::new::<S, Q5_0>(),
            DType::Q5_1 => Layout::new::<S, Q5_1>(),
            DType::Q8_0 => Layout::new::<S, Q8_0>(),
            DType::Q2_K => Layout::new::<S, Q2K>(),
            DType::Q3_K => Layout::new::<S, Q3K>(),
            DType::Q4_K => Layout::new::<S, Q4K>(),
            DType::Q5_K => Layout::new::<S, Q5K>(),
            DType::Q6_K => Layout::new::<S, Q6K>(),
            DType::F32 | DType::F16 | DType::BF16 => unreachable!("{dtype} is no block format"),
        }
    }

    /// Bytes of `cols` columns, which are whole blocks.
    pub(crate) fn row_bytes(&self, cols: usize) -> usize {
        assert!(cols.is_multiple_of(self.block), "whole blocks");
        cols / self.block * self.bytes
    }

    /// Unpacks whole blocks.
    ///
    /// # Safety
    /// The processor must have the instructions this was made for.
    #[inline(always)]
    pub(crate) unsafe fn unpack(&self, bytes: &[u8], scratch: &mut Scratch) {
        // SAFETY: the caller's promise.
        unsafe { (self.unpack)(bytes, &mut scratch.q, &mut scratch.scales, &mut scratch.offsets) }
    }
}

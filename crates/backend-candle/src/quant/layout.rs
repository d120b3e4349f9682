//! A format as data: its sizes and the function that unpacks its rows, so that the products are compiled once and not once a format.
//!
//! Here is also the one order of sums that all products keep, so that they are the same bits: a row's columns come in stretches, in a stretch come
//! the columns with a common scale (a *sub*): `scale · Σ integers`, with its offset's share added at once, and these are added one after the other.

use super::format::{Format, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
use super::k_formats::{Q2K, Q3K, Q4K, Q5K, Q6K};
use crate::simd::{Simd, Unpack};
use decoder::DType;

/// Weight rows that are multiplied together: lanes of a vector.
pub(crate) const TILE: usize = 8;

/// Columns that are summed up before they are added to the result: tiles of so many are 16 KiB, half of a first-level cache.
pub(crate) const STRETCH: usize = 1024;
/// Scales of a vector.
pub(crate) const LANES: usize = 8;

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
    /// For up to `cols` columns. Behind scales and offsets of a whole row stand zeros, up to whole vectors.
    pub(crate) fn new(cols: usize) -> Scratch {
        Scratch {
            q: vec![0; cols],
            scales: vec![0.0; cols / 16 + LANES],
            offsets: vec![0.0; cols / 16 + LANES],
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

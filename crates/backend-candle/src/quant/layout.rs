//! A format as data: its sizes and the function that unpacks its rows, so that the products are compiled once and not once a format.

use super::format::{Format, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
use super::k_formats::{Q2K, Q3K, Q4K, Q5K, Q6K};
use super::simd::{Simd, Unpack};
use decoder::DType;

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

//! A matrix in one of ggml's formats, held by candle.

use candle_core::quantized::QTensor;
use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0, GgmlType,
};
use decoder::DType;
use half::{bf16, f16};
use std::borrow::Cow;

/// `[rows, cols]`, row-major, each row a whole number of blocks.
#[derive(Debug)]
pub struct QuantizedMatrix {
    dtype: DType,
    rows: usize,
    cols: usize,
    tensor: QTensor,
}

impl QuantizedMatrix {
    pub(crate) fn new(dtype: DType, rows: usize, cols: usize, tensor: QTensor) -> QuantizedMatrix {
        QuantizedMatrix { dtype, rows, cols, tensor }
    }

    /// How values are stored.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Candle's handle.
    pub fn tensor(&self) -> &QTensor {
        &self.tensor
    }

    /// All bytes, as in the file.
    pub fn bytes(&self) -> &[u8] {
        match self.tensor.data() {
            Ok(Cow::Borrowed(bytes)) => bytes,
            _ => unreachable!("a QTensor in main memory lends its bytes"),
        }
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.dtype
            .row_bytes(self.cols)
            .expect("whole blocks, checked when the weight was made")
    }

    /// Rows from `first` on, as many as `out` holds, as F32.
    pub fn dequantize_rows(&self, first: usize, out: &mut [f32]) {
        let count = out.len() / self.cols;
        let bytes = &self.bytes()[first * self.row_bytes()..(first + count) * self.row_bytes()];
        match self.dtype {
            DType::F32 => to_float::<f32>(bytes, out),
            DType::F16 => to_float::<f16>(bytes, out),
            DType::BF16 => to_float::<bf16>(bytes, out),
            DType::Q4_0 => to_float::<BlockQ4_0>(bytes, out),
            DType::Q4_1 => to_float::<BlockQ4_1>(bytes, out),
            DType::Q5_0 => to_float::<BlockQ5_0>(bytes, out),
            DType::Q5_1 => to_float::<BlockQ5_1>(bytes, out),
            DType::Q8_0 => to_float::<BlockQ8_0>(bytes, out),
            DType::Q2_K => to_float::<BlockQ2K>(bytes, out),
            DType::Q3_K => to_float::<BlockQ3K>(bytes, out),
            DType::Q4_K => to_float::<BlockQ4K>(bytes, out),
            DType::Q5_K => to_float::<BlockQ5K>(bytes, out),
            DType::Q6_K => to_float::<BlockQ6K>(bytes, out),
        }
    }
}

/// Candle's own dequantisation of whole blocks.
fn to_float<T: GgmlType>(bytes: &[u8], out: &mut [f32]) {
    // SAFETY: blocks are plain numbers, any bits are valid; `align_to` returns an empty head only where the cast is aligned, asserted next.
    let (head, blocks, tail) = unsafe { bytes.align_to::<T>() };
    assert!(head.is_empty() && tail.is_empty(), "blocks as candle stored them");
    T::to_float(blocks, out);
}

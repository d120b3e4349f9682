//! Weights: F32 ones as candle tensors that the optimiser changes in place, all others in candle's block formats, never dequantised as a whole.

use crate::quant::QuantizedMatrix;
use crate::tensor::{DEVICE, View, failed, from_vec};
use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0, GgmlType,
};
use candle_core::quantized::{QStorage, QTensor};
use candle_core::{Device, Tensor};
use decoder::backend::WeightSpec;
use decoder::{DType, Error, Result};
use half::{bf16, f16};
use std::sync::Arc;

/// A weight. Cloning shares: an optimiser's update is seen by all clones.
#[derive(Clone, Debug)]
pub enum Weight {
    /// F32 `[rows, cols]`; every vector is one.
    Dense(Tensor),
    /// A matrix that stays as stored.
    Quantized(Arc<QuantizedMatrix>),
}

impl Weight {
    /// `(rows, cols)`.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Weight::Dense(tensor) => tensor.dims2().expect("weights are matrices"),
            Weight::Quantized(matrix) => (matrix.rows(), matrix.cols()),
        }
    }

    /// The tensor of an F32 weight. Errors: the weight is quantised; `step` needs F32.
    pub(crate) fn dense(&self, step: &'static str) -> Result<&Tensor> {
        match self {
            Weight::Dense(tensor) => Ok(tensor),
            Weight::Quantized(matrix) => Err(Error::Backend {
                device: DEVICE.to_owned(),
                step,
                problem: format!("needs an F32 weight, got {}; load the model as F32 to train it", matrix.dtype()),
            }),
        }
    }

    /// The values of an F32 vector (or matrix).
    pub(crate) fn values(&self, step: &'static str) -> Result<View<'_>> {
        View::new(self.dense(step)?)
    }

    /// Values of some rows, as F32, one after the other. Errors: there is no such row.
    pub(crate) fn gather(&self, rows: &[u32], what: &str) -> Result<Vec<f32>> {
        let (height, width) = self.shape();
        if let Some(row) = rows.iter().find(|&&row| row as usize >= height) {
            return Err(Error::Input(format!("{what} {row} is out of range: there are {height}")));
        }
        let mut out = vec![0f32; rows.len() * width];
        match self {
            Weight::Dense(tensor) => {
                let values = View::new(tensor)?;
                for (out, &row) in out.chunks_mut(width).zip(rows) {
                    out.copy_from_slice(&values[row as usize * width..][..width]);
                }
            }
            Weight::Quantized(matrix) => {
                for (out, &row) in out.chunks_mut(width).zip(rows) {
                    matrix.dequantize_rows(row as usize, out);
                }
            }
        }
        Ok(out)
    }
}

/// A weight that is being filled, row by row.
pub struct Upload {
    spec: WeightSpec,
    written: usize,
    blocks: Box<dyn Blocks>,
}

/// A vector of blocks that grows from bytes, without a second copy of the weight.
trait Blocks {
    fn append(&mut self, bytes: &[u8]);
    fn into_storage(self: Box<Self>) -> QStorage;
}

impl<T: GgmlType + 'static> Blocks for Vec<T> {
    fn append(&mut self, bytes: &[u8]) {
        let count = bytes.len() / size_of::<T>();
        assert_eq!(count * size_of::<T>(), bytes.len(), "whole blocks");
        self.reserve(count);
        // SAFETY: ggml's blocks are `repr(C)` structs of numbers for which every bit pattern is valid; there is room for `count` of them.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.as_mut_ptr().add(self.len()).cast::<u8>(), bytes.len());
            self.set_len(self.len() + count);
        }
    }

    fn into_storage(self: Box<Self>) -> QStorage {
        QStorage::Cpu(self)
    }
}

fn reserve<T: GgmlType + 'static>(spec: &WeightSpec) -> Result<Box<dyn Blocks>> {
    let mut blocks: Vec<T> = Vec::new();
    let bytes = spec.bytes();
    let out_of_memory = || Error::OutOfMemory {
        device: DEVICE.to_owned(),
        problem: format!("{bytes} bytes for `{}`", spec.name),
    };
    let count = usize::try_from(bytes / size_of::<T>() as u64).map_err(|_| out_of_memory())?;
    blocks.try_reserve_exact(count).map_err(|_| out_of_memory())?;
    Ok(Box::new(blocks))
}

impl Upload {
    /// Reserves room for `spec`. Errors: out of memory.
    pub(crate) fn new(spec: &WeightSpec) -> Result<Upload> {
        let blocks = match spec.dtype {
            DType::F32 => reserve::<f32>(spec),
            DType::F16 => reserve::<f16>(spec),
            DType::BF16 => reserve::<bf16>(spec),
            DType::Q4_0 => reserve::<BlockQ4_0>(spec),
            DType::Q4_1 => reserve::<BlockQ4_1>(spec),
            DType::Q5_0 => reserve::<BlockQ5_0>(spec),
            DType::Q5_1 => reserve::<BlockQ5_1>(spec),
            DType::Q8_0 => reserve::<BlockQ8_0>(spec),
            DType::Q2_K => reserve::<BlockQ2K>(spec),
            DType::Q3_K => reserve::<BlockQ3K>(spec),
            DType::Q4_K => reserve::<BlockQ4K>(spec),
            DType::Q5_K => reserve::<BlockQ5K>(spec),
            DType::Q6_K => reserve::<BlockQ6K>(spec),
        }?;
        Ok(Upload {
            spec: spec.clone(),
            written: 0,
            blocks,
        })
    }

    fn problem(&self, problem: String) -> Error {
        Error::Tensor {
            name: self.spec.name.clone(),
            problem,
        }
    }

    /// Takes whole rows. Errors: no whole rows, or more than there are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let rows = bytes.len() / self.spec.row_bytes().max(1);
        if rows * self.spec.row_bytes() != bytes.len() {
            return Err(self.problem(format!("{} bytes are no whole rows of {}", bytes.len(), self.spec.row_bytes())));
        }
        if self.written + rows > self.spec.rows {
            return Err(self.problem(format!("more than its {} rows", self.spec.rows)));
        }
        self.blocks.append(bytes);
        self.written += rows;
        Ok(())
    }

    /// The finished weight: F32 and vectors dense, all others as stored. Errors: rows are missing.
    pub(crate) fn finish(self) -> Result<Weight> {
        if self.written != self.spec.rows {
            return Err(self.problem(format!("{} of {} rows were written", self.written, self.spec.rows)));
        }
        let (rows, cols) = (self.spec.rows, self.spec.cols);
        let tensor = QTensor::new(self.blocks.into_storage(), (rows, cols)).map_err(failed("finish weight"))?;
        if self.spec.dtype == DType::F32 || rows == 1 {
            // candle wraps F32 storage by copying; one weight at a time, so the peak is one weight's size.
            return Ok(Weight::Dense(tensor.dequantize(&Device::Cpu).map_err(failed("finish weight"))?));
        }
        Ok(Weight::Quantized(Arc::new(QuantizedMatrix::new(
            self.spec.dtype,
            rows,
            cols,
            tensor,
        ))))
    }
}

/// An F32 weight from its values, for tests and tables.
impl Weight {
    /// `[rows, cols]`. Errors: the number of values is another.
    pub fn from_values(values: Vec<f32>, rows: usize, cols: usize) -> Result<Weight> {
        Ok(Weight::Dense(from_vec(values, rows, cols)?))
    }
}

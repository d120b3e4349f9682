//! Candle tensors as slices: every activation here is F32, contiguous, on the CPU, `[rows, width]`.

use candle_core::{CpuStorage, Device, Storage, Tensor};
use decoder::{Error, Result};
use std::ops::Deref;

/// How this backend calls itself in messages.
pub(crate) const DEVICE: &str = "candle (CPU)";

/// An error of candle's, with the step that it happened in.
pub(crate) fn failed(step: &'static str) -> impl Fn(candle_core::Error) -> Error {
    move |error| Error::Backend {
        device: DEVICE.to_owned(),
        step,
        problem: error.to_string(),
    }
}

/// `[rows, cols]` from its values, without a copy.
pub(crate) fn from_vec(values: Vec<f32>, rows: usize, cols: usize) -> Result<Tensor> {
    Tensor::from_vec(values, (rows, cols), &Device::Cpu).map_err(failed("new tensor"))
}

/// The values of a tensor, borrowed.
pub(crate) struct View<'a> {
    storage: candle_core::StorageRef<'a>,
    start: usize,
    end: usize,
}

impl<'a> View<'a> {
    /// Errors: the tensor is no contiguous F32 tensor in main memory (it was not made here).
    pub(crate) fn new(tensor: &'a Tensor) -> Result<View<'a>> {
        let (storage, layout) = tensor.storage_and_layout();
        match (&*storage, layout.contiguous_offsets()) {
            (Storage::Cpu(CpuStorage::F32(_)), Some((start, end))) => Ok(View { storage, start, end }),
            _ => Err(Error::Backend {
                device: DEVICE.to_owned(),
                step: "read tensor",
                problem: format!(
                    "expected contiguous F32 values in main memory, got {:?} {:?}",
                    tensor.dtype(),
                    tensor.shape()
                ),
            }),
        }
    }
}

impl Deref for View<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.start..self.end],
            _ => unreachable!("checked in View::new"),
        }
    }
}

/// `(rows, cols)`.
pub(crate) fn shape(tensor: &Tensor) -> Result<(usize, usize)> {
    tensor.dims2().map_err(failed("shape"))
}

/// Error unless `tensor` has `cols` columns; returns its rows.
pub(crate) fn expect_cols(tensor: &Tensor, cols: usize, step: &'static str) -> Result<usize> {
    let (rows, actual) = shape(tensor)?;
    if actual == cols {
        return Ok(rows);
    }
    Err(Error::Backend {
        device: DEVICE.to_owned(),
        step,
        problem: format!("expected [T, {cols}], got [{rows}, {actual}]"),
    })
}

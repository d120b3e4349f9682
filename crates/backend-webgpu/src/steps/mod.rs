//! The steps of a transformer as recorded dispatches. Each file opens with what it records; shapes are those of [`decoder::step`].

mod attend;
mod head;
mod linear;
mod mlp;
mod norm;
mod qkv;

pub use attend::Cache;

use crate::gpu::{Gpu, Handle};
use crate::weight::Weight;
use decoder::{Error, Result};
use std::cell::OnceCell;
use std::rc::Rc;

/// Activations `[rows, cols]`. Cloning shares; the buffer goes back to the pool with the last handle.
#[derive(Clone)]
pub struct Tensor {
    pub(crate) buffer: Rc<Handle>,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// The same as signed bytes (`quantize.wgsl`), once a product wanted them so.
    pub(crate) packed: Rc<OnceCell<Handle>>,
}

impl Tensor {
    /// `(rows, cols)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor[{}, {}]", self.rows, self.cols)
    }
}

/// Records steps on a device.
pub(crate) struct Recorder<'a> {
    pub gpu: &'a Rc<Gpu>,
    /// Bound where a kernel has a buffer that this run does not use.
    pub unused: &'a Handle,
}

impl Recorder<'_> {
    /// An activation, contents arbitrary.
    pub fn tensor(&self, rows: usize, cols: usize) -> Result<Tensor> {
        let buffer = Rc::new(self.gpu.scratch(4 * rows as u64 * cols as u64)?);
        Ok(Tensor {
            buffer,
            rows,
            cols,
            packed: Rc::default(),
        })
    }

    /// Errors where an activation is not `[_, cols]`.
    pub fn expect(&self, what: &'static str, x: &Tensor, cols: usize) -> Result<()> {
        if x.cols == cols {
            return Ok(());
        }
        Err(Error::Input(format!(
            "{what}: rows of {cols} values were expected, not of {}",
            x.cols
        )))
    }

    /// The buffer of a vector of `width` floats.
    pub fn vector<'w>(&self, weight: &'w Weight, width: usize) -> Result<&'w Handle> {
        if weight.rows * weight.cols != width {
            let problem = format!("has {} values, not {width}", weight.rows * weight.cols);
            return Err(Error::Tensor {
                name: weight.name.clone(),
                problem,
            });
        }
        weight.floats()
    }
}

/// A grid of `count` workgroups, folded where one dimension is too short for them. May hold more than `count`.
pub(crate) fn fold(count: usize) -> [u32; 3] {
    let most = crate::gpu::MAX_GROUPS as usize;
    if count <= most {
        [count as u32, 1, 1]
    } else {
        [most as u32, count.div_ceil(most) as u32, 1]
    }
}

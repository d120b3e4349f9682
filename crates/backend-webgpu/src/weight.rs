//! Weights in GPU memory: quantised, in the layout of [`crate::formats`], split by rows where one buffer cannot hold them.

use crate::formats::{row_words, units};
use crate::gpu::{Gpu, Handle};
use crate::repack;
use decoder::backend::WeightSpec;
use decoder::{DType, Error, Result};
use std::rc::Rc;

/// Bytes of repacked rows that wait for an upload.
const CHUNK: usize = 4 << 20;

/// Consecutive rows of a weight in one buffer.
pub struct Shard {
    pub buffer: Handle,
    /// First row.
    pub first: usize,
    /// Number of rows.
    pub rows: usize,
}

/// A weight. Dropping the last handle frees its memory.
#[derive(Clone)]
pub struct Weight(pub(crate) Rc<WeightInner>);

/// What a weight is.
pub struct WeightInner {
    pub name: String,
    pub dtype: DType,
    pub rows: usize,
    pub cols: usize,
    /// 32-bit words of a row.
    pub row_words: usize,
    pub shards: Vec<Shard>,
}

impl std::ops::Deref for Weight {
    type Target = WeightInner;
    fn deref(&self) -> &WeightInner {
        &self.0
    }
}

impl std::fmt::Debug for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Weight({}, {} [{}, {}], {} buffers)",
            self.name,
            self.dtype,
            self.rows,
            self.cols,
            self.shards.len()
        )
    }
}

impl WeightInner {
    /// Groups of 8 values in a row.
    pub fn units(&self) -> usize {
        units(self.cols)
    }

    /// Its one buffer, of a vector or table of floats.
    pub fn floats(&self) -> Result<&Handle> {
        match (self.dtype, self.shards.as_slice()) {
            (DType::F32, [shard]) => Ok(&shard.buffer),
            (DType::F32, _) => Err(self.error("must fit one buffer of this device; try a shorter context".into())),
            (dtype, _) => Err(self.error(format!("must be F32 here, and is {dtype}"))),
        }
    }

    fn error(&self, problem: String) -> Error {
        Error::Tensor {
            name: self.name.clone(),
            problem,
        }
    }
}

/// A weight that is being filled: rows are repacked into a small host buffer that is written when full.
pub struct Upload {
    spec: WeightSpec,
    row_words: usize,
    shards: Vec<Shard>,
    /// Rows taken so far, and of these the rows already written.
    taken: usize,
    written: usize,
    host: Vec<u32>,
}

impl Upload {
    /// Allocates all buffers.
    pub fn begin(gpu: &Rc<Gpu>, spec: &WeightSpec) -> Result<Upload> {
        let tensor = |problem: String| Error::Tensor {
            name: spec.name.clone(),
            problem,
        };
        if spec.rows == 0 || spec.cols == 0 {
            return Err(tensor("has no values".into()));
        }
        if spec.dtype.row_bytes(spec.cols).is_none() {
            return Err(tensor(format!(
                "rows of {} values are no whole number of {} blocks",
                spec.cols, spec.dtype
            )));
        }
        let words = row_words(spec.dtype, spec.cols);
        let row_bytes = 4 * words as u64;
        let rows_each = usize::try_from(gpu.info.max_binding_bytes / row_bytes).unwrap_or(usize::MAX);
        if rows_each == 0 {
            return Err(tensor(format!(
                "one row is larger than what this device binds ({} bytes)",
                gpu.info.max_binding_bytes
            )));
        }
        let mut shards = Vec::new();
        let mut first = 0;
        while first < spec.rows {
            let rows = rows_each.min(spec.rows - first);
            let buffer = gpu.allocate(&spec.name, "allocating weights", rows as u64 * row_bytes)?;
            shards.push(Shard { buffer, first, rows });
            first += rows;
        }
        Ok(Upload {
            spec: spec.clone(),
            row_words: words,
            shards,
            taken: 0,
            written: 0,
            host: Vec::new(),
        })
    }

    /// Takes whole rows.
    pub fn write(&mut self, gpu: &Gpu, bytes: &[u8]) -> Result<()> {
        let row_bytes = self.spec.row_bytes();
        let rows = bytes.len() / row_bytes;
        if !bytes.len().is_multiple_of(row_bytes) || self.taken + rows > self.spec.rows {
            let problem = format!(
                "{} bytes came after {} of {} rows; whole rows of {row_bytes} bytes were expected",
                bytes.len(),
                self.taken,
                self.spec.rows
            );
            return Err(Error::Tensor {
                name: self.spec.name.clone(),
                problem,
            });
        }
        for row in bytes.chunks_exact(row_bytes) {
            let start = self.host.len();
            self.host.resize(start + self.row_words, 0);
            repack::row(self.spec.dtype, self.spec.cols, row, &mut self.host[start..]);
            self.taken += 1;
            if 4 * self.host.len() >= CHUNK {
                self.send(gpu);
            }
        }
        gpu.check()
    }

    /// Writes the rows on the host to their shards.
    fn send(&mut self, gpu: &Gpu) {
        for shard in &self.shards {
            let from = self.written.max(shard.first);
            let to = self.taken.min(shard.first + shard.rows);
            if from < to {
                let words = &self.host[(from - self.written) * self.row_words..(to - self.written) * self.row_words];
                gpu.queue.write_buffer(
                    &shard.buffer.raw,
                    4 * ((from - shard.first) * self.row_words) as u64,
                    bytemuck::cast_slice(words),
                );
            }
        }
        self.written = self.taken;
        self.host.clear();
    }

    /// All rows are there.
    pub fn finish(mut self, gpu: &Gpu) -> Result<Weight> {
        if self.taken != self.spec.rows {
            let problem = format!("only {} of {} rows came", self.taken, self.spec.rows);
            return Err(Error::Tensor {
                name: self.spec.name,
                problem,
            });
        }
        self.send(gpu);
        // Natively, what `write_buffer` copied is kept until a submit: one per weight keeps the host's memory small.
        if self.shards.iter().map(|s| s.buffer.bytes).sum::<u64>() > CHUNK as u64 {
            gpu.queue.submit([]);
        }
        gpu.check()?;
        let WeightSpec { name, dtype, rows, cols } = self.spec;
        Ok(Weight(Rc::new(WeightInner {
            name,
            dtype,
            rows,
            cols,
            row_words: self.row_words,
            shards: self.shards,
        })))
    }
}

//! A backend that shares its thread: any backend, with a breath between passes and before every read.

use super::control::Control;
use decoder::backend::{CacheShape, Qkv, WeightSpec};
use decoder::step::{Attend, Embed, GatedMlp, Head, ProjectAdd, ProjectQkv};
use decoder::{Backend, Batch, Result};

/// `B`, interruptible. Passes are bounded by `max_rows`, because nothing interrupts a pass.
#[derive(Clone)]
pub struct Polite<B> {
    inner: B,
    control: Control,
    max_rows: usize,
}

impl<B: Backend> Polite<B> {
    /// Wraps `inner`; no pass has more rows than `max_rows` or the backend's own limit.
    pub fn new(inner: B, control: Control, max_rows: usize) -> Polite<B> {
        let max_rows = inner.max_rows().min(max_rows);
        Polite { inner, control, max_rows }
    }

    /// The backend itself.
    pub fn inner(&self) -> &B {
        &self.inner
    }
}

impl<B: Backend> Backend for Polite<B> {
    type Tensor = B::Tensor;
    type Weight = B::Weight;
    type Cache = B::Cache;
    type Batch = B::Batch;
    type Upload = B::Upload;

    fn name(&self) -> String {
        self.inner.name()
    }
    fn kernels(&self) -> String {
        self.inner.kernels()
    }
    fn max_rows(&self) -> usize {
        self.max_rows
    }
    fn begin_weight(&self, spec: &WeightSpec) -> Result<B::Upload> {
        self.inner.begin_weight(spec)
    }
    fn write_weight(&self, upload: &mut B::Upload, rows: &[u8]) -> Result<()> {
        self.inner.write_weight(upload, rows)
    }
    fn finish_weight(&self, upload: B::Upload) -> Result<B::Weight> {
        self.inner.finish_weight(upload)
    }
    fn new_cache(&self, shape: &CacheShape) -> Result<B::Cache> {
        self.inner.new_cache(shape)
    }
    fn upload_batch(&self, batch: &Batch) -> Result<B::Batch> {
        self.inner.upload_batch(batch)
    }
    fn embed(&self, step: &Embed<B::Weight>, batch: &B::Batch) -> Result<B::Tensor> {
        self.inner.embed(step, batch)
    }
    fn project_qkv(&self, step: &ProjectQkv<B::Weight>, x: &B::Tensor, batch: &B::Batch) -> Result<Qkv<B::Tensor>> {
        self.inner.project_qkv(step, x, batch)
    }
    fn attend(&self, step: &Attend, qkv: &Qkv<B::Tensor>, batch: &B::Batch, cache: Option<&B::Cache>) -> Result<B::Tensor> {
        self.inner.attend(step, qkv, batch, cache)
    }
    fn project_add(&self, step: &ProjectAdd<B::Weight>, a: &B::Tensor, x: &B::Tensor) -> Result<B::Tensor> {
        self.inner.project_add(step, a, x)
    }
    fn gated_mlp(&self, step: &GatedMlp<B::Weight>, x: &B::Tensor) -> Result<B::Tensor> {
        self.inner.gated_mlp(step, x)
    }
    fn head_logits(&self, step: &Head<B::Weight>, x: &B::Tensor, rows: &[u32]) -> Result<B::Tensor> {
        self.inner.head_logits(step, x, rows)
    }
    fn head_tokens(&self, step: &Head<B::Weight>, x: &B::Tensor, rows: &[u32], tokens: &[u32]) -> Result<B::Tensor> {
        self.inner.head_tokens(step, x, rows, tokens)
    }
    fn head_log_probs(&self, step: &Head<B::Weight>, x: &B::Tensor, rows: &[u32], targets: &[u32]) -> Result<B::Tensor> {
        self.inner.head_log_probs(step, x, rows, targets)
    }
    fn head_best(&self, step: &Head<B::Weight>, x: &B::Tensor, rows: &[u32]) -> Result<B::Tensor> {
        self.inner.head_best(step, x, rows)
    }
    async fn read(&self, tensor: &B::Tensor) -> Result<Vec<f32>> {
        let values = self.inner.read(tensor).await?;
        self.control.breathe().await?;
        Ok(values)
    }
    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }
    async fn pause(&self) -> Result<()> {
        self.inner.pause().await?;
        self.control.breathe().await
    }
}

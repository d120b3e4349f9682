//! [`Backend`] on candle: each step checks its arguments and hands over to its own file.

use crate::cache::Cache;
use crate::precision::Precision;
use crate::tensor::{DEVICE, View};
use crate::weight::{Upload, Weight};
use crate::{attention, embed, head, mlp, output, qkv};
use candle_core::Tensor;
use decoder::backend::WeightSpec;
use decoder::step::{Attend, Embed, GatedMlp, Head, ProjectAdd, ProjectQkv};
use decoder::{Backend, Batch, CacheShape, Qkv, Result};
use std::rc::Rc;

/// The CPU backend. Cloning is free: it holds no state.
#[derive(Clone, Debug, Default)]
pub struct CandleBackend {
    pub(crate) precision: Precision,
}

impl CandleBackend {
    /// With [`Precision::Fast`].
    pub fn new() -> CandleBackend {
        CandleBackend::default()
    }

    /// With the given precision of products with quantised weights.
    pub fn with_precision(precision: Precision) -> CandleBackend {
        CandleBackend { precision }
    }
}

impl Backend for CandleBackend {
    type Tensor = Tensor;
    type Weight = Weight;
    type Cache = Cache;
    type Batch = Rc<Batch>;
    type Upload = Upload;

    fn name(&self) -> String {
        DEVICE.to_owned()
    }

    fn kernels(&self) -> String {
        match self.precision {
            Precision::Fast => "activations=i16".to_owned(),
            Precision::Exact => "activations=f32".to_owned(),
        }
    }

    fn max_rows(&self) -> usize {
        // A pass cannot be stopped; in a browser's one thread it should take about a second.
        if cfg!(target_arch = "wasm32") { 128 } else { 512 }
    }

    fn begin_weight(&self, spec: &WeightSpec) -> Result<Upload> {
        Upload::new(spec)
    }

    fn write_weight(&self, upload: &mut Upload, rows: &[u8]) -> Result<()> {
        upload.write(rows)
    }

    fn finish_weight(&self, upload: Upload) -> Result<Weight> {
        upload.finish()
    }

    fn new_cache(&self, shape: &CacheShape) -> Result<Cache> {
        Ok(Cache::new(shape))
    }

    fn upload_batch(&self, batch: &Batch) -> Result<Rc<Batch>> {
        Ok(Rc::new(batch.clone()))
    }

    fn embed(&self, step: &Embed<Weight>, batch: &Rc<Batch>) -> Result<Tensor> {
        embed::forward(step, batch)
    }

    fn project_qkv(&self, step: &ProjectQkv<Weight>, x: &Tensor, batch: &Rc<Batch>) -> Result<Qkv<Tensor>> {
        Ok(qkv::forward(step, x, batch, self.precision, false)?.0)
    }

    fn attend(&self, step: &Attend, qkv: &Qkv<Tensor>, batch: &Rc<Batch>, cache: Option<&Cache>) -> Result<Tensor> {
        attention::forward(step, qkv, batch, cache)
    }

    fn project_add(&self, step: &ProjectAdd<Weight>, a: &Tensor, x: &Tensor) -> Result<Tensor> {
        Ok(output::forward(step, a, x, self.precision, false)?.0)
    }

    fn gated_mlp(&self, step: &GatedMlp<Weight>, x: &Tensor) -> Result<Tensor> {
        Ok(mlp::forward(step, x, self.precision, false)?.0)
    }

    fn head_logits(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        head::logits(step, x, rows, self.precision)
    }

    fn head_tokens(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32], tokens: &[u32]) -> Result<Tensor> {
        head::tokens(step, x, rows, tokens)
    }

    fn head_log_probs(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32], targets: &[u32]) -> Result<Tensor> {
        head::log_probs(step, x, rows, targets, self.precision)
    }

    fn head_best(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        head::best(step, x, rows, self.precision)
    }

    async fn read(&self, tensor: &Tensor) -> Result<Vec<f32>> {
        Ok(View::new(tensor)?.to_vec())
    }
}

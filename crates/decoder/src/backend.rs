//! The contract between the model and a device.
//!
//! [`Backend`] carries out the steps of [`crate::step`] forward; [`Differentiable`] adds what training needs. A backend may record work and
//! run it later: only [`Backend::read`] promises that everything before it has happened, and it is the only step that waits.

use crate::batch::Batch;
use crate::step::{Attend, Embed, GatedMlp, Head, ParameterId, ProjectAdd, ProjectQkv};
use crate::{Config, DType, Result};

/// Size of a KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Layers of the model.
    pub layers: usize,
    /// `K`.
    pub kv_heads: usize,
    /// `D`.
    pub head_dim: usize,
    /// Tokens that fit.
    pub slots: usize,
}

/// Beginnings of texts (few-shot examples) that a session keeps at most: one for each language of a benchmark and some more.
pub(crate) const MOST_KEPT: usize = 8;

/// What the cache may grow by to keep them.
const KEPT_BYTES: usize = 64 << 20;

impl CacheShape {
    /// A cache of `slots` tokens.
    pub fn new(config: &Config, slots: usize) -> CacheShape {
        CacheShape {
            layers: config.layers.len(),
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            slots,
        }
    }

    /// A cache for a text of `context` tokens and `spare` tokens of others that are packed with it; more where memory is cheap (small models),
    /// so that what texts begin with can stay for the next ones.
    pub fn for_texts(config: &Config, context: usize, spare: usize) -> CacheShape {
        let bytes_per_slot = CacheShape::new(config, 1).bytes(4).max(1) as usize;
        let kept = MOST_KEPT.saturating_mul(context).min(KEPT_BYTES / bytes_per_slot);
        CacheShape::new(config, context + spare.max(kept))
    }

    /// Bytes of keys and values at `bytes_per_value`.
    pub fn bytes(&self, bytes_per_value: usize) -> u64 {
        2 * (self.layers * self.kv_heads * self.head_dim) as u64 * (self.slots * bytes_per_value) as u64
    }
}

/// Queries `[T, H·D]`, keys and values `[T, K·D]`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Qkv<T> {
    pub q: T,
    pub k: T,
    pub v: T,
}

/// A weight about to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightSpec {
    /// For messages.
    pub name: String,
    /// As stored.
    pub dtype: DType,
    /// Outputs of a matrix; 1 for a vector.
    pub rows: usize,
    /// Inputs of a matrix; length of a vector.
    pub cols: usize,
}

impl WeightSpec {
    /// Bytes of a row. The loader has checked that `cols` is a whole number of blocks.
    pub fn row_bytes(&self) -> usize {
        self.dtype.row_bytes(self.cols).expect("checked by the loader")
    }

    /// Bytes of the whole weight.
    pub fn bytes(&self) -> u64 {
        self.rows as u64 * self.row_bytes() as u64
    }
}

/// A device that runs the model forward.
///
/// Activations are F32 `[rows, width]` behind the opaque, cheaply cloned `Tensor`. All handles are shared handles.
#[allow(async_fn_in_trait)] // engines live on one thread; on the web no handle is `Send`
pub trait Backend {
    /// Activations.
    type Tensor: Clone;
    /// Weights: matrices (maybe quantised), vectors, tables. Cloning shares.
    type Weight: Clone;
    /// Keys and values of all layers. Cloning shares.
    type Cache: Clone;
    /// A [`Batch`] on the device. Cloning shares.
    type Batch: Clone;
    /// A weight that is being filled.
    type Upload;

    /// Device and kind, for people: `candle (CPU)`, `WebGPU (NVIDIA …)`.
    fn name(&self) -> String;

    /// What it chose, or was told, that may change the last digits of a result: number formats, kernels. Empty where there is no choice. Records
    /// of evaluations hold it.
    fn kernels(&self) -> String {
        String::new()
    }

    /// Rows that one pass should hold at most; longer prompts are cut into several passes.
    fn max_rows(&self) -> usize;

    /// Starts to fill a weight. Errors: out of memory, a type the device cannot hold.
    fn begin_weight(&self, spec: &WeightSpec) -> Result<Self::Upload>;
    /// The next whole rows, in order.
    fn write_weight(&self, upload: &mut Self::Upload, rows: &[u8]) -> Result<()>;
    /// All rows are there.
    fn finish_weight(&self, upload: Self::Upload) -> Result<Self::Weight>;

    /// An empty cache. Errors: out of memory.
    fn new_cache(&self, shape: &CacheShape) -> Result<Self::Cache>;

    /// Uploads a batch.
    fn upload_batch(&self, batch: &Batch) -> Result<Self::Batch>;

    /// Token ids of the batch → `[T, d]`.
    fn embed(&self, step: &Embed<Self::Weight>, batch: &Self::Batch) -> Result<Self::Tensor>;
    /// `x: [T, d]` → queries, keys and values with positions.
    fn project_qkv(&self, step: &ProjectQkv<Self::Weight>, x: &Self::Tensor, batch: &Self::Batch) -> Result<Qkv<Self::Tensor>>;
    /// → `[T, H·D]`. With a cache: first writes `k` and `v` of **all** rows to their slots, then attends through the slots of the contexts, so
    /// a segment may see rows of another segment of the same pass. Without: slots are rows of this batch.
    fn attend(&self, step: &Attend, qkv: &Qkv<Self::Tensor>, batch: &Self::Batch, cache: Option<&Self::Cache>) -> Result<Self::Tensor>;
    /// `a: [T, H·D]`, `x: [T, d]` → `[T, d]`.
    fn project_add(&self, step: &ProjectAdd<Self::Weight>, a: &Self::Tensor, x: &Self::Tensor) -> Result<Self::Tensor>;
    /// `x: [T, d]` → `[T, d]`.
    fn gated_mlp(&self, step: &GatedMlp<Self::Weight>, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// Logits of `rows` → `[R, V]`.
    fn head_logits(&self, step: &Head<Self::Weight>, x: &Self::Tensor, rows: &[u32]) -> Result<Self::Tensor>;
    /// Logits of `rows` for `tokens` only → `[R, tokens.len()]`. Reads those rows of the vocabulary matrix and no others.
    fn head_tokens(&self, step: &Head<Self::Weight>, x: &Self::Tensor, rows: &[u32], tokens: &[u32]) -> Result<Self::Tensor>;
    /// For each of `rows` and its target: `[R, 2]` of (log p(target), 1 if the target is the most likely token else 0). Never holds all logits
    /// on the host. Ties: the lower id is the most likely token.
    fn head_log_probs(&self, step: &Head<Self::Weight>, x: &Self::Tensor, rows: &[u32], targets: &[u32]) -> Result<Self::Tensor>;
    /// The most likely token of each of `rows` → `[R, 1]`, the id as a float (exact below 2²⁴). Ties: the lower id.
    fn head_best(&self, step: &Head<Self::Weight>, x: &Self::Tensor, rows: &[u32]) -> Result<Self::Tensor>;

    /// Runs what was recorded, and copies a tensor to the host, row-major.
    async fn read(&self, tensor: &Self::Tensor) -> Result<Vec<f32>>;
    /// Starts what was recorded, without waiting.
    fn flush(&self) -> Result<()> {
        Ok(())
    }
    /// Between the passes of a long job: starts what was recorded. An engine whose thread has other duties (the event loop of a browser's
    /// worker) sees to them here, and may end the job with [`crate::Error::Cancelled`].
    async fn pause(&self) -> Result<()> {
        self.flush()
    }
}

/// A row whose next token is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Row of the batch.
    pub row: u32,
    /// The token that follows.
    pub token: u32,
    /// Its share of the loss.
    pub weight: f32,
}

/// Gradients of weights, by parameter; absent where none was computed.
#[derive(Clone, Debug)]
pub struct Gradients<T> {
    slots: Vec<Option<T>>,
}

impl<T> Gradients<T> {
    /// Room for `parameters` gradients.
    pub fn new(parameters: usize) -> Self {
        Gradients {
            slots: (0..parameters).map(|_| None).collect(),
        }
    }

    /// The gradient of a parameter.
    pub fn get(&self, id: ParameterId) -> Option<&T> {
        self.slots[id.0].as_ref()
    }

    /// Adds to a gradient: `sum` adds two of them.
    pub fn add(&mut self, id: ParameterId, gradient: T, sum: impl FnOnce(T, T) -> Result<T>) -> Result<()> {
        let slot = &mut self.slots[id.0];
        *slot = Some(match slot.take() {
            Some(old) => sum(old, gradient)?,
            None => gradient,
        });
        Ok(())
    }

    /// Parameters that have a gradient.
    pub fn iter(&self) -> impl Iterator<Item = (ParameterId, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(i, slot)| slot.as_ref().map(|gradient| (ParameterId(i), gradient)))
    }
}

/// AdamW (Loshchilov and Hutter, 2019), with decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub struct AdamW {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
}

/// A backend that trains: a saving forward and a backward for each step, and the optimiser.
///
/// `Saved` is whatever a step wants to find again in its backward. Backward steps take the gradient of the output, add to `gradients`, and
/// return the gradient of the input(s). Weights must be F32.
pub trait Differentiable: Backend {
    /// What a step keeps for its backward.
    type Saved;

    /// Adds `dy: [T, d]` to the rows of the table.
    fn embed_backward(
        &self,
        step: &Embed<Self::Weight>,
        batch: &Self::Batch,
        dy: &Self::Tensor,
        gradients: &mut Gradients<Self::Tensor>,
    ) -> Result<()>;

    /// As [`Backend::project_qkv`].
    fn project_qkv_saving(
        &self,
        step: &ProjectQkv<Self::Weight>,
        x: &Self::Tensor,
        batch: &Self::Batch,
    ) -> Result<(Qkv<Self::Tensor>, Self::Saved)>;
    /// → `dx`.
    fn project_qkv_backward(
        &self,
        step: &ProjectQkv<Self::Weight>,
        saved: &Self::Saved,
        batch: &Self::Batch,
        dy: &Qkv<Self::Tensor>,
        gradients: &mut Gradients<Self::Tensor>,
    ) -> Result<Self::Tensor>;

    /// As [`Backend::attend`] without a cache.
    fn attend_saving(&self, step: &Attend, qkv: &Qkv<Self::Tensor>, batch: &Self::Batch) -> Result<(Self::Tensor, Self::Saved)>;
    /// → gradients of `q`, `k`, `v`.
    fn attend_backward(&self, step: &Attend, saved: &Self::Saved, batch: &Self::Batch, dy: &Self::Tensor) -> Result<Qkv<Self::Tensor>>;

    /// As [`Backend::project_add`].
    fn project_add_saving(
        &self,
        step: &ProjectAdd<Self::Weight>,
        a: &Self::Tensor,
        x: &Self::Tensor,
    ) -> Result<(Self::Tensor, Self::Saved)>;
    /// → `da`; the gradient of `x` is `dy` itself.
    fn project_add_backward(
        &self,
        step: &ProjectAdd<Self::Weight>,
        saved: &Self::Saved,
        dy: &Self::Tensor,
        gradients: &mut Gradients<Self::Tensor>,
    ) -> Result<Self::Tensor>;

    /// As [`Backend::gated_mlp`].
    fn gated_mlp_saving(&self, step: &GatedMlp<Self::Weight>, x: &Self::Tensor) -> Result<(Self::Tensor, Self::Saved)>;
    /// → `dx`, the residual's share included.
    fn gated_mlp_backward(
        &self,
        step: &GatedMlp<Self::Weight>,
        saved: &Self::Saved,
        dy: &Self::Tensor,
        gradients: &mut Gradients<Self::Tensor>,
    ) -> Result<Self::Tensor>;

    /// Loss `Σ weight · -log p(token | row)` and its gradient with respect to `x: [T, d]`, in one step and over slices of rows, so that all
    /// logits never exist at once.
    fn head_loss(
        &self,
        step: &Head<Self::Weight>,
        x: &Self::Tensor,
        targets: &[Target],
        gradients: &mut Gradients<Self::Tensor>,
    ) -> Result<(f64, Self::Tensor)>;

    /// `a + b`.
    fn add(&self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;
    /// Square root of the sum of squares over all gradients.
    fn gradient_norm(&self, gradients: &Gradients<Self::Tensor>) -> Result<f64>;

    /// Zeros of the shape of a weight: an optimiser's moment.
    fn zeros_like(&self, weight: &Self::Weight) -> Result<Self::Tensor>;
    /// One AdamW step, number `t` (from 1), on a weight in place. The gradient is multiplied by `scale` first (clipping, accumulation).
    #[allow(clippy::too_many_arguments)]
    fn adamw_step(
        &self,
        weight: &Self::Weight,
        gradient: &Self::Tensor,
        scale: f64,
        first: &mut Self::Tensor,
        second: &mut Self::Tensor,
        hyper: &AdamW,
        t: u64,
    ) -> Result<()>;

    /// The values of a weight, row-major.
    fn read_weight(&self, weight: &Self::Weight) -> Result<Vec<f32>>;
    /// The values of a tensor, now. Training waits where inference must not.
    fn read_now(&self, tensor: &Self::Tensor) -> Result<Vec<f32>>;
    /// A tensor `[rows, cols]` with these values (an optimiser's moment from a checkpoint).
    fn tensor(&self, values: &[f32], rows: usize, cols: usize) -> Result<Self::Tensor>;
}

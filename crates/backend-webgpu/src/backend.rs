//! [`WebGpuBackend`]: the decoder's contract, carried out by recorded dispatches.

use crate::arithmetic::{Arithmetic, Families, Family};
use crate::batch::GpuBatch;
use crate::device::{self, AdapterInfo, Options};
use crate::gpu::{Gpu, Handle};
use crate::steps::{Cache, Recorder, Tensor};
use crate::weight::{Upload, Weight};
use decoder::backend::WeightSpec;
use decoder::step::{Attend, Embed, GatedMlp, Head, ProjectAdd, ProjectQkv};
use decoder::{Backend, Batch, CacheShape, Qkv, Result};
use std::rc::Rc;

/// Rows of one pass: enough for full tiles, and activations of an 8B model stay below 64 MiB each.
const MAX_ROWS: usize = 512;

/// The model's steps on WebGPU. Cloning shares the device.
#[derive(Clone)]
pub struct WebGpuBackend {
    gpu: Rc<Gpu>,
    unused: Rc<Handle>,
}

impl WebGpuBackend {
    /// Opens a device. Errors: there is no adapter, or it gives no device; the message says what to do.
    pub async fn new(options: Options) -> Result<WebGpuBackend> {
        let gpu = Gpu::new(device::open(&options).await?, options);
        let unused = Rc::new(gpu.allocate("unused", "opening the device", 256)?);
        gpu.settle().await?;
        Ok(WebGpuBackend { gpu, unused })
    }

    /// Which adapter runs the model.
    pub fn adapter(&self) -> &AdapterInfo {
        &self.gpu.info
    }

    /// What the device was opened with.
    pub fn options(&self) -> &Options {
        &self.gpu.options
    }

    /// The arithmetic in effect: what was asked for, less what the device does not have.
    pub fn arithmetic(&self) -> Arithmetic {
        self.gpu.arithmetic()
    }

    /// The arithmetic that was asked for.
    pub fn arithmetic_wanted(&self) -> Arithmetic {
        self.gpu.wanted.get()
    }

    /// Asks for an arithmetic, for all steps recorded from now on, by any clone of this backend. What the device does not have stays plain.
    pub fn set_arithmetic(&self, wanted: Arithmetic) {
        self.gpu.wanted.set(wanted);
    }

    /// What the device has, less what was given up.
    pub fn families(&self) -> Families {
        self.gpu.families.get()
    }

    /// Uses no kernel of a family any more.
    pub fn give_up(&self, family: Family) {
        self.gpu.families.set(self.gpu.families.get().without(family));
    }

    /// Which kernels run, for records of a run: `matvec=f32 matmul=f32 subgroups cache=f32`.
    pub fn kernels(&self) -> String {
        let cache = if self.gpu.options.half_cache { "f16" } else { "f32" };
        format!("{} cache={cache}", self.arithmetic())
    }

    /// Submits so far.
    pub fn submits(&self) -> u64 {
        self.gpu.submits()
    }

    /// Bytes of graphics memory in use, pools included.
    pub fn allocated(&self) -> u64 {
        self.gpu.allocated()
    }

    /// Waits for answers that the device still owes, and reports what went wrong: call it after loading a model, because the browser tells
    /// about memory only later.
    pub async fn settle(&self) -> Result<()> {
        self.gpu.settle().await
    }

    /// Waits until the device is lost, also while nothing runs, and says why: always [`decoder::Error::DeviceLost`]. (In the browser; natively wgpu
    /// tells when something else asks the device.)
    pub async fn lost(&self) -> decoder::Error {
        self.gpu.until_lost().await
    }

    /// Gives the device up, as a driver reset would. Every later call reports [`decoder::Error::DeviceLost`].
    pub fn destroy(&self) {
        self.gpu.device.destroy();
    }

    /// An activation with these values, `[rows, cols]`.
    pub fn tensor(&self, values: &[f32], rows: usize, cols: usize) -> Result<Tensor> {
        if values.len() != rows * cols {
            return Err(decoder::Error::Input(format!("{} values are no [{rows}, {cols}]", values.len())));
        }
        Ok(Tensor {
            buffer: Rc::new(self.gpu.upload(values)?),
            rows,
            cols,
            packed: Rc::default(),
        })
    }

    /// `act(n W_gateᵀ) ∘ n W_upᵀ` where there is one kernel for both.
    pub(crate) fn gate_and_up(&self, step: &GatedMlp<Weight>, n: &Tensor) -> Result<Option<Tensor>> {
        self.record().gate_and_up(step, n)
    }

    /// An input of products as signed bytes with scales, in the words of `quantize.wgsl`.
    pub(crate) async fn packed_words(&self, x: &Tensor) -> Result<Vec<u32>> {
        let words = self.gpu.read(self.record().packed(x)?, x.rows * x.cols / 32 * 9).await?;
        Ok(words.into_iter().map(f32::to_bits).collect())
    }

    fn record(&self) -> Recorder<'_> {
        Recorder {
            gpu: &self.gpu,
            unused: &self.unused,
        }
    }
}

impl Backend for WebGpuBackend {
    type Tensor = Tensor;
    type Weight = Weight;
    type Cache = Cache;
    type Batch = GpuBatch;
    type Upload = Upload;

    fn name(&self) -> String {
        self.gpu.name()
    }

    fn kernels(&self) -> String {
        WebGpuBackend::kernels(self)
    }

    fn max_rows(&self) -> usize {
        MAX_ROWS
    }

    fn begin_weight(&self, spec: &WeightSpec) -> Result<Upload> {
        Upload::begin(&self.gpu, spec)
    }

    fn write_weight(&self, upload: &mut Upload, rows: &[u8]) -> Result<()> {
        upload.write(&self.gpu, rows)
    }

    fn finish_weight(&self, upload: Upload) -> Result<Weight> {
        upload.finish(&self.gpu)
    }

    fn new_cache(&self, shape: &CacheShape) -> Result<Cache> {
        Cache::new(&self.gpu, shape)
    }

    fn upload_batch(&self, batch: &Batch) -> Result<GpuBatch> {
        GpuBatch::new(&self.gpu, batch)
    }

    fn embed(&self, step: &Embed<Weight>, batch: &GpuBatch) -> Result<Tensor> {
        self.record().embed(step, batch)
    }

    fn project_qkv(&self, step: &ProjectQkv<Weight>, x: &Tensor, batch: &GpuBatch) -> Result<Qkv<Tensor>> {
        self.record().project_qkv(step, x, batch)
    }

    fn attend(&self, step: &Attend, qkv: &Qkv<Tensor>, batch: &GpuBatch, cache: Option<&Cache>) -> Result<Tensor> {
        self.record().attend(step, qkv, batch, cache)
    }

    fn project_add(&self, step: &ProjectAdd<Weight>, a: &Tensor, x: &Tensor) -> Result<Tensor> {
        self.record().project_add(step, a, x)
    }

    fn gated_mlp(&self, step: &GatedMlp<Weight>, x: &Tensor) -> Result<Tensor> {
        self.record().gated_mlp(step, x)
    }

    fn head_logits(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        self.record().head_logits(step, x, rows)
    }

    fn head_tokens(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32], tokens: &[u32]) -> Result<Tensor> {
        self.record().head_tokens(step, x, rows, tokens)
    }

    fn head_log_probs(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32], targets: &[u32]) -> Result<Tensor> {
        self.record().head_log_probs(step, x, rows, targets)
    }

    fn head_best(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        self.record().head_best(step, x, rows)
    }

    async fn read(&self, tensor: &Tensor) -> Result<Vec<f32>> {
        self.gpu.read(&tensor.buffer, tensor.rows * tensor.cols).await
    }

    fn flush(&self) -> Result<()> {
        self.gpu.submit(None)
    }
}

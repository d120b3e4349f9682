//! How a model comes in: header, configuration, tokenizer, device, weights, self-test.
//!
//! What must hold: nothing of the file is trusted before it is checked; a device is used only after it gave the golden values; whoever cancels or
//! fails gives back what was taken; with `auto`, whatever is wrong with the GPU is a reason to use the processor, and the page hears it,
//! while whatever is wrong with the file is an error.

use super::device::Device;
use super::polite::Polite;
use super::watched::{Sightings, Watched};
use super::{Engine, Loaded, failure, self_test, tiny, tunings};
use crate::protocol::*;
use backend_candle::CandleBackend;
use backend_webgpu::{Options, WebGpuBackend};
use checkpoint::{ByteSource, Gguf, GgufFile};
use decoder::backend::CacheShape;
use decoder::session::Session;
use decoder::{Backend, Config, DType, Decoder};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use tokenizer::Tokenizer;

/// Context where the page does not say.
const DEFAULT_CONTEXT: u32 = 4096;
/// Slots of the cache beyond the context: whole pages of the continuations that are scored together.
const SPARE_SLOTS: usize = 1024;
/// Rows of a pass on the processor; nothing interrupts a pass, so this bounds how long a stop waits.
const CPU_ROWS: usize = 128;
/// Rows of a pass on a GPU: its own limit.
const GPU_ROWS: usize = usize::MAX;
/// Weights and cache that the processor's 32-bit memory may hold, in bytes: 4 GiB less the program, activations and fragments.
const CPU_BYTES: u64 = 3 << 30;

/// What is known of a file besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    /// For people, where the metadata name none.
    pub name: String,
    /// Of the whole file, where it was computed or is known.
    pub sha256: Option<String>,
}

/// A device that was found right, with the model on it.
struct Ready {
    device: Device,
    adapter: String,
    self_test: SelfTest,
    /// Of scores, and of fast texts.
    kernels: [String; 2],
}

/// What the header says.
struct Plan {
    config: Config,
    tokenizer: Tokenizer,
    context_length: usize,
    types: Vec<DType>,
    /// Of most weights.
    main_type: DType,
    weight_bytes: u64,
    cache: CacheShape,
}

impl Engine {
    /// Takes a model in, in place of the one before, which is given back first. `load.source` was opened by the host.
    pub async fn load<S: ByteSource>(
        &mut self,
        source: S,
        facts: FileFacts,
        load: &Load,
        events: &mut dyn FnMut(Event),
    ) -> Result<Info, Failure> {
        self.loaded = None;
        let source = Watched::new(source, self.control.clone());
        let sightings = source.sightings();
        let result = self.load_watched(source, &sightings, facts, load, events).await;
        self.peak_in_flight = sightings.peak();
        result
    }

    /// Refuses a file by its header, before it is fetched whole.
    pub async fn check_header<S: ByteSource>(&self, source: &S, load: &Load, events: &mut dyn FnMut(Event)) -> Result<(), Failure> {
        progress(events, Stage::Header, 0, 0);
        let source = Watched::new(source, self.control.clone());
        let sightings = source.sightings();
        let file = GgufFile::open(source).await.map_err(|error| sightings.or_checkpoint(error))?;
        Plan::new(file.header(), load.context_length).map(drop)
    }

    async fn load_watched<S: ByteSource>(
        &mut self,
        source: Watched<S>,
        sightings: &Sightings,
        facts: FileFacts,
        load: &Load,
        events: &mut dyn FnMut(Event),
    ) -> Result<Info, Failure> {
        progress(events, Stage::Header, 0, 0);
        let mut file = GgufFile::open(source).await.map_err(|error| sightings.or_checkpoint(error))?;
        let plan = Plan::new(file.header(), load.context_length)?;
        let (ready, reason) = match load.backend {
            BackendChoice::WebGpu => (self.on_gpu(&plan, &mut file, sightings, events).await?, None),
            BackendChoice::Cpu => (self.on_cpu(&plan, &mut file, sightings, events).await?, None),
            BackendChoice::Auto => match self.on_gpu(&plan, &mut file, sightings, events).await {
                Ok(ready) => (ready, None),
                Err(failure) if blames_the_gpu(failure.kind) => {
                    (self.on_cpu(&plan, &mut file, sightings, events).await?, Some(failure.message))
                }
                Err(failure) => return Err(failure),
            },
        };
        let Ready {
            device,
            adapter,
            self_test,
            kernels: [kernels, fast_kernels],
        } = ready;
        let header = file.header();
        let text = |key: &str| header.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let info = Info {
            name: text("general.name").filter(|name| !name.is_empty()).unwrap_or(facts.name),
            architecture: text("general.architecture").unwrap_or_default(),
            quantization: header.main_dtype().map(|dtype| dtype.name().to_owned()).unwrap_or_default(),
            parameters: header.parameters(),
            bytes: file.source().len(),
            backend: if matches!(device, Device::Cpu(_)) {
                BackendChoice::Cpu
            } else {
                BackendChoice::WebGpu
            },
            adapter,
            reason,
            context_length: plan.context_length as u32,
            chat_template: plan.tokenizer.chat_template().is_some(),
            self_test,
            kernels,
            fast_kernels,
            sha256: facts.sha256,
        };
        // Caches hold 32-bit values unless a backend says otherwise.
        let device_bytes = plan.weight_bytes + plan.cache.bytes(4);
        self.loaded = Some(Loaded {
            info: info.clone(),
            tokenizer: plan.tokenizer,
            device,
            device_bytes,
        });
        Ok(info)
    }

    async fn on_gpu<S: ByteSource>(
        &mut self,
        plan: &Plan,
        file: &mut GgufFile<Watched<S>>,
        sightings: &Sightings,
        events: &mut dyn FnMut(Event),
    ) -> Result<Ready, Failure> {
        progress(events, Stage::Device, 0, 0);
        let no_adapter = |error: decoder::Error| Failure {
            kind: ErrorKind::NoAdapter,
            ..failure::decoder(error)
        };
        let gpu = WebGpuBackend::new(Options::default()).await.map_err(no_adapter)?;
        let backend = Polite::new(gpu.clone(), self.control.clone(), GPU_ROWS);
        let adapter = self.adapter.clone().unwrap_or_else(|| gpu.adapter().name.clone());
        let mut tunings = std::mem::take(&mut self.tunings);
        let loaded = async {
            progress(events, Stage::SelfTest, 0, 0);
            // Kernel by kernel first: what fails there is not used in what follows.
            let kernels = tunings::check_kernels(&gpu, &plan.types, self.check_ms).await?;
            let tuning = tunings.of(&gpu, &adapter, plan.main_type).await?;
            gpu.set_arithmetic(tuning.exact);
            let mut self_test = self.trust(&backend, plan, self_test::EXACT).await?;
            self_test.details = format!("{}; {kernels}", self_test.details);
            let session = self.weights(backend.clone(), plan, file, sightings, events).await?;
            gpu.settle().await.map_err(failure::decoder)?;
            Ok(Ready {
                kernels: tunings::names(&gpu, &tuning),
                device: Device::WebGpu(Box::new(session), Box::new(tuning)),
                adapter: adapter.clone(),
                self_test,
            })
        }
        .await;
        self.tunings = tunings;
        if loaded.is_err() {
            gpu.destroy();
        }
        loaded
    }

    async fn on_cpu<S: ByteSource>(
        &self,
        plan: &Plan,
        file: &mut GgufFile<Watched<S>>,
        sightings: &Sightings,
        events: &mut dyn FnMut(Event),
    ) -> Result<Ready, Failure> {
        progress(events, Stage::Device, 0, 0);
        let needed = plan.weight_bytes + plan.cache.bytes(4);
        if cfg!(target_arch = "wasm32") && needed > CPU_BYTES {
            let message = format!(
                "on the processor this model needs {} MB, and a browser's program may have about {}; choose a smaller model or a shorter \
                 context, or a browser with WebGPU",
                needed >> 20,
                CPU_BYTES >> 20
            );
            return Err(Failure::new(ErrorKind::OutOfMemory, message));
        }
        let backend = Polite::new(CandleBackend::new(), self.control.clone(), CPU_ROWS);
        progress(events, Stage::SelfTest, 0, 0);
        let self_test = self.trust(&backend, plan, self_test::ROUNDED).await?;
        let adapter = backend.name();
        let kernels = decoder::Backend::kernels(&backend);
        let session = self.weights(backend, plan, file, sightings, events).await?;
        Ok(Ready {
            device: Device::Cpu(Box::new(session)),
            adapter,
            self_test,
            kernels: [kernels.clone(), kernels],
        })
    }

    /// The device's self-test with the kind and the types of the file.
    async fn trust<B: Backend + Clone>(&self, backend: &B, plan: &Plan, tolerance: f64) -> Result<SelfTest, Failure> {
        let kind = tiny::Kind::of(&plan.config);
        let found = self_test::run(backend, kind, &plan.types, tolerance)
            .await
            .map_err(failure::decoder)?;
        if found.passed {
            return Ok(found);
        }
        let message = format!(
            "{} computes wrong numbers (self-test: {}, allowed {:.0e}), so it is not used; update the browser and the graphics driver, or use the processor",
            backend.name(),
            found.details,
            found.tolerance
        );
        Err(Failure::new(ErrorKind::SelfTest, message))
    }

    async fn weights<B: Backend, S: ByteSource>(
        &self,
        backend: B,
        plan: &Plan,
        file: &mut GgufFile<Watched<S>>,
        sightings: &Sightings,
        events: &mut dyn FnMut(Event),
    ) -> Result<Session<B>, Failure> {
        progress(events, Stage::Weights, 0, plan.weight_bytes);
        let control = &self.control;
        let on_progress = |at: decoder::load::Progress| {
            progress(events, Stage::Weights, at.loaded, at.total);
            if control.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let decoder = Decoder::load(backend, plan.config.clone(), plan.context_length, file, on_progress)
            .await
            .map_err(|error| sightings.or(error))?;
        Session::new(decoder, plan.cache.slots).map_err(failure::decoder)
    }
}

impl Plan {
    fn new(header: &Gguf, context_length: Option<u32>) -> Result<Plan, Failure> {
        let config = header.config().map_err(failure::decoder)?;
        config.validate().map_err(failure::decoder)?;
        let tokenizer = Tokenizer::from_gguf(header).map_err(failure::tokenizer)?;
        if tokenizer.vocab_size() > config.vocab_size {
            let (tokens, rows) = (tokenizer.vocab_size(), config.vocab_size);
            return Err(Failure::new(
                ErrorKind::BadFile,
                format!("the tokenizer has {tokens} tokens, but the model knows {rows}"),
            ));
        }
        let asked = context_length.unwrap_or(DEFAULT_CONTEXT) as usize;
        if asked == 0 {
            return Err(Failure::new(ErrorKind::BadRequest, "a context of 0 tokens holds no text"));
        }
        let context_length = asked.min(config.context_length);
        let matrices = header.tensors().iter().filter(|tensor| tensor.info.shape.len() > 1);
        let types: BTreeSet<u32> = matrices.map(|tensor| tensor.info.dtype.ggml()).collect();
        let types = types.into_iter().filter_map(DType::from_ggml).collect();
        let weight_bytes = header.tensors().iter().map(|tensor| tensor.bytes).sum();
        let cache = CacheShape::for_texts(&config, context_length, SPARE_SLOTS);
        let main_type = header.main_dtype().unwrap_or(DType::F32);
        Ok(Plan {
            main_type,
            config,
            tokenizer,
            context_length,
            types,
            weight_bytes,
            cache,
        })
    }
}

/// Failures that say nothing about the file.
fn blames_the_gpu(kind: ErrorKind) -> bool {
    use ErrorKind::*;
    matches!(kind, NoAdapter | SelfTest | OutOfMemory | DeviceLost | Internal)
}

fn progress(events: &mut dyn FnMut(Event), stage: Stage, loaded: u64, total: u64) {
    events(Event::Progress(Progress { stage, loaded, total }));
}

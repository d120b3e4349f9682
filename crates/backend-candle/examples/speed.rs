//! Speed of a random Llama of 135M-parameter shape on this backend: natively, or in node (no browser needed).
//!
//! ```sh
//! cargo run --release -p mmedkit-backend-candle --example speed
//! cargo build --release --target wasm32-unknown-unknown -p mmedkit-backend-candle --example speed
//! node crates/backend-candle/examples/speed.mjs target/wasm32-unknown-unknown/release/examples/speed.wasm
//! ```
//!
//! Both print tokens/s of 128 prompt and 32 new tokens, and the log-probabilities of both, which must agree between the two.

use std::cell::RefCell;
use std::ops::ControlFlow;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use decoder::source::{TensorInfo, TensorSource};
use decoder::{Backend, Batch, CacheShape, Config, DType, Decoder};
use mmedkit_backend_candle::{Cache, CandleBackend};

const CONFIG: &str = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 49152, "hidden_size": 576,
    "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true, "max_position_embeddings": 2048, "hidden_act": "silu"}"#;
const PROMPT: u32 = 128;
/// Rows that are really drawn; a matrix repeats them.
const DRAWN: usize = 64;

/// What llama.cpp's recipes store at this width, which is no multiple of 256.
#[derive(Clone, Copy)]
enum Recipe {
    Q4_0,
    Q8_0,
    Q4KM,
}

impl Recipe {
    fn dtype(self, name: &str, shape: &[usize]) -> (DType, GgmlDType) {
        if shape.len() == 1 {
            return (DType::F32, GgmlDType::F32);
        }
        match self {
            _ if name.contains("embed") => (DType::Q8_0, GgmlDType::Q8_0),
            Recipe::Q8_0 => (DType::Q8_0, GgmlDType::Q8_0),
            Recipe::Q4_0 => (DType::Q4_0, GgmlDType::Q4_0),
            Recipe::Q4KM if name.contains("down_proj") && name.contains(".1") => (DType::Q6_K, GgmlDType::Q6K),
            Recipe::Q4KM if name.contains("down_proj") => (DType::Q4_K, GgmlDType::Q4K),
            Recipe::Q4KM => (DType::Q5_0, GgmlDType::Q5_0),
        }
    }
}

/// Random tensors, made as they are read.
struct Random {
    config: Config,
    recipe: Recipe,
    drawn: Option<(String, Vec<u8>)>,
}

impl Random {
    fn shape(&self, name: &str) -> Vec<usize> {
        use decoder::names::Param;
        let param = Param::all(&self.config)
            .into_iter()
            .find(|param| param.place(&self.config).tensor == name);
        match param.map(|param| param.shape(&self.config)) {
            Some((1, cols)) => vec![cols],
            Some((rows, cols)) => vec![rows, cols],
            None => Vec::new(),
        }
    }
}

fn draw(name: &str, rows: usize, cols: usize, dtype: GgmlDType) -> Vec<u8> {
    let mut state = name
        .bytes()
        .fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let scale = 1.7 / (cols as f32).sqrt();
    let values: Vec<f32> = (0..rows * cols).map(|_| if rows == 1 { 1.0 } else { next() * scale }).collect();
    let tensor = Tensor::from_vec(values, (rows, cols), &Device::Cpu).expect("values of this shape");
    QTensor::quantize(&tensor, dtype)
        .expect("whole blocks")
        .data()
        .expect("in memory")
        .into_owned()
}

impl TensorSource for Random {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        let shape = self.shape(name);
        (!shape.is_empty()).then(|| TensorInfo {
            dtype: self.recipe.dtype(name, &shape).0,
            shape,
        })
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> decoder::Result<()> {
        if self.drawn.as_ref().is_none_or(|(of, _)| of != name) {
            let shape = self.shape(name);
            let (rows, cols) = if let [rows, cols] = shape[..] {
                (rows, cols)
            } else {
                (1, shape[0])
            };
            self.drawn = Some((
                name.to_owned(),
                draw(name, rows.min(DRAWN), cols, self.recipe.dtype(name, &shape).1),
            ));
        }
        let (_, drawn) = self.drawn.as_ref().expect("drawn above");
        for (i, byte) in buffer.iter_mut().enumerate() {
            *byte = drawn[(offset as usize + i) % drawn.len()];
        }
        Ok(())
    }
}

/// A loaded model and its cache.
struct Engine {
    decoder: Decoder<CandleBackend>,
    cache: Cache,
}

impl Engine {
    fn load(recipe: Recipe) -> Engine {
        let config = Config::from_huggingface(CONFIG).expect("a good configuration");
        let mut source = Random {
            config: config.clone(),
            recipe,
            drawn: None,
        };
        let loading = Decoder::load(CandleBackend::new(), config, 256, &mut source, |_| ControlFlow::Continue(()));
        let decoder = pollster::block_on(loading).expect("the model loads");
        let shape = CacheShape {
            layers: 30,
            kv_heads: 3,
            head_dim: 64,
            slots: 256,
        };
        let cache = decoder.backend.new_cache(&shape).expect("a cache");
        Engine { decoder, cache }
    }

    /// Tokens `from .. from + count` of a fixed text; returns log p of token 5 after the last.
    fn pass(&self, from: usize, count: usize) -> f32 {
        let tokens: Vec<u32> = (from..from + count).map(|i| (i * 7919 % 49152) as u32).collect();
        let slots: Vec<u32> = (0..(from + count) as u32).collect();
        let mut batch = Batch::default();
        batch.push(&tokens, &slots[..from], &slots[from..]);
        let backend = &self.decoder.backend;
        let run = || {
            let batch = backend.upload_batch(&batch)?;
            let x = self.decoder.forward(&batch, Some(&self.cache))?;
            pollster::block_on(backend.read(&backend.head_log_probs(&self.decoder.model.head, &x, &[count as u32 - 1], &[5])?))
        };
        run().expect("a pass")[0]
    }
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Loads recipe 0 (Q4_0), 1 (Q8_0) or 2 (Q4_K_M).
#[unsafe(no_mangle)]
pub extern "C" fn load(recipe: u32) {
    let recipe = [Recipe::Q4_0, Recipe::Q8_0, Recipe::Q4KM][recipe as usize];
    ENGINE.with(|engine| *engine.borrow_mut() = None);
    ENGINE.with(|engine| *engine.borrow_mut() = Some(Engine::load(recipe)));
}

/// One pass; see [`Engine::pass`].
#[unsafe(no_mangle)]
pub extern "C" fn pass(from: u32, count: u32) -> f32 {
    ENGINE.with(|engine| engine.borrow().as_ref().expect("loaded").pass(from as usize, count as usize))
}

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    for (recipe, name) in ["Q4_0", "Q8_0", "Q4_K_M"].into_iter().enumerate() {
        load(recipe as u32);
        pass(0, PROMPT);
        let start = std::time::Instant::now();
        let prompt = pass(0, PROMPT);
        let prefill = f64::from(PROMPT) / start.elapsed().as_secs_f64();
        let start = std::time::Instant::now();
        let last = (0..32).fold(0.0, |_, i| pass(PROMPT + i, 1));
        let decode = 32.0 / start.elapsed().as_secs_f64();
        println!("{name}: prefill {prefill:.1}, decode {decode:.1} tokens/s; log p {prompt:.4} {last:.4}");
    }
}

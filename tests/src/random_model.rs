//! GGUF files with random weights of real shapes, for measurements and for tests that need a model of some size.

use std::path::Path;

use checkpoint::{GgufWriter, Recipe, TensorSpec, Value};

/// Sizes of a Llama.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Shape {
    pub name: &'static str,
    pub vocab: usize,
    pub width: usize,
    pub mlp: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub context: usize,
}

/// SmolLM2 135M: the shape at which peers were measured.
pub const LLAMA_135M: Shape = Shape {
    name: "135M",
    vocab: 49152,
    width: 576,
    mlp: 1536,
    layers: 30,
    heads: 9,
    kv_heads: 3,
    head_dim: 64,
    context: 2048,
};

/// Seconds to test, large enough that every step does real work.
pub const TINY: Shape = Shape {
    name: "tiny",
    vocab: 512,
    width: 256,
    mlp: 512,
    layers: 2,
    heads: 4,
    kv_heads: 2,
    head_dim: 64,
    context: 256,
};

impl Shape {
    /// Number of weights; the head is the embedding table.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, rows, cols)| rows * cols).sum()
    }

    fn tensors(&self) -> Vec<(String, usize, usize)> {
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut tensors = vec![
            ("token_embd.weight".to_owned(), self.vocab, self.width),
            ("output_norm.weight".to_owned(), 1, self.width),
        ];
        for layer in 0..self.layers {
            let of_layer = [
                ("attn_norm", 1, self.width),
                ("attn_q", q, self.width),
                ("attn_k", kv, self.width),
                ("attn_v", kv, self.width),
                ("attn_output", self.width, q),
                ("ffn_norm", 1, self.width),
                ("ffn_gate", self.mlp, self.width),
                ("ffn_up", self.mlp, self.width),
                ("ffn_down", self.width, self.mlp),
            ];
            tensors.extend(of_layer.map(|(name, rows, cols)| (format!("blk.{layer}.{name}.weight"), rows, cols)));
        }
        tensors
    }
}

/// Writes a Llama with normal weights of standard deviation `1/sqrt(cols)` (norms are 1), quantised by `recipe`, with a made-up byte-level
/// vocabulary, so that any engine loads it. Equal seeds write equal files.
pub fn write(path: &Path, shape: &Shape, recipe: Recipe, seed: u64) -> checkpoint::Result<()> {
    let tensors = shape.tensors();
    let specs = tensors
        .iter()
        .map(|(name, rows, cols)| {
            let dims = if *rows == 1 { vec![*cols] } else { vec![*rows, *cols] };
            TensorSpec::new(name.clone(), recipe.dtype(name, &dims, shape.layers, true), dims)
        })
        .collect();
    let mut writer = GgufWriter::create(path, metadata(shape), specs)?;
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for (name, rows, cols) in &tensors {
        let deviation = 1.0 / (*cols as f32).sqrt();
        for _ in 0..*rows {
            let row: Vec<f32> = (0..*cols)
                .map(|_| if *rows == 1 { 1.0 } else { random.normal() * deviation })
                .collect();
            writer.write_part(name, &row)?;
        }
    }
    writer.commit()
}

fn metadata(shape: &Shape) -> Vec<(String, Value)> {
    let number = |key: &str, value: usize| (format!("llama.{key}"), Value::U32(value as u32));
    let text = |key: &str, value: &str| (key.to_owned(), Value::String(value.to_owned()));
    let tokens: Vec<String> = vocabulary(shape.vocab);
    let merges = vec!["a b".to_owned()];
    vec![
        text("general.architecture", "llama"),
        text("general.name", &format!("random {}", shape.name)),
        number("vocab_size", shape.vocab),
        number("context_length", shape.context),
        number("embedding_length", shape.width),
        number("feed_forward_length", shape.mlp),
        number("block_count", shape.layers),
        number("attention.head_count", shape.heads),
        number("attention.head_count_kv", shape.kv_heads),
        number("attention.key_length", shape.head_dim),
        number("attention.value_length", shape.head_dim),
        number("rope.dimension_count", shape.head_dim),
        ("llama.attention.layer_norm_rms_epsilon".to_owned(), Value::F32(1e-5)),
        ("llama.rope.freq_base".to_owned(), Value::F32(1e4)),
        text("tokenizer.ggml.model", "gpt2"),
        text("tokenizer.ggml.pre", "gpt-2"),
        (
            "tokenizer.ggml.token_type".to_owned(),
            Value::Array(checkpoint::Array::I32(tokens.iter().map(|_| 1).collect())),
        ),
        ("tokenizer.ggml.tokens".to_owned(), Value::Array(checkpoint::Array::String(tokens))),
        ("tokenizer.ggml.merges".to_owned(), Value::Array(checkpoint::Array::String(merges))),
        ("tokenizer.ggml.bos_token_id".to_owned(), Value::U32(0)),
        ("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(0)),
    ]
}

/// GPT-2's 256 byte letters, the one merge, and fillers.
fn vocabulary(size: usize) -> Vec<String> {
    let printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut shifted = 256..;
    let letter = |byte: u32| if printable(byte) { byte } else { shifted.next().expect("endless") };
    let mut tokens: Vec<String> = (0..256u32)
        .map(letter)
        .map(|code| char::from_u32(code).expect("below the surrogates").to_string())
        .collect();
    tokens.push("ab".to_owned());
    tokens.extend((tokens.len()..size).map(|index| format!("filler{index}")));
    tokens
}

/// xorshift64*, good enough for weights.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Sum of twelve uniforms less six: normal enough.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

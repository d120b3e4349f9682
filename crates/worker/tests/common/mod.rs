//! A small model in memory, and an engine to try it with.
#![allow(dead_code)] // each test binary uses a part

use checkpoint::{Array, ByteSource, GgufWriter, Memory, TensorSpec, Value};
use decoder::DType;
use mmedkit_worker::engine::Engine;
use mmedkit_worker::engine::control::Control;
use mmedkit_worker::engine::load::FileFacts;
use mmedkit_worker::protocol::*;
use std::io::Cursor;

pub const VOCABULARY: usize = 257;
pub const CONTEXT: u32 = 64;

/// How GPT-2's byte-level vocabularies spell the 256 bytes.
fn byte_spellings() -> Vec<String> {
    let plain = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut next = 255;
    let spell = |byte| {
        next += u32::from(!plain(byte));
        char::from_u32(if plain(byte) { byte } else { next }).unwrap().to_string()
    };
    (0..256).map(spell).collect()
}

/// A Llama of two layers with made-up weights and a vocabulary of bytes, as a file.
pub fn model() -> Vec<u8> {
    model_with(DType::Q8_0)
}

/// The same with its matrices in another type.
pub fn model_with(matrices: DType) -> Vec<u8> {
    let (d, f, heads, kv) = (32, 64, 4, 2);
    let mut tokens = byte_spellings();
    tokens.push("<|end|>".to_owned());
    let text = |text: &str| Value::String(text.to_owned());
    let metadata = [
        ("general.architecture", text("llama")),
        ("general.name", text("a test's")),
        ("llama.context_length", Value::U32(CONTEXT)),
        ("llama.embedding_length", Value::U32(d as u32)),
        ("llama.block_count", Value::U32(2)),
        ("llama.feed_forward_length", Value::U32(f as u32)),
        ("llama.attention.head_count", Value::U32(heads)),
        ("llama.attention.head_count_kv", Value::U32(kv)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("gpt-2")),
        ("tokenizer.ggml.tokens", Value::Array(Array::String(tokens))),
        (
            "tokenizer.ggml.token_type",
            Value::Array(Array::I32((0..257).map(|id| if id < 256 { 1 } else { 3 }).collect())),
        ),
        ("tokenizer.ggml.merges", Value::Array(Array::String(Vec::new()))),
        ("tokenizer.ggml.bos_token_id", Value::U32(256)),
        ("tokenizer.ggml.eos_token_id", Value::U32(256)),
        (
            "tokenizer.chat_template",
            text("{% for m in messages %}<|end|>{{ m.content }}{% endfor %}"),
        ),
    ];
    let mut specs = vec![
        ("token_embd.weight".to_owned(), vec![VOCABULARY, d]),
        ("output_norm.weight".to_owned(), vec![d]),
    ];
    for layer in 0..2 {
        let kv = d / heads as usize * kv as usize;
        let parts = [
            ("attn_norm", vec![d]),
            ("attn_q", vec![d, d]),
            ("attn_k", vec![kv, d]),
            ("attn_v", vec![kv, d]),
            ("attn_output", vec![d, d]),
            ("ffn_norm", vec![d]),
            ("ffn_gate", vec![f, d]),
            ("ffn_up", vec![f, d]),
            ("ffn_down", vec![d, f]),
        ];
        specs.extend(parts.map(|(name, shape)| (format!("blk.{layer}.{name}.weight"), shape)));
    }
    let spec =
        |(name, shape): &(String, Vec<usize>)| TensorSpec::new(name, if shape.len() == 1 { DType::F32 } else { matrices }, shape.clone());
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut writer = GgufWriter::new(Cursor::new(Vec::new()), "test.gguf", metadata, specs.iter().map(spec).collect()).unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    for (name, shape) in &specs {
        let base = if shape.len() == 1 { 1.0 } else { 0.0 };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| base + random.f32() - 0.5).collect();
        writer.write_tensor(name, &values).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub fn on_cpu(context_length: Option<u32>) -> Load {
    Load {
        source: Source::File,
        backend: BackendChoice::Cpu,
        context_length,
    }
}

/// An engine and what stops its jobs.
pub struct Bench {
    pub engine: Engine,
    pub control: Control,
}

impl Bench {
    pub fn new() -> Bench {
        let control = Control::default();
        Bench {
            engine: Engine::new(control.clone()),
            control,
        }
    }

    pub fn load<S: ByteSource>(&mut self, source: S) -> Result<Info, Failure> {
        pollster::block_on(self.engine.load(source, FileFacts::default(), &on_cpu(None), &mut |_| {}))
    }

    pub fn loaded() -> Bench {
        let mut bench = Bench::new();
        bench.load(Memory::new("test.gguf", model())).unwrap();
        bench
    }

    pub fn run(&mut self, command: Command) -> Result<Reply, Failure> {
        self.control.reset();
        pollster::block_on(self.engine.run(command, &mut |_| {}))
    }

    pub fn score(&mut self, context: &str, continuations: &[&str]) -> Scores {
        let continuations = continuations.iter().map(|text| text.to_string()).collect();
        let items = vec![ScoreItem {
            context: context.to_owned(),
            continuations,
            rendered: false,
            truncate: false,
        }];
        match self.run(Command::Score { items, per_token: true }) {
            Ok(Reply::Scores { mut scores }) => scores.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub fn generate(&mut self, generate: Generate) -> Result<Generated, Failure> {
        match self.run(Command::Generate(generate))? {
            Reply::Generated(generated) => Ok(generated),
            other => panic!("{other:?}"),
        }
    }
}

/// Ten drawn tokens after `text`.
pub fn prompt(text: &str) -> Generate {
    Generate {
        prompt: Some(text.to_owned()),
        temperature: Some(1.0),
        seed: Some(3),
        max_tokens: Some(10),
        ..Generate::default()
    }
}

//! The engine without a browser: a model from memory, every command, stops in the middle, sources that fail.

use checkpoint::{Array, ByteSource, GgufWriter, Memory, TensorSpec, Value};
use decoder::DType;
use mmedkit_worker::engine::Engine;
use mmedkit_worker::engine::control::Control;
use mmedkit_worker::engine::load::FileFacts;
use mmedkit_worker::engine::tunings::Tunings;
use mmedkit_worker::protocol::*;
use std::io::Cursor;

const VOCABULARY: usize = 257;
const CONTEXT: u32 = 64;

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
fn model() -> Vec<u8> {
    model_with(DType::Q8_0)
}

/// The same with its matrices in another type.
fn model_with(matrices: DType) -> Vec<u8> {
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

fn on_cpu(context_length: Option<u32>) -> Load {
    Load {
        source: Source::File,
        backend: BackendChoice::Cpu,
        context_length,
    }
}

struct Bench {
    engine: Engine,
    control: Control,
}

impl Bench {
    fn new() -> Bench {
        let control = Control::default();
        Bench {
            engine: Engine::new(control.clone()),
            control,
        }
    }

    fn load<S: ByteSource>(&mut self, source: S) -> Result<Info, Failure> {
        pollster::block_on(self.engine.load(source, FileFacts::default(), &on_cpu(None), &mut |_| {}))
    }

    fn loaded() -> Bench {
        let mut bench = Bench::new();
        bench.load(Memory::new("test.gguf", model())).unwrap();
        bench
    }

    fn run(&mut self, command: Command) -> Result<Reply, Failure> {
        self.control.reset();
        pollster::block_on(self.engine.run(command, &mut |_| {}))
    }

    fn score(&mut self, context: &str, continuations: &[&str]) -> Scores {
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

    fn generate(&mut self, generate: Generate) -> Result<Generated, Failure> {
        match self.run(Command::Generate(generate))? {
            Reply::Generated(generated) => Ok(generated),
            other => panic!("{other:?}"),
        }
    }
}

fn prompt(text: &str) -> Generate {
    Generate {
        prompt: Some(text.to_owned()),
        temperature: Some(1.0),
        seed: Some(3),
        max_tokens: Some(10),
        ..Generate::default()
    }
}

#[test]
fn a_load_says_what_the_model_is_and_how_far_it_is() {
    let mut stages = Vec::new();
    let mut last = 0;
    let mut bench = Bench::new();
    let info = pollster::block_on(bench.engine.load(
        Memory::new("test.gguf", model()),
        FileFacts::default(),
        &on_cpu(Some(1 << 20)),
        &mut |event| {
            let Event::Progress(Progress { stage, loaded, total }) = event else {
                panic!("{event:?}")
            };
            stages.push(stage);
            last = if stage == Stage::Weights { loaded * 100 / total } else { 0 };
        },
    ))
    .unwrap();
    stages.dedup();
    assert_eq!(stages, [Stage::Header, Stage::Device, Stage::SelfTest, Stage::Weights]);
    assert_eq!(last, 100);
    assert_eq!(
        (info.name.as_str(), info.architecture.as_str(), info.quantization.as_str()),
        ("a test's", "llama", "Q8_0")
    );
    assert_eq!(
        (info.backend, info.context_length, info.chat_template),
        (BackendChoice::Cpu, CONTEXT, true)
    );
    assert!(info.self_test.passed && info.parameters > VOCABULARY as u64 * 32);
}

#[test]
fn webgpu_writes_fast_where_asked_and_scores_as_before() {
    let mut bench = Bench::new();
    bench.engine.check_ms = f64::INFINITY;
    bench.engine.adapter = Some("a card".to_owned());
    bench.engine.tunings = Tunings::parse("a card | Q8_0 | 1\texact: matvec=f32 matmul=f32; fast: matvec=i8 matmul=i8\n");
    let load = Load {
        backend: BackendChoice::WebGpu,
        ..on_cpu(None)
    };
    let source = Memory::new("test.gguf", model());
    let info = pollster::block_on(bench.engine.load(source, FileFacts::default(), &load, &mut |_| {})).unwrap();
    println!("{}: {}", info.adapter, info.self_test.details);
    assert_eq!((info.backend, info.adapter.as_str()), (BackendChoice::WebGpu, "a card"));
    assert_eq!(info.kernels, "matvec=f32 matmul=f32 cache=f32");
    assert_eq!(info.fast_kernels, "matvec=i8 matmul=i8 cache=f32");
    assert!(
        info.self_test
            .details
            .contains("checks of plain kernels made, none with wrong numbers")
    );
    let greedy = |fast: bool| Generate {
        fast,
        temperature: None,
        ..prompt("Hello")
    };
    let before = bench.score("ab ", &["cd", "c"]);
    assert!(!bench.generate(greedy(true)).unwrap().tokens.is_empty());
    assert_eq!(bench.score("ab ", &["cd", "c"]), before, "to the last bit");
    let exact = bench.generate(greedy(false)).unwrap();
    let cpu = Bench::loaded().score("ab ", &["cd", "c"]);
    for (gpu, cpu) in before.log_likelihoods.iter().zip(&cpu.log_likelihoods) {
        // The processor rounds inputs of quantised products to 16 bits.
        assert!((gpu - cpu).abs() < 1e-2, "{gpu} {cpu}");
    }
    assert!(!exact.tokens.is_empty() || exact.stopped == Stopped::EndOfText);
    assert!(!bench.engine.tunings.changed, "it was known");
}

#[test]
fn a_score_is_the_sum_over_its_tokens_and_letters_are_among_all_tokens() {
    let mut bench = Bench::loaded();
    let scores = bench.score("ab ", &["cd", "c", "d"]);
    // The space went to the continuations.
    assert_eq!(scores.token_counts, [3, 2, 2]);
    let tokens = scores.token_log_likelihoods.unwrap();
    assert!((tokens[0].iter().sum::<f64>() - scores.log_likelihoods[0]).abs() < 1e-9);
    assert_eq!(tokens[0][..2], tokens[1][..], "the beginning does not depend on the rest");
    let all: Vec<String> = (32..127).map(|byte: u8| (byte as char).to_string()).collect();
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    let total: f64 = bench.score("ab", &names[1..]).log_likelihoods.iter().map(|value| value.exp()).sum();
    assert!(total > 0.0 && total < 1.0, "{total}");
    let options = vec![OptionItem {
        context: "ab".to_owned(),
        options: vec!["A".to_owned(), "B".to_owned()],
        ..OptionItem::default()
    }];
    let Ok(Reply::OptionTokens { results }) = bench.run(Command::OptionTokens { items: options }) else {
        panic!()
    };
    let scores = bench.score("ab", &["A", "B"]).log_likelihoods;
    let logits = &results[0].logits;
    // Differences of logits are differences of log-probabilities.
    assert!((logits[0] - logits[1] - (scores[0] - scores[1])).abs() < 1e-4);
}

#[test]
fn pieces_of_a_text_are_the_text_and_stops_end_it() {
    let mut bench = Bench::loaded();
    let mut pieces = String::new();
    let command = Command::Generate(prompt("Hello"));
    let reply = pollster::block_on(bench.engine.run(command, &mut |event| {
        let Event::Token { text, .. } = event else { panic!("{event:?}") };
        pieces += &text;
    }));
    let Ok(Reply::Generated(whole)) = reply else { panic!("{reply:?}") };
    assert_eq!(whole.text, pieces);
    assert_eq!(whole.prompt_tokens as usize, "Hello".len());
    assert_eq!(bench.generate(prompt("Hello")).unwrap().tokens, whole.tokens);
    let stop = whole.text.chars().nth(3).unwrap().to_string();
    let stopped = bench
        .generate(Generate {
            stop: vec![stop.clone()],
            ..prompt("Hello")
        })
        .unwrap();
    assert_eq!(stopped.text, whole.text.split(&stop).next().unwrap());
    assert_eq!(stopped.stopped, Stopped::StopString);
    let long = bench
        .generate(Generate {
            max_tokens: Some(1000),
            ..prompt("Hello")
        })
        .unwrap();
    assert!(long.stopped == Stopped::EndOfText || long.tokens.len() + 5 == CONTEXT as usize);
    assert_eq!(bench.generate(prompt(&"x".repeat(64))).unwrap_err().kind, ErrorKind::ContextFull);
    assert_eq!(bench.generate(Generate::default()).unwrap_err().kind, ErrorKind::BadRequest);
}

#[test]
fn a_rendered_conversation_keeps_its_control_tokens() {
    let mut bench = Bench::loaded();
    let messages = vec![ChatMessage {
        role: "user".to_owned(),
        content: "hi".to_owned(),
    }];
    let Ok(Reply::Text { text }) = bench.run(Command::Render {
        messages: messages.clone(),
        add_generation_prompt: true,
    }) else {
        panic!()
    };
    assert_eq!(text, "<|end|>hi");
    let chat = Generate {
        prompt: None,
        messages: Some(messages),
        ..prompt("")
    };
    assert_eq!(bench.generate(chat).unwrap().prompt_tokens, 3);
    assert_eq!(
        bench.generate(prompt(&text)).unwrap().prompt_tokens,
        9,
        "in a user's text its name is plain text"
    );
    assert_eq!(
        bench
            .generate(Generate {
                rendered: true,
                ..prompt(&text)
            })
            .unwrap()
            .prompt_tokens,
        3
    );
}

#[test]
fn a_stop_is_heard_between_tokens_and_the_engine_goes_on() {
    let mut bench = Bench::loaded();
    let (mut tokens, control) = (0, bench.control.clone());
    let command = Command::Generate(Generate {
        max_tokens: Some(40),
        ..prompt("a")
    });
    let result = pollster::block_on(bench.engine.run(command, &mut |_| {
        tokens += 1;
        if tokens == 3 {
            control.cancel();
        }
    }));
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(tokens, 3);
    assert_eq!(bench.generate(prompt("a")).unwrap().tokens.len(), 10);
    let control = bench.control.clone();
    let load = on_cpu(None);
    let stopped = pollster::block_on(
        bench
            .engine
            .load(Memory::new("test.gguf", model()), FileFacts::default(), &load, &mut |event| {
                if matches!(
                    event,
                    Event::Progress(Progress {
                        stage: Stage::Weights,
                        loaded: 1..,
                        ..
                    })
                ) {
                    control.cancel();
                }
            }),
    );
    assert_eq!(stopped.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(bench.run(Command::Info).unwrap_err().kind, ErrorKind::NotLoaded);
}

/// Reads that fail from some byte on, as a server's do that goes away.
struct GoesAway(Memory<Vec<u8>>, u64);

impl ByteSource for GoesAway {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn len(&self) -> u64 {
        self.0.len()
    }
    async fn read(&self, offset: u64, buffer: &mut [u8]) -> checkpoint::Result<()> {
        if offset + buffer.len() as u64 > self.1 {
            return Err(checkpoint::Error::Gone {
                url: "https://example.org/m.gguf".to_owned(),
                status: 410,
            });
        }
        self.0.read(offset, buffer).await
    }
}

#[test]
fn the_true_error_of_a_source_arrives() {
    let bytes = model();
    let most = bytes.len() as u64 - 100;
    let failure = Bench::new().load(GoesAway(Memory::new("m.gguf", bytes.clone()), most)).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::NotFound, "{failure}");
    assert!(failure.message.contains("410"), "{failure}");
    let cut = bytes[..bytes.len() - 100].to_vec();
    assert_eq!(Bench::new().load(Memory::new("m.gguf", cut)).unwrap_err().kind, ErrorKind::BadFile);
    assert_eq!(
        Bench::new()
            .load(Memory::new("m.gguf", b"PK\x03\x04".repeat(100)))
            .unwrap_err()
            .kind,
        ErrorKind::BadFile
    );
}

#[test]
fn numbers_of_a_measurement_are_numbers_and_a_freed_engine_says_so() {
    let mut bench = Bench::loaded();
    let Ok(Reply::Benched(speeds)) = bench.run(Command::Bench {
        prompt_tokens: 16,
        gen_tokens: 4,
    }) else {
        panic!()
    };
    assert!(speeds.prefill_tps > 0.0 && speeds.decode_tps > 0.0);
    assert_eq!(
        bench
            .run(Command::Bench {
                prompt_tokens: 64,
                gen_tokens: 1
            })
            .unwrap_err()
            .kind,
        ErrorKind::ContextFull
    );
    let Ok(Reply::Memory(memory)) = bench.run(Command::Memory) else {
        panic!()
    };
    assert!(memory.device_bytes > 0 && memory.peak_in_flight > 0);
    bench.run(Command::Free).unwrap();
    assert_eq!(
        bench
            .run(Command::Tokenize {
                text: "x".to_owned(),
                special: true
            })
            .unwrap_err()
            .kind,
        ErrorKind::NotLoaded
    );
}

#[test]
fn what_is_too_long_is_cut_on_the_left_only_where_that_is_asked_for() {
    let mut bench = Bench::loaded();
    let long = "0123456789".repeat(10);
    let item = |truncate| ScoreItem {
        context: long.clone(),
        continuations: vec!["a".to_owned(), "bcd".to_owned()],
        truncate,
        ..ScoreItem::default()
    };
    let score = |bench: &mut Bench, truncate| {
        let items = vec![item(truncate)];
        bench.run(Command::Score { items, per_token: true })
    };
    let refused = score(&mut bench, false).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ContextFull);
    let Ok(Reply::Scores { scores }) = score(&mut bench, true) else {
        panic!()
    };
    let found = &scores[0];
    assert_eq!(found.token_counts, [1, 3]);
    // Of "bcd" two tokens are read, so the context keeps two less than for "a".
    assert_eq!(found.context_tokens, CONTEXT - 2);
    assert!(found.truncated_tokens > 0);
    // Bytes are tokens here: what is left is the end of the text.
    let kept = &long[long.len() - (CONTEXT as usize - 2)..];
    let by_hand = ScoreItem {
        context: kept.to_owned(),
        continuations: vec!["bcd".to_owned()],
        rendered: true,
        ..ScoreItem::default()
    };
    let Ok(Reply::Scores { scores }) = bench.run(Command::Score {
        items: vec![by_hand],
        per_token: false,
    }) else {
        panic!()
    };
    assert!((scores[0].log_likelihoods[0] - found.log_likelihoods[1]).abs() < 1e-4);
    // A prompt keeps room for what is to be written.
    let mut text = prompt(&long);
    text.truncate = true;
    let written = bench.generate(text).unwrap();
    assert_eq!(written.prompt_tokens, CONTEXT - 10);
    assert!(written.truncated_tokens > 0);
}

#[test]
fn options_that_begin_alike_are_told_apart_where_they_differ() {
    let mut bench = Bench::new();
    bench.load(Memory::new("test.gguf", model_with(DType::F32))).unwrap();
    let item = |options: &[&str]| OptionItem {
        context: "ab".to_owned(),
        options: options.iter().map(|option| option.to_string()).collect(),
        ..OptionItem::default()
    };
    // The space is a token of its own here, and belongs to both.
    let items = vec![item(&[" A", " B"]), item(&["A", "B", "C"])];
    let Ok(Reply::OptionTokens { results }) = bench.run(Command::OptionTokens { items }) else {
        panic!()
    };
    let scores = bench.score("ab", &[" A", " B"]).log_likelihoods;
    let logits = &results[0].logits;
    let (by_logit, by_score) = (logits[0] - logits[1], scores[0] - scores[1]);
    // Nothing is rounded but 32-bit sums, of at most 64 terms of about 1, in another order.
    assert!((by_logit - by_score).abs() < 1e-5, "{by_logit} {by_score}");
    assert_eq!(results[0].tokens, results[1].tokens[..2]);
    assert_eq!(results[0].context_tokens, results[1].context_tokens + 1);
    let twins = vec![item(&["Ax", "Bx", "Ay"])];
    let refused = bench.run(Command::OptionTokens { items: twins }).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::BadRequest);
}

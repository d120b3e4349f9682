//! The engine without a browser: a model from memory, stops in the middle, sources that fail.

mod common;

use checkpoint::{ByteSource, Memory};
use common::{Bench, CONTEXT, VOCABULARY, model, on_cpu, prompt};
use mmedkit_worker::engine::load::FileFacts;
use mmedkit_worker::protocol::*;

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

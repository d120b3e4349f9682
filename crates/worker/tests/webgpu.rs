//! The engine on a GPU (a software one, where there is no other).

mod common;

use backend_webgpu::WebGpuBackend;
use checkpoint::Memory;
use common::{Bench, model, model_with, on_cpu, prompt};
use decoder::{DType, Decoder, Error};
use mmedkit_worker::engine::load::FileFacts;
use mmedkit_worker::engine::tiny::{CONTEXT, Kind, TinyModel};
use mmedkit_worker::engine::tunings::Tunings;
use mmedkit_worker::protocol::*;
use std::ops::ControlFlow;

fn on_gpu() -> Load {
    Load {
        backend: BackendChoice::WebGpu,
        ..on_cpu(None)
    }
}

#[test]
fn webgpu_writes_fast_where_asked_and_scores_as_before() {
    let mut bench = Bench::new();
    bench.engine.check_ms = f64::INFINITY;
    bench.engine.adapter = Some("a card".to_owned());
    bench.engine.tunings = Tunings::parse("a card | Q8_0 | 1\texact: matvec=f32 matmul=f32; fast: matvec=i8 matmul=i8\n");
    let source = Memory::new("test.gguf", model());
    let info = pollster::block_on(bench.engine.load(source, FileFacts::default(), &on_gpu(), &mut |_| {})).unwrap();
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
    assert!(!exact.tokens.is_empty() || exact.stopped == Stopped::EndOfText);
    assert!(!bench.engine.tunings.changed, "it was known");
}

#[test]
fn webgpu_scores_as_the_processor_does() {
    let weights = || Memory::new("test.gguf", model_with(DType::F32));
    let (mut cpu, mut gpu) = (Bench::new(), Bench::new());
    cpu.load(weights()).unwrap();
    pollster::block_on(gpu.engine.load(weights(), FileFacts::default(), &on_gpu(), &mut |_| {})).unwrap();
    let asked = ["cd", "c", " and a little more"];
    let (cpu, gpu) = (cpu.score("ab ", &asked), gpu.score("ab ", &asked));
    assert_eq!((&cpu.token_counts, &cpu.greedy), (&gpu.token_counts, &gpu.greedy));
    let tokens = |scores: &Scores| scores.token_log_likelihoods.clone().unwrap().concat();
    for (a, b) in tokens(&cpu).iter().zip(tokens(&gpu)) {
        // 32-bit sums of at most 64 terms of order one in another order, some ten of them one after the other: a few 1e-6. An `exp` may be off by as much.
        assert!((a - b).abs() < 2e-5, "{a} {b}");
    }
}

#[test]
fn webgpu_load_that_is_stopped_gives_its_memory_back() {
    let gpu = pollster::block_on(WebGpuBackend::new(Default::default())).expect("a Vulkan device, if only a software one");
    let before = gpu.allocated();
    for share in [0.0, 0.5, 1.0] {
        let mut source = TinyModel::new(Kind::Halves, DType::Q8_0);
        let mut held = 0;
        let load = Decoder::load(gpu.clone(), source.config(), CONTEXT, &mut source, |at| {
            held = gpu.allocated() - before;
            if at.loaded as f64 > share * at.total as f64 || at.loaded == at.total {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(pollster::block_on(load).err(), Some(Error::Cancelled)), "{share}");
        assert!(held > 0, "weights were coming at {share}");
        assert_eq!(gpu.allocated(), before, "stopped at {share}, with {held} bytes on the device");
    }
}

#[test]
fn webgpu_load_that_the_engine_stops_leaves_nothing_and_the_next_one_works() {
    let mut bench = Bench::new();
    let control = bench.control.clone();
    let weights = || Memory::new("test.gguf", model());
    let stopped = pollster::block_on(bench.engine.load(weights(), FileFacts::default(), &on_gpu(), &mut |event| {
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
    }));
    assert_eq!(stopped.unwrap_err().kind, ErrorKind::Cancelled);
    let device_bytes = |bench: &mut Bench| match bench.run(Command::Memory) {
        Ok(Reply::Memory(memory)) => memory.device_bytes,
        other => panic!("{other:?}"),
    };
    assert_eq!(device_bytes(&mut bench), 0);
    pollster::block_on(bench.engine.load(weights(), FileFacts::default(), &on_gpu(), &mut |_| {})).unwrap();
    assert!(device_bytes(&mut bench) > 0);
}

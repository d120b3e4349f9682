//! Native measurements: prefill and decode of each backend on a model of 135M-parameter shape with random weights, and what sharing saves when
//! real questions are scored.
//!
//! `bench FOLDER` writes the model files into FOLDER where they are missing (the browser's measurement reads the same ones), prints a table
//! and writes `native.json` and `questions.json` beside them; `bench FOLDER questions` stops after the questions. `cargo xtask bench` calls
//! it. Figures of the table are medians of [`ROUNDS`] rounds.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use backend_candle::CandleBackend;
use backend_webgpu::WebGpuBackend;
use checkpoint::{GgufFile, Recipe};
use decoder::generate::Generation;
use decoder::sample::Sampling;
use decoder::{Backend, Decoder, Session};
use mmedkit_tests::random_model::{self, LLAMA_135M};
use pollster::block_on;
use serde_json::{Value, json};

const ROUNDS: usize = 3;
const PROMPT: usize = 128;
const WRITTEN: usize = 32;
const RECIPES: [&str; 3] = ["q4_0", "q8_0", "q4_k_m"];

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: bench FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let questions = mmedkit_tests::question_scoring::measure(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../www"), &folder)?;
    println!("{questions}");
    std::fs::write(folder.join("questions.json"), serde_json::to_string_pretty(&questions.to_json())?)?;
    if std::env::args().nth(2).is_some_and(|only| only == "questions") {
        return Ok(());
    }
    let read_rate = read_rate();
    println!("sequential read of memory, one thread: {:.1} GB/s", read_rate / 1e9);
    println!(
        "{:<8} {:<34} {:>9} {:>9} {:>8} {:>14}",
        "weights", "backend", "prefill/s", "decode/s", "load s", "of read limit"
    );
    let mut rows = Vec::new();
    for name in RECIPES {
        let path = folder.join(format!("{}-{name}.gguf", LLAMA_135M.name));
        if !path.is_file() {
            random_model::write(&path, &LLAMA_135M, name.parse::<Recipe>()?, 1)?;
        }
        let bytes = std::fs::metadata(&path)?.len();
        rows.push(measure(name, &path, bytes, read_rate, || Ok(CandleBackend::new()))?);
        match block_on(WebGpuBackend::new(Default::default())) {
            Ok(backend) => rows.push(measure(name, &path, bytes, read_rate, || Ok(backend))?),
            Err(error) => println!("{name:<8} WebGPU: {error}"),
        }
    }
    let report = json!({ "model": LLAMA_135M.name, "parameters": LLAMA_135M.parameters(), "prompt_tokens": PROMPT, "gen_tokens": WRITTEN,
        "rounds": ROUNDS, "read_bytes_per_second": read_rate, "processors": std::thread::available_parallelism()?.get(), "rows": rows });
    std::fs::write(folder.join("native.json"), serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

fn measure<B: Backend>(recipe: &str, path: &Path, bytes: u64, read_rate: f64, backend: impl FnOnce() -> Outcome<B>) -> Outcome<Value> {
    let started = Instant::now();
    let mut file = block_on(GgufFile::open_path(path))?;
    let config = file.header().config()?;
    let decoder = block_on(Decoder::load(backend()?, config, 512, &mut file, |_| ControlFlow::Continue(())))?;
    let load = started.elapsed().as_secs_f64();
    let name = decoder.backend.name();
    let mut session = Session::new(decoder, 512)?;
    block_on(session.probe(0, PROMPT))?; // pipelines and pools are made once
    let mut prefill = Vec::new();
    let mut decode = Vec::new();
    for round in 0..ROUNDS {
        let started = Instant::now();
        block_on(session.probe(0, PROMPT))?;
        prefill.push(PROMPT as f64 / started.elapsed().as_secs_f64());
        decode.push(decode_rate(&mut session, round as u32)?);
    }
    let (prefill, decode) = (median(prefill), median(decode));
    // Writing a token reads every weight once; the tied table counts as the head.
    let share = decode * bytes as f64 / read_rate;
    println!(
        "{recipe:<8} {name:<34} {prefill:>9.1} {decode:>9.1} {load:>8.2} {:>13.0}%",
        share * 100.0
    );
    Ok(
        json!({ "recipe": recipe, "backend": name, "prefill_tps": prefill, "decode_tps": decode, "load_seconds": load, "file_bytes": bytes,
        "share_of_read_limit": share }),
    )
}

fn decode_rate<B: Backend>(session: &mut Session<B>, first: u32) -> Outcome<f64> {
    let mut text = Generation::new(session, &[first + 1; 8], Sampling::default(), Vec::new())?;
    block_on(text.next(session))?;
    let started = Instant::now();
    for _ in 0..WRITTEN {
        block_on(text.next(session))?.ok_or("the text ended early")?;
    }
    Ok(WRITTEN as f64 / started.elapsed().as_secs_f64())
}

/// Bytes a second of one thread summing a buffer larger than any cache.
fn read_rate() -> f64 {
    let buffer = vec![1u64; 64 << 20];
    let rates = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        let sum = buffer.iter().fold(0u64, |sum, &value| sum.wrapping_add(value));
        assert_eq!(std::hint::black_box(sum), buffer.len() as u64);
        (buffer.len() * 8) as f64 / started.elapsed().as_secs_f64()
    });
    median(rates.collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! The WebGPU backend against PyTorch, and against the candle backend on one file in every quantisation: the same steps on another device.
//!
//! Runs on whatever Vulkan device the loader finds, software ones included; none is a failure.

use std::ops::ControlFlow;

use backend_candle::{CandleBackend, Precision};
use backend_webgpu::{Options, WebGpuBackend};
use checkpoint::{GgufFile, Recipe};
use decoder::generate::Generation;
use decoder::sample::Sampling;
use decoder::score::{Score, ScoreRequest};
use decoder::{Backend, Decoder, Session};
use mmedkit_tests::oracle::Oracle;
use mmedkit_tests::{conformance, random_model};
use pollster::block_on;

/// Against F64, as the reference data's README names it for F32, where F32 on the processor is off by up to 6e-6. WGSL lets `exp` and division
/// be off by a few units in the last place, and other devices sum in other orders; that is of the same size.
const LOG_PROB: f64 = 2e-5;
/// Two F32 backends on one quantised file, each within [`LOG_PROB`] of the truth.
const AGREE: f64 = 2.0 * LOG_PROB;

fn device() -> WebGpuBackend {
    let backend = block_on(WebGpuBackend::new(Options::default())).expect("a Vulkan device; on Debian install mesa-vulkan-drivers");
    println!("{}", backend.name());
    backend
}

#[test]
fn conformance_webgpu_log_probs() {
    let Some(folder) = conformance() else { return };
    let backend = device();
    for oracle in Oracle::all(&folder) {
        let decoder = oracle.decoder(backend.clone());
        let before = backend.submits();
        let worst = oracle.worst_log_prob(&decoder);
        println!("log-probabilities: {}: within {worst:.1e}", oracle.name);
        assert!(worst <= LOG_PROB, "{}: {worst:e} from the reference", oracle.name);
        assert_eq!(backend.submits() - before, 1, "{}: a forward pass is one submit", oracle.name);
    }
}

/// Through the cache and in passes of a few tokens: what came before must be found again.
#[test]
fn conformance_webgpu_scores_through_the_cache() {
    let Some(folder) = conformance() else { return };
    let backend = device();
    for oracle in Oracle::all(&folder) {
        let length = oracle.tokens[0].len();
        let mut session = Session::new(oracle.decoder(backend.clone()), 4 * length).unwrap();
        let requests: Vec<ScoreRequest> = oracle
            .tokens
            .iter()
            .map(|row| ScoreRequest {
                context: row[..20].to_vec(),
                continuations: vec![row[20..].to_vec(), row[20..21].to_vec()],
            })
            .collect();
        let scores = block_on(session.score(&requests, |_| ControlFlow::Continue(()))).unwrap();
        for (row, scores) in scores.iter().enumerate() {
            let wanted = &oracle.log_probs[row][19..];
            for score in scores {
                for (got, wanted) in score.token_log_likelihoods.iter().zip(wanted) {
                    assert!(
                        (f64::from(*got) - wanted).abs() <= LOG_PROB,
                        "{}: {got} where the reference has {wanted}",
                        oracle.name
                    );
                }
            }
            assert_eq!(
                (scores[0].token_log_likelihoods.len(), scores[1].token_log_likelihoods.len()),
                (length - 20, 1)
            );
        }
        println!("scores through the cache: {}: {} tokens", oracle.name, 2 * (length - 19));
    }
}

fn run<B: Backend>(backend: B, path: &std::path::Path) -> (Vec<Vec<Score>>, Vec<u32>) {
    let mut file = block_on(GgufFile::open_path(path)).unwrap();
    let config = file.header().config().unwrap();
    let decoder = block_on(Decoder::load(backend, config, 256, &mut file, |_| ControlFlow::Continue(()))).unwrap();
    let mut session = Session::new(decoder, 512).unwrap();
    let tokens = |n: u32, seed: u32| (0..n).map(|i| (i * i * 7 + i * 31 + seed) % 512).collect::<Vec<u32>>();
    let requests = vec![
        ScoreRequest {
            context: tokens(70, 1),
            continuations: vec![tokens(3, 5), tokens(1, 9), tokens(20, 2)],
        },
        ScoreRequest {
            context: tokens(33, 1),
            continuations: vec![tokens(2, 11)],
        },
        ScoreRequest {
            context: tokens(1, 3),
            continuations: vec![tokens(5, 4), tokens(5, 8)],
        },
    ];
    let scores = block_on(session.score(&requests, |_| ControlFlow::Continue(()))).unwrap();
    let mut text = Generation::new(
        &session,
        &tokens(40, 6),
        Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        Vec::new(),
    )
    .unwrap();
    let written = (0..24).map(|_| block_on(text.next(&mut session)).unwrap().unwrap()).collect();
    (scores, written)
}

#[test]
fn webgpu_and_candle_agree_in_every_quantisation() {
    let folder = tempfile::tempdir().unwrap();
    let backend = device();
    for recipe in Recipe::ALL {
        let path = folder.path().join(format!("{recipe}.gguf"));
        random_model::write(&path, &random_model::TINY, recipe, 3).unwrap();
        let (ours, our_text) = run(backend.clone(), &path);
        let (theirs, their_text) = run(CandleBackend::with_precision(Precision::Exact), &path);
        let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
        let worst = pairs
            .flat_map(|(a, b)| {
                assert_eq!(a.token_log_likelihoods.len(), b.token_log_likelihoods.len());
                a.token_log_likelihoods
                    .iter()
                    .zip(&b.token_log_likelihoods)
                    .map(|(a, b)| f64::from((a - b).abs()))
                    .collect::<Vec<_>>()
            })
            .fold(0.0, f64::max);
        println!("{recipe}: log-probabilities within {worst:.1e} of candle's");
        assert!(worst <= AGREE, "{recipe}: {worst:e} from candle");
        assert_eq!(our_text, their_text, "{recipe}: greedy text");
    }
}

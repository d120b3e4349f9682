//! Before a device is trusted, it scores a tiny model whose log-probabilities are known.
//!
//! The golden values (`golden.json`) come from numpy and ggml's own dequantisation, not from our code. One run packs two texts with a shared
//! beginning and five continuations, through every step of the model, with matrices in one weight type; a device is tested with each type
//! that the model to be loaded has.

use super::tiny::{CONTEXT, TinyModel};
use crate::protocol::SelfTest;
use decoder::score::ScoreRequest;
use decoder::session::Session;
use decoder::{Backend, DType, Decoder, Result};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Largest difference of a log-probability that passes. In 32-bit floats devices come within 1e-5 of the golden values, with activations rounded
/// to 16 bits (the processor, quantised weights) within 4e-4, with halves as keys and values within some thousandths; a wrong kernel is off by
/// whole units.
pub const TOLERANCE: f64 = 1e-2;

/// Tests `backend` with weights of each of `types`. An error means that it could not even run; a result may still say that it failed.
pub async fn run<B: Backend + Clone>(backend: &B, types: &[DType]) -> Result<SelfTest> {
    let golden = golden();
    let mut worst = (0.0, DType::F32);
    for &dtype in types {
        let found = difference(&golden[dtype.name()], &log_probabilities(backend.clone(), dtype).await?);
        if found >= worst.0 {
            worst = (found, dtype);
        }
    }
    let (max_difference, dtype) = worst;
    let names = types.iter().map(|dtype| dtype.name()).collect::<Vec<_>>().join(", ");
    let details = format!("{names}: log-probabilities within {max_difference:.1e} of golden values (worst with {dtype})");
    Ok(SelfTest {
        passed: max_difference <= TOLERANCE,
        max_difference,
        tolerance: TOLERANCE,
        details,
    })
}

fn golden() -> BTreeMap<String, Vec<f64>> {
    serde_json::from_str(include_str!("golden.json")).expect("the file is part of the program")
}

/// Largest difference; not a number is as wrong as can be.
fn difference(expected: &[f64], actual: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len(), "one value a token");
    let differences = actual.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |worst, found| if found.is_nan() { f64::INFINITY } else { worst.max(found) })
}

/// Log-probabilities of all tokens of all continuations, in order.
async fn log_probabilities<B: Backend>(backend: B, dtype: DType) -> Result<Vec<f64>> {
    let mut source = TinyModel::new(dtype);
    let decoder = Decoder::load(backend, source.config(), CONTEXT, &mut source, |_| ControlFlow::Continue(())).await?;
    let mut session = Session::new(decoder, 256)?;
    let scores = session.score(&requests(), |_| ControlFlow::Continue(())).await?;
    let tokens = scores.iter().flatten().flat_map(|score| &score.token_log_likelihoods);
    Ok(tokens.map(|&value| f64::from(value)).collect())
}

fn requests() -> Vec<ScoreRequest> {
    let shared = [3, 14, 15, 92, 65, 35, 89, 79];
    let request = |own: &[u32], continuations: &[&[u32]]| ScoreRequest {
        context: [&shared, own].concat(),
        continuations: continuations.iter().map(|tokens| tokens.to_vec()).collect(),
    };
    vec![
        request(&[32, 38, 46], &[&[26, 43, 38], &[32], &[79, 50]]),
        request(&[2, 88, 41, 9, 71], &[&[69, 39], &[93, 75, 10, 58]]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_decodes_another_format_or_gives_no_number_fails() {
        let golden = golden();
        let right = &golden["Q4_0"];
        assert_eq!(difference(right, right), 0.0);
        for (name, other) in golden.iter().filter(|(name, _)| *name != "Q4_0") {
            assert!(difference(right, other) > 100.0 * TOLERANCE, "{name}");
        }
        let broken = [f64::NAN].into_iter().chain(right[1..].iter().copied()).collect::<Vec<_>>();
        assert_eq!(difference(right, &broken), f64::INFINITY);
    }
}

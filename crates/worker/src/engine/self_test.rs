//! Before a device is trusted, it scores a tiny model whose log-probabilities are known.
//!
//! The golden values (`golden.json`) come from numpy and ggml's own dequantisation, not from our code. One run packs two texts with a shared
//! beginning and five continuations, through every step of the model, with matrices in one weight type. A device is tested with the [`Kind`] and with
//! each type of the model that is to be loaded: whatever that model runs is met, and nothing is waited for that it does not.

use super::tiny::{CONTEXT, Kind, TinyModel};
use crate::protocol::SelfTest;
use decoder::score::ScoreRequest;
use decoder::session::Session;
use decoder::{Backend, DType, Decoder, Result};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Largest difference of a log-probability on a device that computes in 32-bit floats. Sums of 256 terms of order one, in whatever order, are off by some
/// 1e-6; so are norms and softmaxes; two layers and a head add up to the 1e-5 that software devices show. WGSL allows hardware ten times that in `exp`
/// ((3 + 2|x|) units in the last place) and `tanh` (1e-5), which here are of arguments below ten.
pub const EXACT: f64 = 1e-4;

/// The same where inputs of products with quantised weights are rounded to 16 bits (the processor): 2⁻¹⁶ of a row's largest input each, the largest being
/// some four times the usual one, is 6e-5 of an input; of 256 that go every way it is as much of a sum, and ten products between embedding and
/// logits of order five make that 1e-3. Up to 5.4e-4 was seen.
pub const ROUNDED: f64 = 1e-3;

/// Tests `backend` with models of `kind`, with weights of each of `types`. An error means that it could not even run; a result may still say that it failed.
pub async fn run<B: Backend + Clone>(backend: &B, kind: Kind, types: &[DType], tolerance: f64) -> Result<SelfTest> {
    let golden = &golden()[kind.name()];
    let mut worst = (0.0, DType::F32);
    for &dtype in types {
        let found = difference(&golden[dtype.name()], &log_probabilities(backend.clone(), kind, dtype).await?);
        if found >= worst.0 {
            worst = (found, dtype);
        }
    }
    let (max_difference, dtype) = worst;
    let names = types.iter().map(|dtype| dtype.name()).collect::<Vec<_>>().join(", ");
    let details = format!("{names}: log-probabilities within {max_difference:.1e} of golden values (worst with {dtype})");
    Ok(SelfTest {
        passed: max_difference <= tolerance,
        max_difference,
        tolerance,
        details,
    })
}

/// By kind and type.
fn golden() -> BTreeMap<String, BTreeMap<String, Vec<f64>>> {
    serde_json::from_str(include_str!("golden.json")).expect("the file is part of the program")
}

/// Largest difference; not a number is as wrong as can be.
fn difference(expected: &[f64], actual: &[f64]) -> f64 {
    assert_eq!(actual.len(), expected.len(), "one value a token");
    let differences = actual.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |worst, found| if found.is_nan() { f64::INFINITY } else { worst.max(found) })
}

/// Log-probabilities of all tokens of all continuations, in order.
async fn log_probabilities<B: Backend>(backend: B, kind: Kind, dtype: DType) -> Result<Vec<f64>> {
    let mut source = TinyModel::new(kind, dtype);
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
    fn a_device_that_decodes_another_format_or_runs_another_kind_or_gives_no_number_fails() {
        let golden = golden();
        for (kind, values) in &golden {
            let right = &values["Q4_0"];
            assert_eq!(difference(right, right), 0.0);
            for (name, other) in values.iter().filter(|(name, _)| *name != "Q4_0") {
                assert!(difference(right, other) > 1000.0 * ROUNDED, "{kind} {name}");
            }
            for (other, values) in golden.iter().filter(|(other, _)| *other != kind) {
                assert!(difference(right, &values["Q4_0"]) > 1000.0 * ROUNDED, "{kind} {other}");
            }
            let broken = [f64::NAN].into_iter().chain(right[1..].iter().copied()).collect::<Vec<_>>();
            assert_eq!(difference(right, &broken), f64::INFINITY);
        }
    }

    #[test]
    fn every_kind_has_golden_values_of_every_type() {
        let golden = golden();
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&TinyModel::new(kind, DType::F32).config()), kind);
            assert!(
                DType::ALL.iter().all(|dtype| golden[kind.name()].contains_key(dtype.name())),
                "{kind:?}"
            );
        }
    }
}

//! The candle backend against PyTorch: log-probabilities, all gradients and the AdamW curve of every reference model.
//!
//! Tolerances are those of the reference data's README: F32 against F64 differs by up to 6e-6 in a log-probability, so 2e-5; gradients 1e-4 in
//! relative Frobenius norm per tensor; the curve 1e-3 at every step.

use backend_candle::CandleBackend;
use decoder::backend::AdamW;
use decoder::step::ParameterId;
use decoder::train::{Optimizer, loss_and_gradients, next_token_targets};
use decoder::{Decoder, Differentiable, Gradients};
use mmedkit_tests::conformance;
use mmedkit_tests::oracle::Oracle;

const LOG_PROB: f64 = 2e-5;
const GRADIENT: f64 = 1e-4;
const CURVE: f64 = 1e-3;

/// Runs `test` on every reference model and prints what it returns.
fn each(what: &str, test: impl Fn(&Oracle) -> String) {
    let Some(folder) = conformance() else { return };
    for oracle in Oracle::all(&folder) {
        println!("{what}: {}: {}", oracle.name, test(&oracle));
    }
}

fn gradients(
    decoder: &Decoder<CandleBackend>,
    oracle: &Oracle,
    checkpointing: bool,
) -> (f64, Gradients<<CandleBackend as decoder::Backend>::Tensor>) {
    let batch = oracle.batch();
    let targets = next_token_targets(&batch);
    let mut gradients = Gradients::new(decoder.model.parameters.len());
    let loss = loss_and_gradients(&decoder.backend, &decoder.model, &batch, &targets, checkpointing, &mut gradients).unwrap();
    (loss, gradients)
}

#[test]
fn conformance_log_probs() {
    each("log-probabilities", |oracle| {
        let worst = oracle.worst_log_prob(&oracle.decoder(CandleBackend::new()));
        assert!(worst <= LOG_PROB, "{}: {worst:e} from the reference", oracle.name);
        format!("within {worst:.1e}")
    });
}

#[test]
fn conformance_gradients() {
    each("gradients", |oracle| {
        let decoder = oracle.decoder(CandleBackend::new());
        let (loss, gradients) = gradients(&decoder, oracle, false);
        assert!(
            (loss - oracle.loss).abs() <= LOG_PROB,
            "{}: loss {loss}, reference {}",
            oracle.name,
            oracle.loss
        );
        let mut worst = 0f64;
        for (index, (param, _)) in decoder.model.parameters.iter().enumerate() {
            let gradient = gradients
                .get(ParameterId(index))
                .unwrap_or_else(|| panic!("{}: {param:?} has no gradient", oracle.name));
            let ours = decoder.backend.read_now(gradient).unwrap();
            let reference = oracle.gradient(*param);
            assert_eq!(ours.len(), reference.len(), "{}: {param:?}", oracle.name);
            let square = |x: f64| x * x;
            let norm = reference.iter().map(|&r| square(f64::from(r))).sum::<f64>().sqrt();
            let difference = ours
                .iter()
                .zip(&reference)
                .map(|(&a, &b)| square(f64::from(a) - f64::from(b)))
                .sum::<f64>()
                .sqrt();
            assert!(norm > 0.0, "{}: the reference gradient of {param:?} is zero", oracle.name);
            let distance = difference / norm;
            assert!(
                distance <= GRADIENT,
                "{}: gradient of {param:?} is {distance:e} from the reference (norm {norm:e})",
                oracle.name
            );
            worst = worst.max(distance);
        }
        format!("{} tensors within {worst:.1e}", decoder.model.parameters.len())
    });
}

/// Running a layer a second time instead of keeping its record must not change one bit.
#[test]
fn conformance_checkpointing_changes_nothing() {
    each("checkpointing", |oracle| {
        let decoder = oracle.decoder(CandleBackend::new());
        let (loss, plain) = gradients(&decoder, oracle, false);
        let (loss_again, checkpointed) = gradients(&decoder, oracle, true);
        assert_eq!(loss, loss_again, "{}", oracle.name);
        for (index, (param, _)) in decoder.model.parameters.iter().enumerate() {
            let read = |gradients: &Gradients<_>| decoder.backend.read_now(gradients.get(ParameterId(index)).unwrap()).unwrap();
            assert_eq!(read(&plain), read(&checkpointed), "{}: {param:?}", oracle.name);
        }
        format!("{} tensors are equal bit by bit", decoder.model.parameters.len())
    });
}

#[test]
fn conformance_adamw_curve() {
    each("AdamW", |oracle| {
        let decoder = oracle.decoder(CandleBackend::new());
        let hyper = AdamW {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.1,
        };
        let mut optimizer = Optimizer::new(&decoder.backend, &decoder.model).unwrap();
        let mut worst = 0f64;
        for (step, &reference) in oracle.curve.iter().enumerate() {
            let (loss, gradients) = gradients(&decoder, oracle, step % 2 == 1);
            let distance = (loss - reference).abs();
            assert!(
                distance <= CURVE,
                "{}: step {step}: loss {loss}, reference {reference}",
                oracle.name
            );
            worst = worst.max(distance);
            if step + 1 < oracle.curve.len() {
                optimizer
                    .step(&decoder.backend, &decoder.model, &gradients, &hyper, 1.0, None, |_| true)
                    .unwrap();
            }
        }
        format!(
            "{} losses, from {:.4} to {:.4}, within {worst:.1e}",
            oracle.curve.len(),
            oracle.curve[0],
            oracle.curve.last().unwrap()
        )
    });
}

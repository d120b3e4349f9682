//! Whole models through the tape: gradients against central differences of the loss, checkpointing against plain recording, and training that learns.
//!
//! Random models of every architecture's features, made here; the reference numbers of PyTorch are in the conformance tests.

mod oracle;

use std::collections::HashMap;
use std::ops::ControlFlow;

use decoder::names::Param;
use decoder::source::{TensorInfo, TensorSource};
use decoder::step::ParameterId;
use decoder::train::{Optimizer, loss_and_gradients, next_token_targets};
use decoder::{AdamW, Backend, Batch, Config, DType, Decoder, Differentiable, Gradients};
use mmedkit_backend_candle::CandleBackend;
use oracle::{Numbers, values};

const SIZES: &str = r#""vocab_size": 61, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5, "max_position_embeddings": 128, "rope_theta": 10000.0"#;

fn configs() -> Vec<Config> {
    [
        r#"{"model_type": "llama", "num_hidden_layers": 2, "tie_word_embeddings": false, "attention_bias": true, "hidden_act": "silu", SIZES}"#,
        r#"{"model_type": "mistral", "num_hidden_layers": 2, "tie_word_embeddings": false, "sliding_window": 5, "hidden_act": "silu", SIZES}"#,
        r#"{"model_type": "qwen3", "num_hidden_layers": 2, "tie_word_embeddings": true, "head_dim": 12, "hidden_act": "silu", SIZES}"#,
        r#"{"model_type": "gemma2", "num_hidden_layers": 2, "tie_word_embeddings": true, "head_dim": 12, "sliding_window": 5,
            "query_pre_attn_scalar": 12, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 8.0,
            "hidden_activation": "gelu_pytorch_tanh", SIZES}"#,
    ]
    .into_iter()
    .map(|json| Config::from_huggingface(&json.replace("SIZES", SIZES)).unwrap())
    .collect()
}

/// Tensors in memory.
#[derive(Clone)]
struct Tensors(HashMap<String, (Vec<usize>, Vec<f32>)>);

impl Tensors {
    fn random(config: &Config) -> Tensors {
        let mut numbers = Numbers::new(41);
        let tensors = Param::all(config).into_iter().map(|param| {
            let (rows, cols) = param.shape(config);
            let scale = if rows == 1 { 0.5 } else { 1.5 / (cols as f32).sqrt() };
            let shape = if rows == 1 { vec![cols] } else { vec![rows, cols] };
            (param.place(config).tensor, (shape, numbers.vec(rows * cols, scale)))
        });
        Tensors(tensors.collect())
    }
}

impl TensorSource for Tensors {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        self.0.get(name).map(|(shape, _)| TensorInfo {
            dtype: DType::F32,
            shape: shape.clone(),
        })
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> decoder::Result<()> {
        let bytes: Vec<u8> = self.0[name].1.iter().flat_map(|value| value.to_le_bytes()).collect();
        buffer.copy_from_slice(&bytes[offset as usize..][..buffer.len()]);
        Ok(())
    }
}

fn load(config: &Config, tensors: &Tensors) -> Decoder<CandleBackend> {
    let mut source = tensors.clone();
    pollster::block_on(Decoder::load(CandleBackend::new(), config.clone(), 64, &mut source, |_| {
        ControlFlow::Continue(())
    }))
    .unwrap()
}

fn documents() -> Batch {
    let mut numbers = Numbers::new(43);
    let mut document = |length: usize| -> Vec<u32> { (0..length).map(|_| ((numbers.next() + 1.0) * 30.0) as u32 % 61).collect() };
    Batch::from_documents([document(20), document(1), document(9)].iter().map(Vec::as_slice))
}

type Grads = Gradients<<CandleBackend as Backend>::Tensor>;

fn gradients(decoder: &Decoder<CandleBackend>, checkpointing: bool) -> (f64, Grads) {
    let batch = documents();
    let mut gradients = Gradients::new(decoder.model.parameters.len());
    let targets = next_token_targets(&batch);
    let loss = loss_and_gradients(&decoder.backend, &decoder.model, &batch, &targets, checkpointing, &mut gradients).unwrap();
    (loss, gradients)
}

/// Moves all weights along their gradient, and each weight alone along its own: the loss must change by the gradient's length.
#[test]
fn gradients_are_slopes_of_the_loss() {
    for config in configs() {
        let tensors = Tensors::random(&config);
        let decoder = load(&config, &tensors);
        let (_, gradients) = gradients(&decoder, false);
        let params: Vec<Param> = decoder.model.parameters.iter().map(|(param, _)| *param).collect();
        let gradient = |index: usize| {
            values(
                gradients
                    .get(ParameterId(index))
                    .unwrap_or_else(|| panic!("{:?} has no gradient", params[index])),
            )
        };
        let all: Vec<usize> = (0..params.len()).collect();
        for moved in std::iter::once(all).chain((0..params.len()).map(|index| vec![index])) {
            let length = moved
                .iter()
                .flat_map(|&index| gradient(index))
                .map(|g| f64::from(g) * f64::from(g))
                .sum::<f64>()
                .sqrt();
            assert!(length > 1e-5, "{}: the gradient of {:?} is zero", config.family, params[moved[0]]);
            // A change of the loss of 0.01, thousands of times its rounding; but no longer way than 0.1, where the loss is no straight line
            // any more (a bias of keys hardly matters, so it would have to go far).
            let step = (0.01 / length / length).min(0.1 / length);
            let loss_at = |sign: f64| {
                let mut there = tensors.clone();
                for &index in &moved {
                    let (_, at) = there.0.get_mut(&params[index].place(&config).tensor).unwrap();
                    at.iter_mut()
                        .zip(gradient(index))
                        .for_each(|(w, g)| *w += (sign * step * f64::from(g)) as f32);
                }
                self::gradients(&load(&config, &there), false).0
            };
            // Half of the step each way: the curvature cancels.
            let slope = (loss_at(0.5) - loss_at(-0.5)) / step;
            let error = (slope / length / length - 1.0).abs();
            assert!(
                error < 0.02,
                "{}: {:?}: slope {slope:e}, gradient {:e}",
                config.family,
                params[moved[0]],
                length * length
            );
        }
    }
}

#[test]
fn checkpointing_changes_no_bit() {
    for config in configs() {
        let decoder = load(&config, &Tensors::random(&config));
        let ((loss, plain), (again, checkpointed)) = (gradients(&decoder, false), gradients(&decoder, true));
        assert_eq!(loss, again);
        for index in 0..decoder.model.parameters.len() {
            let read = |gradients: &Grads| values(gradients.get(ParameterId(index)).unwrap());
            assert_eq!(
                read(&plain),
                read(&checkpointed),
                "{}: {:?}",
                config.family,
                decoder.model.parameters[index].0
            );
        }
    }
}

/// Thirty steps on one batch learn it; two runs are equal bit by bit.
#[test]
fn training_learns_and_repeats() {
    let config = &configs()[2];
    let run = || {
        let decoder = load(config, &Tensors::random(config));
        let mut optimizer = Optimizer::new(&decoder.backend, &decoder.model).unwrap();
        let hyper = AdamW {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.1,
        };
        let mut losses = Vec::new();
        for _ in 0..30 {
            let (loss, gradients) = gradients(&decoder, false);
            losses.push(loss);
            optimizer
                .step(&decoder.backend, &decoder.model, &gradients, &hyper, 1.0, Some(1.0), |_| true)
                .unwrap();
        }
        let weights: Vec<Vec<f32>> = decoder
            .model
            .parameters
            .iter()
            .map(|(_, w)| decoder.backend.read_weight(w).unwrap())
            .collect();
        (losses, weights)
    };
    let (losses, weights) = run();
    assert!(losses[29] < losses[0] * 0.2, "{losses:?}");
    assert_eq!((losses, weights), run());
}

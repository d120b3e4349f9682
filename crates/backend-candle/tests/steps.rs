//! Every step, forward and backward, against candle's autograd of the same formula in plain operations.
//!
//! Tolerance: F32 on both sides and sums of at most a few hundred terms; 1e-4 in relative Frobenius norm is far above rounding (1e-6) and far below
//! any wrong term.

mod oracle;

use candle_core::{Tensor, Var};
use decoder::step::{Activation, Attend, Embed, GatedMlp, Head, ProjectAdd, ProjectQkv, Rope, RopeLayout};
use decoder::{AdamW, Backend, Differentiable, Gradients, Qkv, Target};
use mmedkit_backend_candle::{CandleBackend, Weight};
use oracle::{Numbers, Parameters, batch, close, values};

const TOLERANCE: f64 = 1e-4;
const WIDTH: usize = 24;
const VOCABULARY: usize = 37;

/// `Σ y ∘ g`: its gradient with respect to `y` is `g`.
fn weigh(y: &Tensor, g: &Tensor) -> Tensor {
    (y * g).unwrap().sum_all().unwrap()
}

/// Compares the gradients of all parameters with the oracle's.
#[track_caller]
fn compare(parameters: &Parameters, gradients: &Gradients<Tensor>, oracle: &candle_core::backprop::GradStore) {
    for (i, var) in parameters.vars.iter().enumerate() {
        let ours = gradients
            .get(decoder::step::ParameterId(i))
            .unwrap_or_else(|| panic!("parameter {i} has no gradient"));
        close(
            &format!("gradient of parameter {i} {:?}", var.dims()),
            ours,
            oracle.get(var).expect("oracle's gradient"),
            TOLERANCE,
        );
    }
}

#[test]
fn embed() {
    let backend = CandleBackend::new();
    let mut parameters = Parameters::new(1);
    let step = Embed {
        table: parameters.weight(VOCABULARY, WIDTH, 1.0),
        scale: 3.5,
    };
    let batch = batch(VOCABULARY as u32);
    let on_device = backend.upload_batch(&batch).unwrap();
    let ids = Tensor::new(batch.tokens.as_slice(), &candle_core::Device::Cpu).unwrap();
    let reference = (parameters.var(&step.table).index_select(&ids, 0).unwrap() * 3.5).unwrap();
    close("embed", &backend.embed(&step, &on_device).unwrap(), &reference, TOLERANCE);
    let dy = parameters.numbers.tensor(batch.rows(), WIDTH);
    let mut gradients = Gradients::new(1);
    backend.embed_backward(&step, &on_device, &dy, &mut gradients).unwrap();
    compare(&parameters, &gradients, &weigh(&reference, &dy).backward().unwrap());
}

fn project_qkv(layout: RopeLayout, bias: bool, head_norms: bool, offset: f32) {
    let backend = CandleBackend::new();
    let (heads, kv_heads, head_dim) = (4, 2, 10);
    let mut parameters = Parameters::new(2);
    let step = ProjectQkv {
        norm: parameters.norm(WIDTH, offset),
        q: parameters.linear(heads * head_dim, WIDTH, bias),
        k: parameters.linear(kv_heads * head_dim, WIDTH, bias),
        v: parameters.linear(kv_heads * head_dim, WIDTH, bias),
        q_norm: head_norms.then(|| parameters.norm(head_dim, offset)),
        k_norm: head_norms.then(|| parameters.norm(head_dim, offset)),
        rope: Rope {
            layout,
            table: Weight::from_values(oracle::rope_table(256, head_dim), 256, head_dim).unwrap(),
        },
        heads,
        kv_heads,
        head_dim,
    };
    let batch = batch(VOCABULARY as u32);
    let rows = batch.rows();
    let on_device = backend.upload_batch(&batch).unwrap();
    let x = Var::from_tensor(&parameters.numbers.tensor(rows, WIDTH)).unwrap();

    let n = parameters.apply_norm(&step.norm, &x);
    let by_heads = |linear, norm: &Option<_>, heads: usize| {
        let y = parameters.apply_linear(linear, &n).reshape((rows, heads, head_dim)).unwrap();
        let y = norm.as_ref().map_or_else(|| y.clone(), |norm| parameters.apply_norm(norm, &y));
        oracle::rope(&y, &batch.positions, layout)
            .reshape((rows, heads * head_dim))
            .unwrap()
    };
    let q = by_heads(&step.q, &step.q_norm, heads);
    let k = by_heads(&step.k, &step.k_norm, kv_heads);
    let v = parameters.apply_linear(&step.v, &n);

    let ours = backend.project_qkv(&step, &x, &on_device).unwrap();
    let (saving, saved) = backend.project_qkv_saving(&step, &x, &on_device).unwrap();
    for (name, ours, saving, reference) in [
        ("q", &ours.q, &saving.q, &q),
        ("k", &ours.k, &saving.k, &k),
        ("v", &ours.v, &saving.v, &v),
    ] {
        close(name, ours, reference, TOLERANCE);
        assert_eq!(values(ours), values(saving), "{name}: the saving forward is the forward");
    }
    let mut numbers = Numbers::new(3);
    let dy = Qkv {
        q: numbers.tensor(rows, heads * head_dim),
        k: numbers.tensor(rows, kv_heads * head_dim),
        v: numbers.tensor(rows, kv_heads * head_dim),
    };
    let mut gradients = Gradients::new(parameters.vars.len());
    let dx = backend
        .project_qkv_backward(&step, &saved, &on_device, &dy, &mut gradients)
        .unwrap();
    let loss = ((weigh(&q, &dy.q) + weigh(&k, &dy.k)).unwrap() + weigh(&v, &dy.v)).unwrap();
    let oracle = loss.backward().unwrap();
    compare(&parameters, &gradients, &oracle);
    close("dx", &dx, oracle.get(&x).unwrap(), TOLERANCE);
}

#[test]
fn project_qkv_of_llama() {
    project_qkv(RopeLayout::Halves, false, false, 0.0);
}

#[test]
fn project_qkv_interleaved_with_bias() {
    project_qkv(RopeLayout::Interleaved, true, false, 0.0);
}

#[test]
fn project_qkv_with_head_norms_and_offset() {
    project_qkv(RopeLayout::Halves, true, true, 1.0);
}

fn attend(heads: usize, kv_heads: usize, softcap: Option<f32>, window: Option<usize>) {
    let backend = CandleBackend::new();
    let head_dim = 12;
    let step = Attend {
        layer: 0,
        heads,
        kv_heads,
        head_dim,
        scale: 0.9,
        softcap,
        window,
    };
    let batch = batch(VOCABULARY as u32);
    let rows = batch.rows();
    let on_device = backend.upload_batch(&batch).unwrap();
    let mut numbers = Numbers::new(5);
    let mut var = |width| Var::from_tensor(&numbers.tensor(rows, width)).unwrap();
    let (q, k, v) = (var(heads * head_dim), var(kv_heads * head_dim), var(kv_heads * head_dim));
    let qkv = Qkv {
        q: q.as_detached_tensor(),
        k: k.as_detached_tensor(),
        v: v.as_detached_tensor(),
    };
    let reference = oracle::attend(&step, &q, &k, &v, &batch);
    let (y, saved) = backend.attend_saving(&step, &qkv, &on_device).unwrap();
    close("attend", &y, &reference, TOLERANCE);
    assert_eq!(values(&y), values(&backend.attend(&step, &qkv, &on_device, None).unwrap()));
    let dy = numbers.tensor(rows, heads * head_dim);
    let ours = backend.attend_backward(&step, &saved, &on_device, &dy).unwrap();
    let oracle = weigh(&reference, &dy).backward().unwrap();
    close("dq", &ours.q, oracle.get(&q).unwrap(), TOLERANCE);
    close("dk", &ours.k, oracle.get(&k).unwrap(), TOLERANCE);
    close("dv", &ours.v, oracle.get(&v).unwrap(), TOLERANCE);
}

#[test]
fn attend_plain() {
    attend(3, 3, None, None);
}

#[test]
fn attend_with_shared_heads() {
    attend(4, 2, None, None);
}

#[test]
fn attend_with_softcap_and_window() {
    attend(4, 1, Some(1.5), Some(5));
}

#[test]
fn attend_with_a_window_longer_than_a_segment() {
    attend(2, 1, None, Some(40));
}

fn project_add(bias: bool, post_norm: bool) {
    let backend = CandleBackend::new();
    let mut parameters = Parameters::new(7);
    let step = ProjectAdd {
        project: parameters.linear(WIDTH, 40, bias),
        post_norm: post_norm.then(|| parameters.norm(WIDTH, 1.0)),
    };
    let a = Var::from_tensor(&parameters.numbers.tensor(9, 40)).unwrap();
    let x = parameters.numbers.tensor(9, WIDTH);
    let projected = parameters.apply_linear(&step.project, &a);
    let normed = step
        .post_norm
        .as_ref()
        .map_or_else(|| projected.clone(), |norm| parameters.apply_norm(norm, &projected));
    let reference = (&x + normed).unwrap();
    let (y, saved) = backend.project_add_saving(&step, &a, &x).unwrap();
    close("project_add", &y, &reference, TOLERANCE);
    assert_eq!(values(&y), values(&backend.project_add(&step, &a, &x).unwrap()));
    let dy = parameters.numbers.tensor(9, WIDTH);
    let mut gradients = Gradients::new(parameters.vars.len());
    let da = backend.project_add_backward(&step, &saved, &dy, &mut gradients).unwrap();
    let oracle = weigh(&reference, &dy).backward().unwrap();
    compare(&parameters, &gradients, &oracle);
    close("da", &da, oracle.get(&a).unwrap(), TOLERANCE);
}

#[test]
fn project_add_plain() {
    project_add(false, false);
}

#[test]
fn project_add_with_bias_and_post_norm() {
    project_add(true, true);
}

fn gated_mlp(activation: Activation, bias: bool, post_norm: bool) {
    let backend = CandleBackend::new();
    let mut parameters = Parameters::new(11);
    let hidden = 50;
    let step = GatedMlp {
        norm: parameters.norm(WIDTH, 0.0),
        gate: parameters.linear(hidden, WIDTH, bias),
        up: parameters.linear(hidden, WIDTH, bias),
        down: parameters.linear(WIDTH, hidden, bias),
        activation,
        post_norm: post_norm.then(|| parameters.norm(WIDTH, 1.0)),
    };
    let x = Var::from_tensor(&parameters.numbers.tensor(13, WIDTH)).unwrap();
    let n = parameters.apply_norm(&step.norm, &x);
    let gate = oracle::activation(activation, &parameters.apply_linear(&step.gate, &n));
    let down = parameters.apply_linear(&step.down, &(gate * parameters.apply_linear(&step.up, &n)).unwrap());
    let normed = step
        .post_norm
        .as_ref()
        .map_or_else(|| down.clone(), |norm| parameters.apply_norm(norm, &down));
    let reference = (x.as_tensor() + normed).unwrap();
    let (y, saved) = backend.gated_mlp_saving(&step, &x).unwrap();
    close("gated_mlp", &y, &reference, TOLERANCE);
    assert_eq!(values(&y), values(&backend.gated_mlp(&step, &x).unwrap()));
    let dy = parameters.numbers.tensor(13, WIDTH);
    let mut gradients = Gradients::new(parameters.vars.len());
    let dx = backend.gated_mlp_backward(&step, &saved, &dy, &mut gradients).unwrap();
    let oracle = weigh(&reference, &dy).backward().unwrap();
    compare(&parameters, &gradients, &oracle);
    close("dx", &dx, oracle.get(&x).unwrap(), TOLERANCE);
}

#[test]
fn gated_mlp_silu() {
    gated_mlp(Activation::Silu, false, false);
}

#[test]
fn gated_mlp_gelu_with_bias_and_post_norm() {
    gated_mlp(Activation::GeluTanh, true, true);
}

fn head(softcap: Option<f32>, vocabulary: usize, rows: usize) {
    let backend = CandleBackend::new();
    let mut parameters = Parameters::new(13);
    let step = Head {
        norm: parameters.norm(WIDTH, 0.0),
        project: parameters.linear(vocabulary, WIDTH, false),
        softcap,
    };
    let x = Var::from_tensor(&parameters.numbers.tensor(rows, WIDTH)).unwrap();
    let mut logits = parameters.apply_linear(&step.project, &parameters.apply_norm(&step.norm, &x));
    if let Some(cap) = softcap {
        logits = ((logits / f64::from(cap)).unwrap().tanh().unwrap() * f64::from(cap)).unwrap();
    }
    let asked: Vec<u32> = (0..rows as u32).filter(|row| row % 3 != 1).collect();
    let asked_tensor = Tensor::new(asked.as_slice(), &candle_core::Device::Cpu).unwrap();
    let picked = logits.index_select(&asked_tensor, 0).unwrap();
    close("head_logits", &backend.head_logits(&step, &x, &asked).unwrap(), &picked, TOLERANCE);

    let tokens = [vocabulary as u32 - 1, 0, 7];
    let columns = Tensor::new(tokens.as_slice(), &candle_core::Device::Cpu).unwrap();
    close(
        "head_tokens",
        &backend.head_tokens(&step, &x, &asked, &tokens).unwrap(),
        &picked.index_select(&columns, 1).unwrap(),
        TOLERANCE,
    );

    let log_p = oracle::log_softmax(&picked).to_vec2::<f32>().unwrap();
    let argmax = |row: &Vec<f32>| (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let best: Vec<f32> = log_p.iter().map(|row| argmax(row) as f32).collect();
    assert_eq!(values(&backend.head_best(&step, &x, &asked).unwrap()), best);
    // Every second target is the most likely token.
    let targets: Vec<u32> = best
        .iter()
        .enumerate()
        .map(|(i, &b)| if i % 2 == 0 { b as u32 } else { (b as u32 + 1) % vocabulary as u32 })
        .collect();
    let answers = values(&backend.head_log_probs(&step, &x, &asked, &targets).unwrap());
    for (i, answer) in answers.chunks(2).enumerate() {
        assert!((answer[0] - log_p[i][targets[i] as usize]).abs() < 1e-4, "row {i}: {answer:?}");
        assert_eq!(answer[1], if i % 2 == 0 { 1.0 } else { 0.0 });
    }

    let targets: Vec<Target> = asked
        .iter()
        .zip(&targets)
        .map(|(&row, &token)| Target {
            row,
            token,
            weight: 0.1 + row as f32 * 0.01,
        })
        .collect();
    let mut gradients = Gradients::new(parameters.vars.len());
    let (loss, dx) = backend.head_loss(&step, &x, &targets, &mut gradients).unwrap();
    let ids = Tensor::new(targets.iter().map(|t| t.token).collect::<Vec<_>>(), &candle_core::Device::Cpu)
        .unwrap()
        .unsqueeze(1)
        .unwrap();
    let weights = Tensor::new(targets.iter().map(|t| t.weight).collect::<Vec<_>>(), &candle_core::Device::Cpu)
        .unwrap()
        .unsqueeze(1)
        .unwrap();
    let chosen = oracle::log_softmax(&picked).gather(&ids, 1).unwrap();
    let reference = (chosen * weights).unwrap().sum_all().unwrap().neg().unwrap();
    let expected = f64::from(reference.to_scalar::<f32>().unwrap());
    assert!((loss - expected).abs() < 1e-5 * expected.abs(), "{loss} {expected}");
    let oracle = reference.backward().unwrap();
    compare(&parameters, &gradients, &oracle);
    close("dx", &dx, oracle.get(&x).unwrap(), TOLERANCE);
}

#[test]
fn head_plain() {
    head(None, VOCABULARY, 20);
}

#[test]
fn head_with_softcap() {
    head(Some(1.5), VOCABULARY, 20);
}

#[test]
fn head_in_several_slices() {
    // A slice holds 2²² logits: 46 rows of this vocabulary.
    head(None, 90_001, 100);
}

#[test]
fn ties_go_to_the_lower_id() {
    let backend = CandleBackend::new();
    let mut parameters = Parameters::new(17);
    let norm = parameters.norm(2, 0.0);
    let weight = Weight::from_values(vec![0.0, 0.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0], 4, 2).unwrap();
    let norm = decoder::step::Norm {
        weight: decoder::step::Parameter {
            value: Weight::from_values(vec![1.0, 1.0], 1, 2).unwrap(),
            ..norm.weight
        },
        ..norm
    };
    let mut project = parameters.linear(4, 2, false);
    project.weight.value = weight;
    let step = Head {
        norm,
        project,
        softcap: None,
    };
    let x = Tensor::new(&[[1f32, 1.0]], &candle_core::Device::Cpu).unwrap();
    assert_eq!(values(&backend.head_best(&step, &x, &[0]).unwrap()), [1.0]);
    assert_eq!(
        values(&backend.head_log_probs(&step, &x, &[0, 0], &[1, 2]).unwrap())
            .iter()
            .skip(1)
            .step_by(2)
            .collect::<Vec<_>>(),
        [&1.0, &0.0]
    );
}

/// AdamW against its definition in F64, and against gradients that were summed and scaled; all clones of a weight see the update.
#[test]
fn adamw() {
    let backend = CandleBackend::new();
    let mut numbers = Numbers::new(19);
    let start = numbers.vec(100, 1.0);
    let weight = Weight::from_values(start.clone(), 4, 25).unwrap();
    let clone = weight.clone();
    let hyper = AdamW {
        learning_rate: 0.01,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0.1,
    };
    let (mut first, mut second) = (backend.zeros_like(&weight).unwrap(), backend.zeros_like(&weight).unwrap());
    let mut p: Vec<f64> = start.iter().map(|&p| f64::from(p)).collect();
    let (mut m, mut v) = (vec![0f64; 100], vec![0f64; 100]);
    for t in 1..=5 {
        let gradient = numbers.tensor(4, 25);
        backend
            .adamw_step(&weight, &gradient, 0.5, &mut first, &mut second, &hyper, t)
            .unwrap();
        for (i, g) in values(&gradient).into_iter().enumerate() {
            let g = f64::from(g) * 0.5;
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.95 * v[i] + 0.05 * g * g;
            let (m_hat, v_hat) = (m[i] / (1.0 - 0.9f64.powi(t as i32)), v[i] / (1.0 - 0.95f64.powi(t as i32)));
            p[i] = p[i] * (1.0 - 0.01 * 0.1) - 0.01 * m_hat / (v_hat.sqrt() + 1e-8);
        }
    }
    let ours = backend.read_weight(&clone).unwrap();
    let worst = ours.iter().zip(&p).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-6, "{worst:e}");
    assert!(ours.iter().zip(&start).all(|(a, b)| a != b), "every value moved");
}

#[test]
fn gradient_norm_and_sums() {
    let backend = CandleBackend::new();
    let mut gradients = Gradients::new(3);
    let a = backend.tensor(&[3.0, 0.0], 1, 2).unwrap();
    let b = backend.tensor(&[0.0, 4.0], 1, 2).unwrap();
    let sum = backend.add(&a, &b).unwrap();
    assert_eq!((values(&sum), values(&a)), (vec![3.0, 4.0], vec![3.0, 0.0]));
    gradients
        .add(decoder::step::ParameterId(0), sum, |a, b| backend.add(&a, &b))
        .unwrap();
    gradients
        .add(decoder::step::ParameterId(2), backend.tensor(&[12.0], 1, 1).unwrap(), |a, b| {
            backend.add(&a, &b)
        })
        .unwrap();
    assert_eq!(backend.gradient_norm(&gradients).unwrap(), 13.0);
}

//! The steps as chains of plain candle operations, one formula after the other, so that candle's autograd can differentiate them: the oracle of the
//! hand-written steps. Slow on purpose; every segment and head goes through one `[T, T]` mask.
#![allow(dead_code)] // each test file uses its part

use candle_core::{D, Device, Tensor, Var};
use decoder::Batch;
use decoder::step::{Activation, Attend, Linear, Norm, Parameter, ParameterId, RopeLayout};
use mmedkit_backend_candle::Weight;

/// Repeatable numbers in (−1, 1): Knuth's linear congruential generator.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn vec(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.next() * scale).collect()
    }

    pub fn tensor(&mut self, rows: usize, cols: usize) -> Tensor {
        Tensor::from_vec(self.vec(rows * cols, 1.0), (rows, cols), &Device::Cpu).unwrap()
    }
}

/// Weights, each held twice: for the backend, and as a variable of the oracle.
pub struct Parameters {
    pub numbers: Numbers,
    pub vars: Vec<Var>,
}

impl Parameters {
    pub fn new(seed: u64) -> Parameters {
        Parameters {
            numbers: Numbers::new(seed),
            vars: Vec::new(),
        }
    }

    pub fn weight(&mut self, rows: usize, cols: usize, scale: f32) -> Parameter<Weight> {
        let values = self.numbers.vec(rows * cols, scale);
        self.vars.push(Var::from_vec(values.clone(), (rows, cols), &Device::Cpu).unwrap());
        Parameter {
            id: ParameterId(self.vars.len() - 1),
            value: Weight::from_values(values, rows, cols).unwrap(),
        }
    }

    pub fn linear(&mut self, outputs: usize, inputs: usize, bias: bool) -> Linear<Weight> {
        let weight = self.weight(outputs, inputs, 1.5 / (inputs as f32).sqrt());
        Linear {
            weight,
            bias: bias.then(|| self.weight(1, outputs, 0.5)),
            inputs,
            outputs,
        }
    }

    pub fn norm(&mut self, width: usize, offset: f32) -> Norm<Weight> {
        Norm {
            weight: self.weight(1, width, 1.0),
            eps: 1e-5,
            offset,
        }
    }

    pub fn var(&self, parameter: &Parameter<Weight>) -> &Tensor {
        self.vars[parameter.id.0].as_tensor()
    }

    pub fn apply_linear(&self, linear: &Linear<Weight>, x: &Tensor) -> Tensor {
        let y = x.matmul(&self.var(&linear.weight).t().unwrap()).unwrap();
        match &linear.bias {
            Some(bias) => y.broadcast_add(self.var(bias)).unwrap(),
            None => y,
        }
    }

    /// Over the last dimension.
    pub fn apply_norm(&self, norm: &Norm<Weight>, x: &Tensor) -> Tensor {
        let mean = x.sqr().unwrap().mean_keepdim(D::Minus1).unwrap();
        let rms = (mean + f64::from(norm.eps)).unwrap().sqrt().unwrap();
        let gain = (self.var(&norm.weight) + f64::from(norm.offset)).unwrap();
        x.broadcast_div(&rms).unwrap().broadcast_mul(&gain.flatten_all().unwrap()).unwrap()
    }
}

/// `[context, D]`: cosines, then sines.
pub fn rope_table(context: usize, head_dim: usize) -> Vec<f32> {
    let half = head_dim / 2;
    let angle = |p: usize, i: usize| p as f64 * 10_000f64.powf(-2.0 * i as f64 / head_dim as f64);
    (0..context)
        .flat_map(|p| {
            (0..head_dim).map(move |i| {
                if i < half {
                    angle(p, i).cos() as f32
                } else {
                    angle(p, i - half).sin() as f32
                }
            })
        })
        .collect()
}

/// `x: [T, H, D]`.
pub fn rope(x: &Tensor, positions: &[u32], layout: RopeLayout) -> Tensor {
    let (rows, heads, head_dim) = x.dims3().unwrap();
    let half = head_dim / 2;
    let table = Tensor::from_vec(rope_table(256, head_dim), (256, head_dim), &Device::Cpu).unwrap();
    let at = table.index_select(&Tensor::new(positions, &Device::Cpu).unwrap(), 0).unwrap();
    match layout {
        RopeLayout::Halves => {
            let cos = at.narrow(1, 0, half).unwrap().unsqueeze(1).unwrap();
            let sin = at.narrow(1, half, half).unwrap().unsqueeze(1).unwrap();
            let (a, b) = (x.narrow(2, 0, half).unwrap(), x.narrow(2, half, half).unwrap());
            let low = (a.broadcast_mul(&cos).unwrap() - b.broadcast_mul(&sin).unwrap()).unwrap();
            let high = (b.broadcast_mul(&cos).unwrap() + a.broadcast_mul(&sin).unwrap()).unwrap();
            Tensor::cat(&[low, high], 2).unwrap()
        }
        RopeLayout::Interleaved => {
            let cos = at.narrow(1, 0, half).unwrap().reshape((rows, 1, half, 1)).unwrap();
            let sin = at.narrow(1, half, half).unwrap().reshape((rows, 1, half, 1)).unwrap();
            let x = x.reshape((rows, heads, half, 2)).unwrap();
            let (a, b) = (x.narrow(3, 0, 1).unwrap(), x.narrow(3, 1, 1).unwrap());
            let low = (a.broadcast_mul(&cos).unwrap() - b.broadcast_mul(&sin).unwrap()).unwrap();
            let high = (b.broadcast_mul(&cos).unwrap() + a.broadcast_mul(&sin).unwrap()).unwrap();
            Tensor::cat(&[low, high], 3).unwrap().reshape((rows, heads, head_dim)).unwrap()
        }
    }
}

/// 1 where row `i` of a segment sees row `j` of the batch, else 0; slots are rows.
pub fn mask(batch: &Batch, window: Option<usize>) -> Vec<f32> {
    let rows = batch.rows();
    let mut mask = vec![0f32; rows * rows];
    for segment in &batch.segments {
        for i in 0..segment.rows {
            let position = segment.context_len - segment.rows + i;
            for entry in 0..=position {
                if window.is_none_or(|window| position - entry < window) {
                    mask[(segment.first_row + i) * rows + batch.context[segment.context_start + entry] as usize] = 1.0;
                }
            }
        }
    }
    mask
}

/// `q: [T, H·D]`, `k, v: [T, K·D]` → `[T, H·D]`.
pub fn attend(step: &Attend, q: &Tensor, k: &Tensor, v: &Tensor, batch: &Batch) -> Tensor {
    let rows = batch.rows();
    let mask = Tensor::from_vec(mask(batch, step.window), (rows, rows), &Device::Cpu).unwrap();
    let blocked = ((mask - 1.0).unwrap() * 1e9).unwrap();
    let outputs: Vec<Tensor> = (0..step.heads)
        .map(|head| {
            let kv = head / (step.heads / step.kv_heads);
            let q = q.narrow(1, head * step.head_dim, step.head_dim).unwrap();
            let k = k.narrow(1, kv * step.head_dim, step.head_dim).unwrap();
            let v = v.narrow(1, kv * step.head_dim, step.head_dim).unwrap();
            let mut scores = (q.matmul(&k.t().unwrap()).unwrap() * f64::from(step.scale)).unwrap();
            if let Some(cap) = step.softcap {
                scores = ((scores / f64::from(cap)).unwrap().tanh().unwrap() * f64::from(cap)).unwrap();
            }
            let scores = (scores + &blocked).unwrap();
            let greatest = scores.max_keepdim(1).unwrap().detach();
            let e = scores.broadcast_sub(&greatest).unwrap().exp().unwrap();
            let p = e.broadcast_div(&e.sum_keepdim(1).unwrap()).unwrap();
            p.matmul(&v.contiguous().unwrap()).unwrap()
        })
        .collect();
    Tensor::cat(&outputs, 1).unwrap()
}

pub fn activation(kind: Activation, x: &Tensor) -> Tensor {
    match kind {
        Activation::Silu => (x * ((x.neg().unwrap().exp().unwrap() + 1.0).unwrap().recip().unwrap())).unwrap(),
        Activation::GeluTanh => {
            let cube = (x.sqr().unwrap() * x).unwrap();
            let inner = ((x + (cube * 0.044_715).unwrap()).unwrap() * (2.0 / std::f64::consts::PI).sqrt()).unwrap();
            ((x * 0.5).unwrap() * (inner.tanh().unwrap() + 1.0).unwrap()).unwrap()
        }
    }
}

/// `log softmax` over rows.
pub fn log_softmax(x: &Tensor) -> Tensor {
    let greatest = x.max_keepdim(1).unwrap().detach();
    let shifted = x.broadcast_sub(&greatest).unwrap();
    let total = shifted.exp().unwrap().sum_keepdim(1).unwrap().log().unwrap();
    shifted.broadcast_sub(&total).unwrap()
}

pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// `|a - b| / |b|` in Frobenius norm.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / norm(&mut b.iter().map(|b| f64::from(*b))).max(1e-30)
}

/// Fails where two tensors differ by more than `tolerance`, or where the oracle's is zero and so proves nothing.
#[track_caller]
pub fn close(what: &str, ours: &Tensor, oracle: &Tensor, tolerance: f64) {
    let (ours, oracle) = (values(ours), values(oracle));
    assert!(oracle.iter().any(|x| x.abs() > 1e-6), "{what}: the oracle is all zeros");
    let d = distance(&ours, &oracle);
    assert!(d <= tolerance, "{what}: relative distance {d:.2e} > {tolerance:.0e}");
}

/// Segments of several lengths, one of them on top of another's rows (a shared prefix), with more rows than a block of attention.
pub fn batch(vocabulary: u32) -> Batch {
    let mut numbers = Numbers::new(77);
    let mut tokens = |count: usize| -> Vec<u32> {
        (0..count)
            .map(|_| ((numbers.next() + 1.0) * 0.5 * vocabulary as f32) as u32 % vocabulary)
            .collect()
    };
    let mut batch = Batch::default();
    batch.push(&tokens(7), &[], &(0..7).collect::<Vec<_>>());
    batch.push(&tokens(70), &[], &(7..77).collect::<Vec<_>>());
    // Sees the first five rows of segment 0, then its own.
    batch.push(&tokens(6), &[0, 1, 2, 3, 4], &(77..83).collect::<Vec<_>>());
    batch.push(&tokens(1), &[], &[83]);
    batch.push(&tokens(2), &[7, 8, 9], &[84, 85]);
    batch
}

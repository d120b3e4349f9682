//! Plain oracles: every step once more, slowly, in f64 and from the file's own bytes. The self-test and the tests compare the kernels with these.
//!
//! Nothing here shares code with the kernels or with [`crate::repack`]: [`dequantize`] reads ggml's blocks as ggml's format describes them.

pub mod attention;
pub mod dequantize;
pub mod random;

use decoder::step::Activation;

/// `x Wᵀ + b`: `x: [T, in]`, `w: [out, in]` → `[T, out]`.
pub fn linear(x: &[f64], w: &[f64], bias: Option<&[f64]>, inputs: usize) -> Vec<f64> {
    let outputs = w.len() / inputs;
    let mut y = Vec::with_capacity(x.len() / inputs * outputs);
    for x in x.chunks_exact(inputs) {
        for (o, w) in w.chunks_exact(inputs).enumerate() {
            y.push(x.iter().zip(w).map(|(a, b)| a * b).sum::<f64>() + bias.map_or(0.0, |b| b[o]));
        }
    }
    y
}

/// Root-mean-square norm of rows of `width`.
pub fn norm(x: &[f64], weight: &[f64], eps: f64, offset: f64, width: usize) -> Vec<f64> {
    x.chunks_exact(width)
        .flat_map(|row| {
            let mean = row.iter().map(|v| v * v).sum::<f64>() / width as f64;
            let scale = 1.0 / (mean + eps).sqrt();
            row.iter().zip(weight).map(move |(v, w)| v * scale * (offset + w))
        })
        .collect()
}

/// Rotates heads of width `dim` in rows of `width`. `angles(position, i)` is the angle of pair `i`.
pub fn rope(x: &mut [f64], width: usize, dim: usize, interleaved: bool, positions: &[u32], angles: impl Fn(u32, usize) -> f64) {
    for (row, &position) in x.chunks_exact_mut(width).zip(positions) {
        for head in row.chunks_exact_mut(dim) {
            for i in 0..dim / 2 {
                let (a, b) = if interleaved { (2 * i, 2 * i + 1) } else { (i, i + dim / 2) };
                let (sin, cos) = angles(position, i).sin_cos();
                (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[b] * cos + head[a] * sin);
            }
        }
    }
}

/// The gate's activation.
pub fn activation(kind: Activation, x: f64) -> f64 {
    match kind {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::GeluTanh => 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh()),
    }
}

/// `cap tanh(x / cap)`, or `x`.
pub fn softcap(cap: Option<f32>, x: f64) -> f64 {
    cap.map_or(x, |cap| f64::from(cap) * (x / f64::from(cap)).tanh())
}

/// Log-softmax of a row.
pub fn log_softmax(row: &[f64]) -> Vec<f64> {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = top + row.iter().map(|v| (v - top).exp()).sum::<f64>().ln();
    row.iter().map(|v| v - log_sum).collect()
}

/// `f32` values as `f64`.
pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

//! Checks of products of packed bytes, in the two steps that they take: inputs to bytes, and bytes times weights.

use super::{Made, error, magnitudes};
use crate::WebGpuBackend;
use crate::oracle::random::{Halves, Random};
use crate::oracle::{self, wide};
use decoder::step::ProjectAdd;
use decoder::{Backend, DType, Result};

/// How far a product of packed bytes is off.
#[derive(Clone, Copy, Debug)]
pub struct PackedError {
    /// Largest `|x - d q|` in units of its scale `d`; infinite where `d` is not the largest of 32 over 127. Rounding gives a half.
    pub input: f64,
    /// Of the product, against an oracle that multiplies the device's own bytes and scales; relative to `Σ |w x|`.
    pub product: f64,
    /// Of the product, against an oracle that multiplies the inputs as they were; relative to `Σ |w x|`.
    pub exact: f64,
}

/// `x + a Wᵀ`, through `project_add`. The backend's arithmetic must be one with packed bytes for this number of rows.
pub async fn packed(b: &WebGpuBackend, dtype: DType, rows: usize, inputs: usize, outputs: usize, halves: Halves) -> Result<PackedError> {
    let mut random = Random(rows as u64 * 7 + inputs as u64);
    let w = Made::random(b, dtype, outputs, inputs, halves, &mut random)?;
    let mut a = random.values(rows * inputs);
    // Blocks of every size, one of nothing.
    for (i, block) in a.chunks_exact_mut(32).enumerate() {
        let gain = [1.0, 30.0, 1e-3, 0.0, 0.2][i % 5];
        block.iter_mut().for_each(|v| *v *= gain);
    }
    let x = vec![0.0; rows * outputs];
    let step = ProjectAdd {
        project: w.linear(None),
        post_norm: None,
    };
    let input = b.tensor(&a, rows, inputs)?;
    let y = b.project_add(&step, &input, &b.tensor(&x, rows, outputs)?)?;
    let got = b.read(&y).await?;
    let words = b.packed_words(&input).await?;
    let a = wide(&a);
    let (mut rounded, mut worst) = (Vec::with_capacity(a.len()), 0.0f64);
    let row_words = inputs / 4 + inputs / 32;
    for (row, words) in a.chunks_exact(inputs).zip(words.chunks_exact(row_words)) {
        let (bytes, scales) = words.split_at(inputs / 4);
        for ((block, bytes), &scale) in row.chunks_exact(32).zip(bytes.chunks_exact(8)).zip(scales) {
            let d = f64::from(f32::from_bits(scale));
            let wanted = block.iter().fold(0.0f64, |m, v| m.max(v.abs())) / 127.0;
            // The division of WGSL may be off by 2.5 ulps.
            if (d - wanted).abs() > 4e-7 * wanted {
                worst = f64::INFINITY;
            }
            for (i, v) in block.iter().enumerate() {
                let q = (bytes[i / 4] >> (8 * (i % 4))) as u8 as i8;
                rounded.push(d * f64::from(q));
                if d > 0.0 {
                    worst = worst.max((v - d * f64::from(q)).abs() / d);
                }
            }
        }
    }
    // A row of nothing but zeros must give zeros.
    let scale: Vec<f64> = magnitudes(&a, &w.values, inputs)
        .into_iter()
        .map(|s| s.max(f64::MIN_POSITIVE))
        .collect();
    let same = oracle::linear(&rounded, &w.values, None, inputs);
    let exact = oracle::linear(&a, &w.values, None, inputs);
    Ok(PackedError {
        input: worst,
        product: error(&got, &same, |i| scale[i]),
        exact: error(&got, &exact, |i| scale[i]),
    })
}

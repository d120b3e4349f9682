//! ggml's formats for weights: values to bytes and back, in plain scalar Rust.
//!
//! This is the oracle for every kernel that computes on quantised weights, and what the export writes. One file per family; each says
//! its layout. `d`, `dmin`, `m` are 16-bit floats; all arithmetic is in `f32` and in ggml's order, so that dequantised values are equal
//! to ggml's bit for bit. Quantisers of the 32-value formats make ggml's bytes; those of the K formats make their own, with an error
//! that is no larger (`tests/quants.rs`).

mod fit;
mod k_scales;
mod plain;
mod q2_k;
mod q3_k;
mod q4;
mod q4_k;
mod q5;
mod q5_k;
mod q6_k;
mod q8;
mod recipe;

use crate::error::{Error, Result};
use decoder::DType;
use half::f16;

pub use recipe::Recipe;

/// A format: how `LEN` values become `BYTES` bytes.
trait Format {
    const DTYPE: DType;

    /// `bytes` is one block, `out` its values.
    fn dequantize(bytes: &[u8], out: &mut [f32]);

    /// `values` are one block, all finite; `out` its bytes, zeroed.
    fn quantize(values: &[f32], out: &mut [u8]);
}

/// Calls `$function::<Format>($arguments)` for the format of `$dtype`.
macro_rules! by_format {
    ($dtype:expr, $function:ident($($argument:expr),*)) => {
        match $dtype {
            DType::F32 => $function::<plain::F32>($($argument),*),
            DType::F16 => $function::<plain::F16>($($argument),*),
            DType::BF16 => $function::<plain::Bf16>($($argument),*),
            DType::Q4_0 => $function::<q4::Q4_0>($($argument),*),
            DType::Q4_1 => $function::<q4::Q4_1>($($argument),*),
            DType::Q5_0 => $function::<q5::Q5_0>($($argument),*),
            DType::Q5_1 => $function::<q5::Q5_1>($($argument),*),
            DType::Q8_0 => $function::<q8::Q8_0>($($argument),*),
            DType::Q2_K => $function::<q2_k::Q2K>($($argument),*),
            DType::Q3_K => $function::<q3_k::Q3K>($($argument),*),
            DType::Q4_K => $function::<q4_k::Q4K>($($argument),*),
            DType::Q5_K => $function::<q5_k::Q5K>($($argument),*),
            DType::Q6_K => $function::<q6_k::Q6K>($($argument),*),
        }
    };
}

/// Values of `bytes`, which are whole blocks of `dtype`. `out` has one place for each value.
pub fn dequantize(dtype: DType, bytes: &[u8], out: &mut [f32]) -> Result<()> {
    if dtype.row_bytes(out.len()) != Some(bytes.len()) {
        return Err(Error::Values(format!(
            "{} bytes of {dtype} are not {} values",
            bytes.len(),
            out.len()
        )));
    }
    by_format!(dtype, dequantize_blocks(bytes, out));
    Ok(())
}

fn dequantize_blocks<F: Format>(bytes: &[u8], out: &mut [f32]) {
    let blocks = bytes.chunks_exact(F::DTYPE.block_bytes());
    for (block, out) in blocks.zip(out.chunks_exact_mut(F::DTYPE.block_len())) {
        F::dequantize(block, out);
    }
}

/// Appends `values` in `dtype` to `out`. They must be whole blocks and finite, and fit a 16-bit float where the format uses one.
pub fn quantize(dtype: DType, values: &[f32], out: &mut Vec<u8>) -> Result<()> {
    let Some(bytes) = dtype.row_bytes(values.len()) else {
        return Err(Error::Values(format!(
            "{} values are no whole number of {dtype} blocks of {}",
            values.len(),
            dtype.block_len()
        )));
    };
    let largest = if matches!(dtype, DType::F32 | DType::BF16) {
        f32::MAX
    } else {
        f16::MAX.to_f32()
    };
    if let Some((index, value)) = values.iter().enumerate().find(|(_, value)| value.is_nan() || value.abs() > largest) {
        return Err(Error::Values(format!("value {index} is {value}, which {dtype} cannot hold")));
    }
    let start = out.len();
    out.resize(start + bytes, 0);
    by_format!(dtype, quantize_all(values, &mut out[start..]));
    Ok(())
}

/// Values for which starting a thread pays.
#[cfg(not(target_arch = "wasm32"))]
const PER_THREAD: usize = 1 << 17;

#[cfg(not(target_arch = "wasm32"))]
fn quantize_all<F: Format>(values: &[f32], out: &mut [u8]) {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(values.len() / PER_THREAD);
    if threads < 2 || F::DTYPE.block_len() == 1 {
        return quantize_blocks::<F>(values, out);
    }
    let blocks = (values.len() / F::DTYPE.block_len()).div_ceil(threads);
    std::thread::scope(|scope| {
        let outs = out.chunks_mut(blocks * F::DTYPE.block_bytes());
        for (values, out) in values.chunks(blocks * F::DTYPE.block_len()).zip(outs) {
            scope.spawn(move || quantize_blocks::<F>(values, out));
        }
    });
}

#[cfg(target_arch = "wasm32")]
fn quantize_all<F: Format>(values: &[f32], out: &mut [u8]) {
    quantize_blocks::<F>(values, out);
}

fn quantize_blocks<F: Format>(values: &[f32], out: &mut [u8]) {
    let blocks = values.chunks_exact(F::DTYPE.block_len());
    for (values, block) in blocks.zip(out.chunks_exact_mut(F::DTYPE.block_bytes())) {
        F::quantize(values, block);
    }
}

/// The 16-bit float at byte `at`.
fn get_f16(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// Stores `value` as a 16-bit float at byte `at`, and returns what was stored.
fn put_f16(bytes: &mut [u8], at: usize, value: f32) -> f32 {
    let value = f16::from_f32(value);
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    value.to_f32()
}

/// `1 / x`, or 0 for 0.
fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

/// Nearest whole number between `low` and `high`; ties to even.
fn nearest(x: f32, low: i32, high: i32) -> i32 {
    round(x, low as f32, high as f32) as i32
}

/// As [`nearest`], staying in floating point.
fn round(x: f32, low: f32, high: f32) -> f32 {
    // Adding 1.5 * 2^23 leaves no bits for a fraction; the bounds are far smaller.
    const SHIFT: f32 = 12_582_912.0;
    (x.max(low).min(high) + SHIFT) - SHIFT
}

/// The value of largest magnitude, with its sign; the first of several.
fn extreme(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(0.0f32, |best, &value| if value.abs() > best.abs() { value } else { best })
}

/// Smallest and largest value.
fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
        (low.min(value), high.max(value))
    })
}

//! Which kernel multiplies what: by format, by the number of rows, and by what the processor has.

use super::layout::Layout;
use super::prompt::{TILE, tile};
use super::simd::Simd;
use super::token::{FEW, few};
use super::{Activations, QuantizedMatrix};
use crate::matrix::transpose;
use crate::parallel;
use decoder::DType;

/// Products of fewer weights than this are not worth waking other cores for.
const SERIAL: usize = 1 << 15;

/// What a core does at a time.
#[derive(Clone, Copy)]
enum Kernel {
    /// Any number of weight rows, few rows of activations; `out: [weight rows, T]`.
    Few,
    /// One tile; `out: [T, TILE]`.
    Tile,
}

impl QuantizedMatrix {
    /// True for the block formats; F16 and BF16 are multiplied in F32.
    pub fn has_fast_product(&self) -> bool {
        !matches!(self.dtype(), DType::F32 | DType::F16 | DType::BF16)
    }
}

/// `x Wᵀ: [T, rows]`, `W` in a block format.
pub fn product(matrix: &QuantizedMatrix, x: &Activations) -> Vec<f32> {
    assert!(
        matrix.has_fast_product() && x.cols == matrix.cols(),
        "a block format, as wide as the activations"
    );
    let (outputs, row_bytes) = (matrix.rows(), matrix.row_bytes());
    let bytes = matrix.bytes();
    if x.rows == 0 || outputs == 0 {
        return vec![0.0; x.rows * outputs];
    }
    if x.rows <= FEW {
        let mut out = vec![0f32; outputs * x.rows];
        let small = outputs * x.cols <= SERIAL;
        let rows = if small { outputs } else { (SERIAL / x.cols).clamp(8, 256) };
        parallel::chunks(&mut out, rows * x.rows, |index, out| {
            let count = out.len() / x.rows;
            run(
                Kernel::Few,
                matrix.dtype(),
                &bytes[index * rows * row_bytes..][..count * row_bytes],
                x,
                out,
            );
        });
        return transpose(&out, outputs, x.rows);
    }
    let mut tiles = vec![0f32; outputs.div_ceil(TILE) * x.rows * TILE];
    parallel::chunks(&mut tiles, x.rows * TILE, |index, out| {
        let count = TILE.min(outputs - index * TILE);
        run(
            Kernel::Tile,
            matrix.dtype(),
            &bytes[index * TILE * row_bytes..][..count * row_bytes],
            x,
            out,
        );
    });
    let mut y = vec![0f32; x.rows * outputs];
    parallel::chunks(&mut y, outputs, |t, y| {
        for (index, y) in y.chunks_mut(TILE).enumerate() {
            y.copy_from_slice(&tiles[(index * x.rows + t) * TILE..][..y.len()]);
        }
    });
    y
}

#[inline(always)]
unsafe fn run_with<S: Simd>(kernel: Kernel, dtype: DType, rows: &[u8], x: &Activations, out: &mut [f32]) {
    let layout = Layout::of::<S>(dtype);
    // SAFETY: the caller's promise about instructions.
    unsafe {
        match kernel {
            Kernel::Few => few::<S>(&layout, rows, x, out),
            Kernel::Tile => tile::<S>(&layout, rows, x, out),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(kernel: Kernel, dtype: DType, rows: &[u8], x: &Activations, out: &mut [f32]) {
    // SAFETY: this function has AVX2 and FMA.
    unsafe { run_with::<super::simd::Avx2>(kernel, dtype, rows, x, out) }
}

#[cfg(not(target_arch = "wasm32"))]
fn run(kernel: Kernel, dtype: DType, rows: &[u8], x: &Activations, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: checked in the line above.
        return unsafe { run_avx2(kernel, dtype, rows, x, out) };
    }
    // SAFETY: plain loops.
    unsafe { run_with::<super::simd::Portable>(kernel, dtype, rows, x, out) }
}

#[cfg(target_arch = "wasm32")]
fn run(kernel: Kernel, dtype: DType, rows: &[u8], x: &Activations, out: &mut [f32]) {
    // SAFETY: a module compiled with these instructions only loads where they are.
    unsafe { run_with::<super::simd::Simd128>(kernel, dtype, rows, x, out) }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// What runs on processors without AVX2 gives what AVX2 gives: integers are equal, F32 sums differ in rounding.
    #[test]
    fn plain_loops_agree_with_avx2() {
        assert!(
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            "this test needs AVX2 and FMA"
        );
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        for dtype in DType::ALL.into_iter().filter(|dtype| dtype.block_len() > 1) {
            let cols = 512;
            let row_bytes = dtype.row_bytes(cols).unwrap();
            // Any bytes are a block; exponents of scales are kept small, so that nothing is infinite.
            let rows: Vec<u8> = (0..TILE * row_bytes).map(|_| (random() & 0x37) as u8).collect();
            let values: Vec<f32> = (0..5 * cols).map(|_| random() as f32 / 8e6 - 1.0).collect();
            for (kernel, x) in [(Kernel::Few, &values[..2 * cols]), (Kernel::Tile, &values[..])] {
                let x = Activations::quantize(x, cols);
                let mut fast = vec![0f32; x.rows * TILE];
                let mut plain = fast.clone();
                // SAFETY: asserted above.
                unsafe { run_avx2(kernel, dtype, &rows, &x, &mut fast) };
                // SAFETY: plain loops.
                unsafe { run_with::<crate::quant::simd::Portable>(kernel, dtype, &rows, &x, &mut plain) };
                let scale = fast.iter().fold(0f32, |a, b| a.max(b.abs()));
                assert!(scale > 0.0 && scale.is_finite(), "{dtype}");
                for (a, b) in fast.iter().zip(&plain) {
                    assert!((a - b).abs() <= scale * 1e-5, "{dtype}: {a} {b}");
                }
            }
        }
    }
}

//! Which kernel multiplies what: by format, by the number of rows, and by what the processor has.

use super::layout::{Layout, TILE};
use super::prompt::tile;
use super::token::{FEW, few};
use super::{Activations, QuantizedMatrix};
use crate::parallel;
use crate::simd::{self, Kernel, Simd};
use decoder::DType;

/// Products of fewer weights than this are not worth waking other cores for.
const SERIAL: usize = 1 << 15;

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
    let kind = if x.rows <= FEW { Kind::Few } else { Kind::Many };
    // Tiles that a core does at a time.
    let together = match kind {
        Kind::Few if outputs * x.cols <= SERIAL => outputs.div_ceil(TILE),
        Kind::Few => (SERIAL / x.cols).clamp(TILE, 256) / TILE,
        Kind::Many => 1,
    };
    let mut tiles = vec![0f32; outputs.div_ceil(TILE) * x.rows * TILE];
    parallel::chunks(&mut tiles, together * x.rows * TILE, |index, out| {
        let first = index * together * TILE;
        let count = (out.len() / x.rows).min(outputs - first);
        simd::run(Product {
            kind,
            dtype: matrix.dtype(),
            rows: &bytes[first * row_bytes..][..count * row_bytes],
            x,
            out,
        });
    });
    if x.rows == 1 {
        tiles.truncate(outputs);
        return tiles;
    }
    let mut y = vec![0f32; x.rows * outputs];
    parallel::chunks(&mut y, outputs, |t, y| {
        for (index, y) in y.chunks_mut(TILE).enumerate() {
            let tile = &tiles[(index * x.rows + t) * TILE..][..TILE];
            match <&mut [f32; TILE]>::try_from(&mut *y) {
                Ok(y) => y.copy_from_slice(tile), // one vector, no call
                Err(_) => y.copy_from_slice(&tile[..y.len()]),
            }
        }
    });
    y
}

#[derive(Clone, Copy)]
enum Kind {
    /// Up to [`FEW`] rows of activations, any number of tiles.
    Few,
    /// Any number of rows, one tile.
    Many,
}

/// What a core does at a time: `rows`, bytes of whole weight rows, times `x`, added to `out: [tiles, T, TILE]`.
struct Product<'a> {
    kind: Kind,
    dtype: DType,
    rows: &'a [u8],
    x: &'a Activations,
    out: &'a mut [f32],
}

impl Kernel for Product<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let layout = Layout::of::<S>(self.dtype);
        // SAFETY: the caller's promise.
        unsafe {
            match self.kind {
                Kind::Few => few::<S>(&layout, self.rows, self.x, self.out),
                Kind::Many => tile::<S>(&layout, self.rows, self.x, self.out),
            }
        }
    }
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
            for (kind, x) in [(Kind::Few, &values[..2 * cols]), (Kind::Many, &values[..])] {
                let x = Activations::quantize(x, cols);
                let mut fast = vec![0f32; x.rows * TILE];
                let mut plain = fast.clone();
                fn on<'a>(kind: Kind, dtype: DType, rows: &'a [u8], x: &'a Activations, out: &'a mut [f32]) -> Product<'a> {
                    Product { kind, dtype, rows, x, out }
                }
                simd::run(on(kind, dtype, &rows, &x, &mut fast));
                // SAFETY: plain loops.
                unsafe { on(kind, dtype, &rows, &x, &mut plain).run::<simd::Portable>() };
                let scale = fast.iter().fold(0f32, |a, b| a.max(b.abs()));
                assert!(scale > 0.0 && scale.is_finite(), "{dtype}");
                for (a, b) in fast.iter().zip(&plain) {
                    assert!((a - b).abs() <= scale * 1e-5, "{dtype}: {a} {b}");
                }
            }
        }
    }
}

//! The exact product: a tile of weight rows becomes F32, then multiplies all rows of activations.

use crate::matrix::{Cores, Mat, multiply, transpose};
use crate::parallel;
use crate::quant::QuantizedMatrix;

/// Weight rows of a tile.
const TILE: usize = 32;

/// `x: [T, cols]` → `x Wᵀ: [T, rows]`.
pub fn exact_product(matrix: &QuantizedMatrix, x: &[f32], rows: usize) -> Vec<f32> {
    let (outputs, inputs) = (matrix.rows(), matrix.cols());
    // Tiles of the transposed result are contiguous, so cores write to their own memory.
    let mut transposed = vec![0f32; outputs * rows];
    if rows == 0 {
        return transposed;
    }
    parallel::chunks(&mut transposed, TILE * rows, |index, out| {
        let height = out.len() / rows;
        let mut tile = vec![0f32; height * inputs];
        matrix.dequantize_rows(index * TILE, &mut tile);
        multiply(
            out,
            rows,
            Mat::new(&tile, height, inputs),
            Mat::new(x, rows, inputs).t(),
            false,
            Cores::One,
        );
    });
    transpose(&transposed, outputs, rows)
}

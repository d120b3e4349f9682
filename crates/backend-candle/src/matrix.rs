//! Dense matrix products on slices: a safe wrapper of `gemm`, the crate candle multiplies with.
//!
//! candle's own `matmul` allocates its result and cannot add to one; gradients need both.

use gemm::Parallelism;

/// A strided view of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    /// Row-major `[rows, cols]`.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize) -> Mat<'a> {
        Mat::strided(data, rows, cols, cols)
    }

    /// Rows of `cols` values, `row_stride` apart.
    pub(crate) fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Mat<'a> {
        assert!(
            rows == 0 || cols == 0 || (rows - 1) * row_stride + cols <= data.len(),
            "matrix outside its slice"
        );
        Mat {
            data,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    /// The transpose, without a copy.
    pub(crate) fn t(self) -> Mat<'a> {
        Mat {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// Whether a product may use all cores. Products inside a parallel loop use one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    One,
    All,
}

/// `out = a b`, or `out += a b`, where rows of `out` (`a.rows × b.cols`) are `out_stride` apart.
pub(crate) fn multiply(out: &mut [f32], out_stride: usize, a: Mat, b: Mat, add: bool, cores: Cores) {
    assert_eq!(a.cols, b.rows, "inner widths of a matrix product");
    let (m, n, k) = (a.rows, b.cols, a.cols);
    if m == 0 || n == 0 {
        return;
    }
    assert!((m - 1) * out_stride + n <= out.len(), "product outside its slice");
    let parallelism = match cores {
        Cores::One => Parallelism::None,
        #[cfg(target_arch = "wasm32")]
        Cores::All => Parallelism::None,
        #[cfg(not(target_arch = "wasm32"))]
        Cores::All => Parallelism::Rayon(0),
    };
    // SAFETY: `Mat` and the assertion above keep every access inside the slices; `out` is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            add,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            if add { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Row-major `[rows, cols]` → row-major `[cols, rows]`.
pub(crate) fn transpose(data: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    const TILE: usize = 16;
    if rows == 1 || cols == 1 {
        return data.to_vec();
    }
    let mut out = vec![0f32; rows * cols];
    for row_tile in (0..rows).step_by(TILE) {
        for col_tile in (0..cols).step_by(TILE) {
            for row in row_tile..rows.min(row_tile + TILE) {
                for col in col_tile..cols.min(col_tile + TILE) {
                    out[col * rows + row] = data[row * cols + col];
                }
            }
        }
    }
    out
}

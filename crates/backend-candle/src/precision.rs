//! The one choice that this backend leaves to its user.

/// How products with quantised weights treat activations. Products with F32 weights are the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// Activations become 16-bit integers with one scale for 32 values, so that products are integer dot products.
    /// Within 1e-4 (relative Frobenius) of [`Precision::Exact`]: a hundredth of what 8-bit activations (ggml's) lose.
    #[default]
    Fast,
    /// Weights become F32, a few rows at a time, and products are F32: what a GPU or a test compares itself with.
    Exact,
}

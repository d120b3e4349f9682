//! The steps of the model, and their backward, on candle-core: the plain reference, the trainer's CPU path, and the fallback in a browser.
//!
//! Activations and F32 weights are candle tensors (CPU, contiguous, `[rows, width]`); quantised weights are candle's `QTensor`s and stay
//! quantised. Steps are loops over slices and calls of `gemm`, the matrix product candle itself uses: one pass over memory where a chain of
//! tensor operations would make six, and no autograd graph. candle's autograd is only the oracle of the tests.
//!
//! What must hold: nothing here changes a tensor after it was returned, except the optimiser, which updates weights and moments in place
//! (every clone of a weight's handle sees the update).
//!
//! Where to go next: [`CandleBackend`]; one file a step ([`embed`], [`qkv`], [`attention`], [`output`], [`mlp`], [`head`]), forward above
//! backward; [`quant`] for products with quantised weights.

// Loops over lanes and columns index several arrays alike; iterators would hide which.
#![allow(clippy::needless_range_loop)]

mod attention;
mod attention_backward;
mod attention_kernel;
mod backend;
mod cache;
mod differentiable;
mod embed;
mod head;
mod head_loss;
mod linear;
mod math;
mod matrix;
mod mlp;
mod norm;
mod optimizer;
mod output;
mod parallel;
mod precision;
mod qkv;
pub mod quant;
mod rope;
mod simd;
mod tensor;
mod weight;

pub use backend::CandleBackend;
pub use cache::Cache;
pub use differentiable::Saved;
pub use precision::Precision;
pub use weight::{Upload, Weight};

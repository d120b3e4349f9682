//! Products with quantised weights.
//!
//! candle's own product multiplies row by row and unpacks a weight again for every row of activations; that will do for one token and not for
//! a prompt. Here weights are unpacked a few rows at a time into 16-bit integers and used for all rows of activations, which are 16-bit integers
//! too: one instruction of every processor (and of wasm's SIMD) multiplies and adds such numbers in pairs, and 16 bits lose a hundredth of
//! what ggml's 8-bit activations do.
//!
//! `format` and `k_formats`: the layouts of ggml's blocks; `layout`: the same as data. `activations`: the other side. `prompt`: products of
//! many rows, `token`: of one or a few. `simd`: the instructions. `exact`: products in F32, which the others are tested against.

mod activations;
mod exact;
mod format;
mod k_formats;
mod layout;
mod matrix;
mod product;
mod prompt;
mod simd;
mod token;

pub use activations::Activations;
pub use exact::exact_product;
pub use matrix::QuantizedMatrix;
pub use product::product;

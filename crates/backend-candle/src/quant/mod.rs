//! Products with quantised weights.
//!
//! candle's own product multiplies row by row and unpacks a weight again for every row of activations; that will do for one token and not for
//! a prompt. Here weights are unpacked a few rows at a time into 16-bit integers and used for all rows of activations, which are 16-bit integers
//! too: one instruction of every processor (and of wasm's SIMD) multiplies and adds such numbers in pairs, and 16 bits lose a hundredth of
//! what ggml's 8-bit activations do.
//!
//! `format` and `k_formats`: the layouts of ggml's blocks; `layout`: the same as data. `activations`: the other side. `prompt`: products of
//! many rows, `token`: of one or a few. `exact`: products in F32, which the others are tested against.
//!
//! What must hold: a row's product is the same to the last bit, whatever rows stand beside it. Rounding to 16 bits makes chaos of a last bit:
//! sums in another order would move log-probabilities by 10⁻⁴ and more. So `token` adds in the order of `prompt`.

mod activations;
mod exact;
pub(crate) mod format;
mod k_formats;
mod layout;
mod matrix;
mod product;
mod prompt;
mod token;

pub use activations::Activations;
pub use exact::exact_product;
pub use matrix::QuantizedMatrix;
pub use product::product;

//! Products with quantised weights.
//!
//! candle's own product multiplies row by row and unpacks a weight again for every row of activations; that will do for one token and not for
//! a prompt. Here weights are unpacked a few rows at a time and used for all rows of activations.

mod exact;
mod matrix;

pub use exact::exact_product;
pub use matrix::QuantizedMatrix;

//! The language model, written once.
//!
//! A decoder-only transformer as data ([`Config`]) and a few large steps ([`step`]) that a [`Backend`] carries out.
//! Symbols used in every shape: `T` rows (tokens) of a batch, `d` model width, `H` query heads, `K` key/value heads,
//! `D` width of a head, `f` width of the MLP, `V` vocabulary, `R` asked rows, `C` context slots of a segment.
//!
//! Where to go next: [`backend`] for the contract, [`model`] for the forward pass, [`tape`] for gradients,
//! [`score`], [`choices`] and [`generate`] for what users call.

pub mod backend;
pub mod batch;
pub mod cache;
pub mod choices;
pub mod config;
pub mod dtype;
pub mod error;
pub mod generate;
pub mod load;
pub mod model;
pub mod names;
pub mod prefix;
pub mod rope;
pub mod sample;
pub mod score;
pub mod session;
pub mod source;
pub mod step;
pub mod tape;
pub mod train;

pub use backend::{AdamW, Backend, CacheShape, Differentiable, Gradients, Qkv, Target};
pub use batch::{Batch, Segment};
pub use config::Config;
pub use dtype::DType;
pub use error::{Error, Result};
pub use model::Decoder;
pub use session::Session;
pub use source::{TensorInfo, TensorSource};

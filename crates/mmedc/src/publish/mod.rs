//! The corpus in the form that the Hugging Face hub and its `datasets` library read: a folder with `README.md` (the dataset card) and
//! `data/LANGUAGE/train-00000-of-00042.parquet`.
//!
//! - [`parquet`]: the rows
//! - [`card`]: the card, filled from the statistics

pub mod card;
pub mod parquet;

pub use card::{CardSettings, Split};
pub use parquet::ParquetWriter;

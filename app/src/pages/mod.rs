//! One page per file.

pub mod about;
pub mod benchmark;
pub mod history;
pub mod models;
pub mod quiz;
pub mod rating;

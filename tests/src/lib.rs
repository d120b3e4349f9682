//! What crosses rooms: backend against backend, reference numbers against both, and the helpers that these tests share.

pub mod oracle;
pub mod question_scoring;
pub mod random_model;

pub use conformance::folder as conformance;

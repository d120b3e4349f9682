//! The engine as a kit: a dedicated Web Worker that owns device, model and cache, and the typed protocol that it speaks.
//!
//! - [`protocol`]: the messages. Always there, and without features the only thing here.
//! - [`client`] (feature `client`): the page's end in Rust.
//!
//! The JavaScript end is `www/mmedkit.js`, which speaks the same messages; the names of its fields are this crate's in camel case.

#[cfg(feature = "client")]
pub mod client;
pub mod protocol;
#[cfg(feature = "engine")]
pub mod engine;

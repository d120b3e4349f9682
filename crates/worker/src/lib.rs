//! The engine as a kit: a dedicated Web Worker that owns device, model and cache, and the typed protocol that it speaks.
//!
//! - [`protocol`]: the messages. Always there, and without features the only thing here.
//! - [`client`] (feature `client`): the page's end in Rust.
//! - `engine` (feature `engine`): device, model and cache, and what a page can ask of them; knows no browser.
//! - `host` (feature `engine`, in browsers): puts the engine into a worker; the program `worker` starts it.
//!
//! The JavaScript end is `www/mmedkit.js`, which speaks the same messages; the names of its fields are this crate's in camel case.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(all(feature = "engine", target_arch = "wasm32"))]
pub mod host;
pub mod protocol;

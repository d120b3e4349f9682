//! `decoder::Backend` on WebGPU: in the browser, and natively on Vulkan, Metal and DirectX 12 through wgpu.
//!
//! Steps record dispatches of our own kernels (`kernels/*.wgsl`, one idea each); reading a result encodes them all into one compute pass and one
//! submit. Weights stay quantised in GPU memory ([`formats`]). Everything works within WebGPU's default limits, without optional features; what a
//! device has beyond them is chosen by [`arithmetic`] and measured by [`tune`].
//!
//! Where to go next: [`backend`] for the contract, [`steps`] for what each step records, [`gpu`] for buffers and submits, [`kernel`] for
//! pipelines, [`self_test`] for why a device may be trusted.

pub mod arithmetic;
pub mod backend;
pub mod batch;
pub mod checks;
pub mod device;
pub mod formats;
pub mod gpu;
pub mod kernel;
pub mod oracle;
pub mod repack;
pub mod self_test;
pub mod steps;
#[cfg(target_arch = "wasm32")]
mod subgroups_web;
pub mod tune;
pub mod uniforms;
pub mod weight;

pub use arithmetic::{Arithmetic, Families, Family, Numbers};
pub use backend::WebGpuBackend;
pub use device::{AdapterInfo, Fault, Options};
pub use self_test::{Check, SelfTest};
pub use steps::{Cache, Tensor};
pub use tune::Tuning;
pub use weight::Weight;

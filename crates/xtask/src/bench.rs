//! `cargo xtask bench`: speed of every backend natively and in Chromium, beside a peer in the same run. Reports; judges nothing.
//!
//! The native half is the program `bench` of `mmedkit-tests`, which also writes the model files; the browser's half is
//! `tests/bench/browser.mjs`, on the built site. Both leave their figures as JSON in `target/bench`.

use anyhow::{Context, Result};

use crate::host::{Cmd, Host};
use crate::places::Places;
use crate::setup::{TestTools, Web};
use crate::web;

/// Measures. `webgpu` adds the browser's WebGPU, which without a graphics card is slow and says little.
pub fn bench(host: &dyn Host, places: &Places, web: &Web, tools: &TestTools, webgpu: bool) -> Result<()> {
    let figures = places.root.join("target/bench");
    let native = Cmd::line("cargo run --release -p mmedkit-tests --bin bench --")
        .arg(&figures)
        .dir(&places.root);
    host.run(&native)?;
    web::build(host, places, web)?;
    let folder = places.root.join("tests/bench");
    host.run(&Cmd::line("npm ci --no-audit --no-fund").dir(&folder))
        .context("the peer and the browser's driver could not be installed")?;
    let browser = Cmd::line("node tests/bench/browser.mjs")
        .arg(&figures)
        .args(webgpu.then_some("--webgpu"))
        .dir(&places.root)
        .env("MMEDKIT_CHROMIUM", &tools.chromium)
        .env("MMEDKIT_DIST", &places.dist);
    host.run(&browser)
}

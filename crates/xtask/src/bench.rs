//! `cargo xtask bench`: speed of every backend natively and in Chromium, beside a peer in the same run. Reports; judges nothing.
//!
//! The native half is the program `bench` of `mmedkit-tests`, which also writes the model files; the browser's half is
//! `tests/bench/browser.mjs`, on the built site. Both leave their figures as JSON in `target/bench`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::host::{Cmd, Host};
use crate::places::Places;
use crate::setup::{TestTools, Web};
use crate::web;

/// Text that the corpus pipeline is measured on.
fn corpus_text(host: &dyn Host, places: &Places) -> PathBuf {
    let conformance = host
        .env("MMEDKIT_CONFORMANCE")
        .map_or_else(|| places.root.join("../shared/data"), PathBuf::from);
    conformance.join("corpus")
}

/// Speed of every step of the corpus pipeline and of whole builds; see `crates/mmedc/examples/corpus_speed.rs`.
pub fn corpus(host: &dyn Host, places: &Places) -> Result<()> {
    let input = corpus_text(host, places);
    if !host.exists(&input) {
        bail!(
            "{}: no such folder of .txt files; MMEDKIT_CONFORMANCE names the one that holds `corpus`",
            input.display()
        );
    }
    let speed = Cmd::line("cargo run --release -p mmedkit-mmedc --example corpus_speed --")
        .arg(input)
        .arg(places.root.join("target/bench/corpus.json"))
        .dir(&places.root);
    host.run(&speed)
}

/// Measures, in the browser on the site as it is published. `webgpu` adds the browser's WebGPU, which without a graphics card is slow and says
/// little.
pub fn bench(host: &dyn Host, places: &Places, web: &Web, tools: &TestTools, webgpu: bool) -> Result<()> {
    let figures = places.root.join("target/bench");
    let native = Cmd::line("cargo run --release -p mmedkit-tests --bin bench --")
        .arg(&figures)
        .dir(&places.root);
    host.run(&native)?;
    if host.exists(&corpus_text(host, places)) {
        corpus(host, places)?;
    } else {
        println!("no text to measure the corpus pipeline on: MMEDKIT_CONFORMANCE names the folder that holds `corpus`");
    }
    web::build(host, places, web)?;
    web::publishable(host, places)?;
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

//! `cargo xtask`: the commands of this repository. `cargo xtask --help` lists them.
//!
//! - what is on the machine and what must be installed: `setup.rs`, which calls `wasm_target.rs` (with `debian_wasm.rs`
//!   where rustup cannot help), `web_tools.rs` and `system.rs`;
//! - the site: `web.rs`, `late_module.rs`, `size.rs`, `serve.rs` (on `http.rs`);
//! - the tests: `suite.rs`, `clusters.rs`, `report.rs`; the measurements: `bench.rs`;
//! - the machine behind a trait, so that all this is tested without installing anything: `host.rs`, `fake.rs`.

mod bench;
mod clusters;
mod debian_wasm;
#[cfg(test)]
mod fake;
mod host;
mod http;
mod late_module;
mod places;
mod report;
mod serve;
mod setup;
mod size;
mod suite;
mod system;
mod wasm_target;
mod web;
mod web_tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use host::Machine;
use places::Places;

/// Sets up, builds, tests and serves mmedkit.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find or install everything that building and testing need
    Setup,
    /// Build the app in release form and serve it on this machine
    Demo {
        /// Port on 127.0.0.1; 0 takes any free one
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Check format and lints, run the Rust tests and the browser tests
    Test {
        /// Instead, build a corpus on a real Slurm and a real Ray on this machine
        #[arg(long)]
        clusters: bool,
    },
    /// Build the app in release form into dist/
    BuildWeb,
    /// Build the static site for publishing into dist/ and say what it weighs
    Dist,
    /// Measure speed natively and in Chromium, beside a peer; figures go to target/bench
    Bench {
        /// Also measure WebGPU in Chromium, on whatever adapter it finds
        #[arg(long)]
        webgpu: bool,
        /// Measure only the corpus pipeline, on text repeated from $MMEDKIT_CONFORMANCE/corpus (../shared/data/corpus)
        #[arg(long)]
        corpus: bool,
    },
}

fn main() -> ExitCode {
    if let Some(code) = late_module::as_wasm_bindgen() {
        return code;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let host = &Machine;
    let places = &Places::find(host)?;
    match args.command {
        Command::Setup => {
            setup::web(host, places)?;
            setup::tests(host)?;
            println!("Everything is there.");
            Ok(())
        }
        Command::Demo { port } => {
            let web = setup::web(host, places)?;
            web::build(host, places, &web)?;
            serve::serve(&places.dist, port, |port| {
                println!("\nmmedkit is at http://127.0.0.1:{port} (Ctrl-C stops it)");
            })
        }
        Command::Test { clusters: false } => suite::test(host, places),
        Command::Test { clusters: true } => clusters::test(host, places),
        Command::BuildWeb => web::build(host, places, &setup::web(host, places)?),
        Command::Dist => web::dist(host, places, &setup::web(host, places)?),
        Command::Bench { corpus: true, .. } => bench::corpus(host, places),
        Command::Bench { webgpu, .. } => bench::bench(host, places, &setup::web(host, places)?, &setup::tests(host)?, webgpu),
    }
}

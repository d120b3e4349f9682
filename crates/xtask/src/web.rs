//! Building the site into `dist/`: trunk for every use, and for publishing (and its tests) also wasm-opt and the sizes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::host::{Answer, Cmd, Host};
use crate::late_module;
use crate::places::Places;
use crate::setup::Web;
use crate::size;
use crate::web_tools;

/// What each module of the pages may weigh when it travels (gzip), in bytes: the first paint waits for one of them.
pub const UI_WASM_LIMIT: u64 = 400_000;

/// Builds the site in release form.
pub fn build(host: &dyn Host, places: &Places, web: &Web) -> Result<()> {
    let answer = trunk(host, places, web)?;
    finished(&answer)
}

/// The same, and a warning in one of our crates is an error: for the compiler that has no clippy.
pub fn build_without_warnings(host: &dyn Host, places: &Places, web: &Web) -> Result<()> {
    let answer = trunk(host, places, web)?;
    finished(&answer)?;
    if let Some(line) = answer.stderr.lines().find(|line| is_warning_count(line)) {
        bail!("code for the browser compiles with warnings: {line}");
    }
    Ok(())
}

fn finished(answer: &Answer) -> Result<()> {
    if !answer.ok {
        bail!("the site could not be built: see trunk's messages above");
    }
    Ok(())
}

/// cargo's closing line for a crate of ours; it silences the warnings of all others.
fn is_warning_count(line: &str) -> bool {
    line.starts_with("warning: `") && line.contains(" generated ")
}

fn trunk(host: &dyn Host, places: &Places, web: &Web) -> Result<Answer> {
    // trunk runs offline, so that it never downloads tools by itself; what the crates need is fetched before.
    let fetch = Cmd::line("cargo fetch --quiet").dir(&places.root);
    host.run(&web.toolchain.on(fetch))?;
    // trunk reads NO_COLOR as its own option and refuses the usual value `1`.
    let build = Cmd::line("trunk build").dir(&places.root).without_env(&["NO_COLOR"]);
    let build = web.tools.on(host, web.toolchain.on(build))?;
    let answer = host.tee(&late_module::on(host, places, build)?)?;
    if answer.ok {
        late_module::place(places)?;
    }
    Ok(answer)
}

/// Builds the site for publishing, prints what it weighs, and refuses pages that are too heavy.
pub fn dist(host: &dyn Host, places: &Places, web: &Web) -> Result<()> {
    build(host, places, web)?;
    publishable(host, places)?;
    println!(
        "The site is in {}: any file server may serve it, under any path.",
        places.dist.display()
    );
    Ok(())
}

/// Turns a built site into the one that is published: its wasm files shrunk and weighed.
pub fn publishable(host: &dyn Host, places: &Places) -> Result<()> {
    let wasm_opt = web_tools::wasm_opt(host, places)?;
    for name in host.list(&places.dist) {
        if name.ends_with(".wasm") {
            // The pages should arrive early (sorted by name, like functions lie side by side, which packs better); the engine should run fast.
            let passes: &[&str] = if is_pages(&name) {
                &["-Oz", "--reorder-functions-by-name"]
            } else {
                &["-O2"]
            };
            shrink(host, &wasm_opt, passes, &places.dist.join(name))?;
        }
    }
    let files = size::weigh(&places.dist)?;
    print!("{}", size::table(&files));
    check_ui(&files)
}

fn shrink(host: &dyn Host, wasm_opt: &Path, passes: &[&str], wasm: &Path) -> Result<()> {
    let small = wasm.with_extension("small");
    // The features are those that rustc may use for this target; -O3 takes minutes on the engine and gains nothing.
    let cmd = Cmd::new(wasm_opt)
        .args(passes)
        .args([
            "--enable-simd",
            "--enable-bulk-memory",
            "--enable-sign-ext",
            "--enable-nontrapping-float-to-int",
            "--enable-mutable-globals",
            "--enable-multivalue",
            "--enable-reference-types",
        ])
        .arg(wasm)
        .arg("-o")
        .arg(&small);
    host.run(&cmd)?;
    fs::rename(&small, wasm).with_context(|| format!("cannot replace {}", wasm.display()))
}

/// What the first paint waits for. The worker's wasm keeps its name; the pages' wasm carries a hash in its own.
fn is_ui_wasm(path: &str) -> bool {
    path.ends_with("_bg.wasm") && path.starts_with("mmedkit-app")
}

/// The pages, those that are fetched later too.
fn is_pages(path: &str) -> bool {
    is_ui_wasm(path) || (path.starts_with("late-") && path.ends_with(".wasm"))
}

fn check_ui(files: &[size::File]) -> Result<()> {
    if !files.iter().any(|file| is_ui_wasm(&file.path)) {
        bail!("dist/ holds no mmedkit-app*_bg.wasm: does www/index.html still build ../app?");
    }
    if !files.iter().any(|file| is_pages(&file.path) && !is_ui_wasm(&file.path)) {
        bail!("dist/ holds no late-*.wasm: the app was not cut");
    }
    for file in files.iter().filter(|file| is_pages(&file.path)) {
        if file.gzip > UI_WASM_LIMIT {
            bail!(
                "{} weighs {} bytes compressed, the limit is {UI_WASM_LIMIT}: see what came in (`twiggy top`), or load it later (app/src/late.rs)",
                file.path,
                file.gzip
            );
        }
        println!("{}: {} of at most {UI_WASM_LIMIT} bytes compressed", file.path, file.gzip);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, gzip: u64) -> size::File {
        size::File {
            path: path.into(),
            bytes: 3 * gzip,
            gzip,
        }
    }

    #[test]
    fn heavy_pages_are_refused_and_a_heavy_engine_is_not() {
        let engine = file("worker_bg.wasm", 2_000_000);
        let (app, late) = (|n| file("mmedkit-app-1f_bg.wasm", n), |n| file("late-benchmark-2e.wasm", n));
        assert!(check_ui(&[app(UI_WASM_LIMIT), late(UI_WASM_LIMIT), engine]).is_ok());
        for heavy in [[app(UI_WASM_LIMIT + 1), late(1)], [app(1), late(UI_WASM_LIMIT + 1)]] {
            let error = check_ui(&heavy).unwrap_err();
            assert!(error.to_string().contains("400001"), "{error}");
        }
        assert!(check_ui(&[file("worker_bg.wasm", 1)]).is_err());
        assert!(check_ui(&[app(1)]).unwrap_err().to_string().contains("not cut"));
    }

    #[test]
    fn cargos_count_of_warnings_is_recognised() {
        assert!(is_warning_count(
            "warning: `mmedkit-app` (bin \"mmedkit-app\") generated 2 warnings"
        ));
        assert!(!is_warning_count("warning: the `target_features` custom section is missing"));
    }
}

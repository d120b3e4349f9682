//! `cargo xtask test`: everything that must hold before a change is taken.
//!
//! Rust tests run on Mesa's software Vulkan device; those that use a GPU run once more on the browser's own
//! (SwiftShader), which has a browser's limits and no 16-bit floats.

use anyhow::{Context, Result, bail};

use crate::debian_wasm::TARGET;
use crate::host::{Answer, Cmd, Host};
use crate::places::Places;
use crate::report::Report;
use crate::setup::{self, TestTools, Web};
use crate::web;

const WEB_PACKAGES: [&str; 2] = ["mmedkit-app", "mmedkit-worker"];
const GPU_PACKAGE: &str = "mmedkit-backend-webgpu";
/// Tests outside [`GPU_PACKAGE`] that use a GPU have this in their own name or in that of their file.
const GPU_TEST_NAME: &str = "webgpu";

pub fn test(host: &dyn Host, places: &Places) -> Result<()> {
    let mut report = Report::default();
    let tools = report.step("test tools", || setup::tests(host));
    let web = report.step("web tools", || setup::web(host, places));

    report.step("format", || host.run(&cargo(places, "fmt --all --check")));
    report.step("clippy", || {
        host.run(&cargo(places, "clippy --workspace --all-targets -- -D warnings"))
    });
    match &tools {
        Some(tools) => {
            report.suite("Rust tests", || host.tee(&rust_tests(places, tools)));
            if tools.nextest {
                report.step("documentation tests", || host.run(&cargo(places, "test --doc --workspace")));
            }
            report.suite("GPU tests on SwiftShader", || gpu_tests(host, places, tools));
        }
        None => {
            report.step("Rust tests", || needs("the test tools"));
        }
    }
    // The browser tests see the site as it is published.
    let site = match &web {
        Some(web) => report.step("web build", || {
            build_web(host, places, web)?;
            web::publishable(host, places)
        }),
        None => report.step("web build", || needs("the web tools")),
    };
    match (&tools, site) {
        (Some(tools), Some(())) => report.suite("browser tests", || browser_tests(host, places, tools)),
        _ => report.step("browser tests", || needs("the test tools and the web build")),
    };
    report.close()
}

fn needs(what: &str) -> Result<()> {
    bail!("not run: {what} failed")
}

fn cargo(places: &Places, line: &str) -> Cmd {
    Cmd::line(&format!("cargo {line}")).dir(&places.root)
}

/// Sets the one Vulkan driver that a test may find. Both names: older loaders know only the second.
fn on_driver(cmd: Cmd, driver: &std::path::Path) -> Cmd {
    cmd.env("VK_DRIVER_FILES", driver).env("VK_ICD_FILENAMES", driver)
}

fn rust_tests(places: &Places, tools: &TestTools) -> Cmd {
    let line = if tools.nextest {
        "nextest run --workspace --no-fail-fast"
    } else {
        "test --workspace --no-fail-fast"
    };
    on_driver(cargo(places, line), &tools.lavapipe)
}

fn gpu_tests(host: &dyn Host, places: &Places, tools: &TestTools) -> Result<Answer> {
    if tools.nextest {
        // The filter and not `-p`: choosing packages changes features, and would compile the workspace once more.
        let filter = format!("package({GPU_PACKAGE}) or test({GPU_TEST_NAME}) or binary(~{GPU_TEST_NAME})");
        let run = cargo(places, "nextest run --workspace --no-fail-fast -E").arg(filter);
        return host.tee(&on_driver(run, &tools.swiftshader));
    }
    let mut all = Answer {
        ok: true,
        ..Answer::default()
    };
    for chosen in [
        format!("-p {GPU_PACKAGE}"),
        format!("--workspace --exclude {GPU_PACKAGE} --test *{GPU_TEST_NAME}*"),
        format!("--workspace --exclude {GPU_PACKAGE} {GPU_TEST_NAME}"),
    ] {
        let run = cargo(places, &format!("test --no-fail-fast {chosen}"));
        let answer = host.tee(&on_driver(run, &tools.swiftshader))?;
        all.ok &= answer.ok;
        all.stdout += &answer.stdout;
        all.stderr += &answer.stderr;
    }
    Ok(all)
}

/// Code for the browser is checked by clippy where the compiler has it, else by the compiler alone.
fn build_web(host: &dyn Host, places: &Places, web: &Web) -> Result<()> {
    if !web.toolchain.has_clippy() {
        return web::build_without_warnings(host, places, web);
    }
    let mut clippy = cargo(places, "clippy --target").arg(TARGET);
    for package in WEB_PACKAGES {
        clippy = clippy.args(["-p", package]);
    }
    // The worker's program is behind a feature, so that pages can have its protocol alone.
    let clippy = clippy.args(["--features", "mmedkit-worker/engine", "--", "-D", "warnings"]);
    host.run(&web.toolchain.on(clippy))?;
    web::build(host, places, web)
}

fn browser_tests(host: &dyn Host, places: &Places, tools: &TestTools) -> Result<Answer> {
    let folder = places.root.join("tests/browser");
    if !host.exists(&folder.join("run.mjs")) {
        bail!("{} is missing: it drives the browser tests", folder.join("run.mjs").display());
    }
    if host.exists(&folder.join("package.json")) {
        host.run(&Cmd::line("npm ci --no-audit --no-fund").dir(&folder))
            .context("the browser tests' driver could not be installed")?;
    }
    let run = Cmd::line("node tests/browser/run.mjs")
        .dir(&places.root)
        .env("MMEDKIT_CHROMIUM", &tools.chromium)
        .env("MMEDKIT_DIST", &places.dist);
    host.tee(&run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn tools(nextest: bool) -> TestTools {
        TestTools {
            lavapipe: "/vk/lvp.json".into(),
            swiftshader: "/vk/swift.json".into(),
            chromium: "/usr/bin/chromium".into(),
            nextest,
        }
    }

    fn places() -> Places {
        Places {
            root: "/repo".into(),
            dist: "/repo/dist".into(),
            tools: "/tools".into(),
        }
    }

    #[test]
    fn rust_tests_see_only_the_software_driver() {
        let line = rust_tests(&places(), &tools(true)).to_string();
        assert!(
            line.starts_with("VK_DRIVER_FILES=/vk/lvp.json VK_ICD_FILENAMES=/vk/lvp.json cargo nextest"),
            "{line}"
        );
        let plain = rust_tests(&places(), &tools(false)).to_string();
        assert!(plain.contains("cargo test --workspace"), "{plain}");
    }

    #[test]
    fn without_nextest_every_part_of_the_gpu_tests_counts() {
        let host = Fake::default()
            .answers("-p mmedkit-backend-webgpu", "test result: ok. 3 passed; 0 failed;\n")
            .answers("--exclude mmedkit-backend-webgpu", "test result: ok. 1 passed; 0 failed;\n")
            .refuses("--exclude mmedkit-backend-webgpu webgpu");
        let answer = gpu_tests(&host, &places(), &tools(false)).unwrap();
        assert!(!answer.ok && answer.stdout.contains("3 passed"));
        assert!(host.ran("VK_DRIVER_FILES=/vk/swift.json"));
    }

    #[test]
    fn missing_browser_tests_are_an_error() {
        let error = browser_tests(&Fake::default(), &places(), &tools(true)).unwrap_err();
        assert!(error.to_string().contains("run.mjs"), "{error}");
    }

    #[test]
    fn browser_tests_get_the_browser_and_the_site() {
        let host = Fake::default()
            .file("/repo/tests/browser/run.mjs")
            .file("/repo/tests/browser/package.json")
            .answers("npm ci", "")
            .answers("run.mjs", "2 passed, 0 failed");
        assert!(browser_tests(&host, &places(), &tools(true)).unwrap().ok);
        assert!(host.ran("npm ci"));
        assert!(host.ran("MMEDKIT_CHROMIUM=/usr/bin/chromium MMEDKIT_DIST=/repo/dist node"));
    }
}

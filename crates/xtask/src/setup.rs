//! Everything that must be on the machine, for building the site and for testing.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::host::{Cmd, Host};
use crate::places::Places;
use crate::system;
use crate::wasm_target::{self, WasmToolchain};
use crate::web_tools::{self, WebTools};

/// What builds the site.
#[derive(Clone, Debug)]
pub struct Web {
    pub toolchain: WasmToolchain,
    pub tools: WebTools,
}

/// Finds or installs what builds the site.
pub fn web(host: &dyn Host, places: &Places) -> Result<Web> {
    // Two commands at once must not build the same tools into the same folder.
    let _lock = lock(places)?;
    Ok(Web {
        toolchain: wasm_target::ensure(host, places)?,
        tools: web_tools::ensure(host, places)?,
    })
}

fn lock(places: &Places) -> Result<File> {
    let path = places.tools.join("lock");
    let file = fs::create_dir_all(&places.tools)
        .and_then(|()| File::create(&path))
        .with_context(|| format!("cannot write {}: set MMEDKIT_TOOLS to a folder of yours", path.display()))?;
    if file.try_lock().is_err() {
        println!("waiting for another set-up that is using {}", places.tools.display());
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// What runs the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestTools {
    /// Vulkan driver descriptions: Mesa's software device, and the one inside the browser.
    pub lavapipe: PathBuf,
    pub swiftshader: PathBuf,
    pub chromium: PathBuf,
    /// Whether cargo-nextest is there; cargo's own runner does as well.
    pub nextest: bool,
}

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const BROWSER_FOLDERS: [&str; 4] = [
    "/usr/lib/chromium",
    "/opt/google/chrome",
    "/usr/lib/chromium-browser",
    "/opt/chromium.org/chromium",
];
const DRIVER_FOLDERS: [&str; 2] = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/// Finds or installs what runs the tests. Nothing is optional: a suite that cannot run is an error.
pub fn tests(host: &dyn Host) -> Result<TestTools> {
    components(host)?;
    if chromium(host).is_none() && host.env("MMEDKIT_CHROMIUM").is_none() {
        system::ensure_packages(host, "the browser tests", &["chromium"])?;
    }
    if lavapipe(host).is_none() || !vulkan_loader(host) {
        system::ensure_packages(
            host,
            "the tests on a software Vulkan device",
            &["mesa-vulkan-drivers", "libvulkan1"],
        )?;
    }
    system::node(host)?;
    let found = TestTools {
        lavapipe: lavapipe(host).with_context(|| {
            format!(
                "no Vulkan driver lvp_icd*.json in {}: reinstall mesa-vulkan-drivers",
                DRIVER_FOLDERS.join(" or ")
            )
        })?,
        chromium: chromium(host).with_context(|| {
            format!(
                "no browser: none of {} is on PATH; MMEDKIT_CHROMIUM may name one",
                BROWSERS.join(", ")
            )
        })?,
        swiftshader: swiftshader(host).with_context(|| {
            format!(
                "no vk_swiftshader_icd.json in {}; MMEDKIT_SWIFTSHADER_ICD may name one",
                BROWSER_FOLDERS.join(", ")
            )
        })?,
        nextest: host.ask(&Cmd::line("cargo nextest --version")).ok,
    };
    println!("browser: {}", found.chromium.display());
    println!("Vulkan: {} and {}", found.lavapipe.display(), found.swiftshader.display());
    println!("tests run with {}", if found.nextest { "cargo nextest" } else { "cargo test" });
    Ok(found)
}

/// rustfmt and clippy are missing where Rust was installed with rustup's minimal profile.
fn components(host: &dyn Host) -> Result<()> {
    for (command, component) in [("cargo fmt --version", "rustfmt"), ("cargo clippy --version", "clippy")] {
        if !host.ask(&Cmd::line(command)).ok {
            host.run(&Cmd::line("rustup component add").arg(component))
                .with_context(|| format!("`{command}` does not run, and rustup cannot install {component}"))?;
        }
    }
    Ok(())
}

fn chromium(host: &dyn Host) -> Option<PathBuf> {
    match host.env("MMEDKIT_CHROMIUM") {
        Some(named) => host
            .which(&named)
            .or_else(|| Some(PathBuf::from(named)).filter(|path| host.exists(path))),
        None => BROWSERS.iter().find_map(|name| host.which(name)),
    }
}

fn swiftshader(host: &dyn Host) -> Option<PathBuf> {
    let named = host.env("MMEDKIT_SWIFTSHADER_ICD").map(PathBuf::from);
    let usual = BROWSER_FOLDERS
        .iter()
        .map(|folder| PathBuf::from(folder).join("vk_swiftshader_icd.json"));
    named.into_iter().chain(usual).find(|path| host.exists(path))
}

fn lavapipe(host: &dyn Host) -> Option<PathBuf> {
    DRIVER_FOLDERS.iter().map(PathBuf::from).find_map(|folder| {
        let name = host
            .list(&folder)
            .into_iter()
            .find(|name| name.starts_with("lvp_icd") && name.ends_with(".json"))?;
        Some(folder.join(name))
    })
}

fn vulkan_loader(host: &dyn Host) -> bool {
    [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib",
    ]
    .iter()
    .any(|folder| host.exists(&PathBuf::from(folder).join("libvulkan.so.1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn complete() -> Fake {
        Fake::default()
            .var("PATH", "/usr/bin")
            .answers("--version", "")
            .answers("node --version", "v20.20.2\n")
            .file("/usr/bin/chromium")
            .file("/usr/bin/node")
            .file("/usr/bin/npm")
            .file("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
            .file("/usr/lib/x86_64-linux-gnu/libvulkan.so.1")
            .file("/usr/lib/chromium/vk_swiftshader_icd.json")
    }

    #[test]
    fn a_complete_machine_is_left_alone() {
        let host = complete();
        let found = super::tests(&host).unwrap();
        assert_eq!(found.chromium, PathBuf::from("/usr/bin/chromium"));
        assert!(found.nextest);
        assert!(!host.ran("apt-get") && !host.ran("rustup"));
    }

    #[test]
    fn a_missing_driver_is_installed_or_an_error_never_skipped() {
        let bare = Fake::default()
            .var("PATH", "/usr/bin")
            .answers("--version", "")
            .file("/usr/bin/chromium")
            .file("/usr/bin/apt-get")
            .answers("id -u", "0")
            .answers("apt-get", "")
            .answers("dpkg-query", "");
        let error = super::tests(&bare).unwrap_err().to_string();
        assert!(bare.ran("-q mesa-vulkan-drivers libvulkan1"));
        assert!(error.contains("node"), "{error}");
    }

    #[test]
    fn an_old_node_is_refused_with_its_version() {
        let host = complete().answers("node --version", "v12.22.1");
        let error = super::tests(&host).unwrap_err().to_string();
        assert!(error.contains("v12.22.1"), "{error}");
    }

    #[test]
    fn missing_components_are_added() {
        let host = complete().refuses("cargo clippy").answers("rustup component add", "");
        super::tests(&host).unwrap();
        assert!(host.ran("rustup component add clippy"));
    }

    #[test]
    fn a_browser_may_be_named() {
        let host = complete().var("MMEDKIT_CHROMIUM", "/opt/own/chrome");
        assert!(super::tests(&host).unwrap_err().to_string().contains("MMEDKIT_CHROMIUM"));
        let host = host.file("/opt/own/chrome");
        assert_eq!(super::tests(&host).unwrap().chromium, PathBuf::from("/opt/own/chrome"));
    }
}

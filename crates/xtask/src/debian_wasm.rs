//! Debian's Rust compiler made able to build for the browser, for machines where rustup's server is out of reach.
//!
//! Debian ships a compiler recent enough (`rustc-web`) with its sources, but no standard library for wasm. So the
//! library is built once from those sources (about two minutes) and put into a folder that looks like a tool chain:
//!
//! ```text
//! wasm-toolchain/bin/rustc, rustdoc      wrappers: Debian's, with --sysroot of this folder
//! wasm-toolchain/bin/cargo               → Debian's
//! wasm-toolchain/lib/rustlib/HOST/lib    → Debian's; HOST/bin/rust-lld → Debian's lld
//! wasm-toolchain/lib/rustlib/src         → Debian's
//! wasm-toolchain/lib/rustlib/wasm32-unknown-unknown/lib    what was built
//! wasm-toolchain/stamp                   which compiler it was built with; written last
//! ```
//!
//! `rustup toolchain link` gives the folder a name; then `RUSTUP_TOOLCHAIN=mmedkit-wasm` is all that is needed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host::{Cmd, Host};
use crate::places::Places;
use crate::system;

/// What the browser runs.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The tool chain's name in rustup.
pub const NAME: &str = "mmedkit-wasm";

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const RUSTC: &str = "/usr/bin/rustc";
const LLD: &str = "/usr/lib/llvm-19/bin/lld";
/// Raised when this file builds the folder differently, so that folders made before are built anew.
const RECIPE: u32 = 1;

fn folder(places: &Places) -> PathBuf {
    places.tools.join("wasm-toolchain")
}

/// Where the standard library is built; removed afterwards.
fn work(places: &Places) -> PathBuf {
    places.tools.join("build/std")
}

fn libdir(folder: &Path) -> PathBuf {
    folder.join("lib/rustlib").join(TARGET).join("lib")
}

/// Whether a standard library lies in this folder of a tool chain.
pub fn has_std(host: &dyn Host, libdir: &Path) -> bool {
    host.list(libdir)
        .iter()
        .any(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
}

/// Whether the folder is complete, was built with the compiler that is installed now, and is known to rustup.
pub fn ready(host: &dyn Host, places: &Places) -> bool {
    let folder = folder(places);
    let Some(stamp) = stamp(host) else {
        return false;
    };
    host.exists(&folder.join("stamp").join(&stamp)) && has_std(host, &libdir(&folder)) && linked(host, &folder)
}

/// The folder's stamp is a file whose name says recipe and compiler: asking whether it is there is all it takes.
fn stamp(host: &dyn Host) -> Option<String> {
    let version = host.ask(&Cmd::line(RUSTC).arg("--version"));
    version.ok.then(|| {
        let name: String = version
            .stdout
            .trim()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .collect();
        format!("{RECIPE}-{name}")
    })
}

/// Whether rustup knows the name, and means this folder by it.
fn linked(host: &dyn Host, folder: &Path) -> bool {
    let sysroot = Cmd::line("rustup run").arg(NAME).args(["rustc", "--print", "sysroot"]);
    let answer = host.ask(&sysroot);
    answer.ok && Path::new(answer.stdout.trim()) == folder
}

/// Installs the packages, builds the library and links the tool chain; does only what is missing.
pub fn install(host: &dyn Host, places: &Places) -> Result<()> {
    system::ensure_packages(host, "the compiler for the browser", &PACKAGES)?;
    let folder = folder(places);
    let stamp = stamp(host).with_context(|| format!("{RUSTC} does not run: reinstall the package rustc-web"))?;
    if !(host.exists(&folder.join("stamp").join(&stamp)) && has_std(host, &libdir(&folder))) {
        let rlibs = build_std(host, places)?;
        assemble(&folder, &host_triple(host)?, &rlibs, &stamp)?;
        let work = work(places);
        fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    if !linked(host, &folder) {
        host.run(&Cmd::line("rustup toolchain link").arg(NAME).arg(&folder))
            .context("the tool chain is built, but rustup cannot link it")?;
    }
    Ok(())
}

fn host_triple(host: &dyn Host) -> Result<String> {
    let answer = host.ask(&Cmd::line(RUSTC).arg("-vV"));
    answer
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .with_context(|| format!("`{RUSTC} -vV` names no host: {}", answer.reason()))
}

/// Builds an empty crate together with the standard library and returns the library's files.
fn build_std(host: &dyn Host, places: &Places) -> Result<Vec<PathBuf>> {
    let work = work(places);
    fs::create_dir_all(work.join("src")).with_context(|| format!("cannot create {}", work.display()))?;
    fs::write(
        work.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )
    .and_then(|()| fs::write(work.join("src/lib.rs"), "#![no_std]\n"))
    .with_context(|| format!("cannot write the empty crate in {}", work.display()))?;

    // RUSTC_BOOTSTRAP allows -Zbuild-std on a stable compiler. Without bitcode in the library, projects that ask for
    // link-time optimisation cannot link against it.
    let build = Cmd::new("/usr/bin/cargo")
        .args(["build", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test")
        .dir(&work)
        .without_env(&[
            "CARGO",
            "LD_LIBRARY_PATH",
            "RUSTUP_TOOLCHAIN",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
        ])
        .env("RUSTC", RUSTC)
        .env("RUSTDOC", "/usr/bin/rustdoc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", work.join("target"));
    host.run(&build)
        .context("the standard library for the browser could not be built")?;

    let deps = work.join("target").join(TARGET).join("release/deps");
    let rlibs: Vec<PathBuf> = host
        .list(&deps)
        .into_iter()
        .filter(|name| name.ends_with(".rlib") && !name.starts_with("libempty-"))
        .map(|name| deps.join(name))
        .collect();
    if rlibs.is_empty() {
        bail!("the build of the standard library left no .rlib in {}", deps.display());
    }
    Ok(rlibs)
}

/// Builds the folder beside its place and moves it there whole, so that a kill half way leaves no half tool chain.
fn assemble(folder: &Path, triple: &str, rlibs: &[PathBuf], stamp: &str) -> Result<()> {
    let draft = folder.with_extension("draft");
    if draft.exists() {
        fs::remove_dir_all(&draft).with_context(|| format!("cannot remove {}", draft.display()))?;
    }
    let fill = || -> std::io::Result<()> {
        let rustlib = draft.join("lib/rustlib");
        fs::create_dir_all(draft.join("bin"))?;
        fs::create_dir_all(rustlib.join(triple).join("bin"))?;
        fs::create_dir_all(libdir(&draft))?;
        for tool in ["rustc", "rustdoc"] {
            let wrapper = draft.join("bin").join(tool);
            let sysroot = folder.display();
            fs::write(&wrapper, format!("#!/bin/sh\nexec /usr/bin/{tool} --sysroot '{sysroot}' \"$@\"\n"))?;
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        }
        symlink("/usr/bin/cargo", draft.join("bin/cargo"))?;
        symlink(
            Path::new("/usr/lib/rustlib").join(triple).join("lib"),
            rustlib.join(triple).join("lib"),
        )?;
        symlink("/usr/lib/rustlib/src", rustlib.join("src"))?;
        // A link and not a copy: lld finds its shared libraries relative to where it really lies.
        symlink(LLD, rustlib.join(triple).join("bin/rust-lld"))?;
        for rlib in rlibs {
            if let Some(name) = rlib.file_name() {
                fs::copy(rlib, libdir(&draft).join(name))?;
            }
        }
        fs::create_dir_all(draft.join("stamp"))?;
        fs::write(draft.join("stamp").join(stamp), "")?;
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::rename(&draft, folder)
    };
    fill().with_context(|| format!("cannot put the tool chain together in {}", folder.display()))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::fake::Fake;

    const VERSION: &str = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)";

    /// A machine where an earlier run made everything, under `/tools`.
    pub fn ready_machine() -> Fake {
        Fake::default()
            .answers("/usr/bin/rustc --version", VERSION)
            .answers("rustup run mmedkit-wasm rustc --print sysroot", "/tools/wasm-toolchain\n")
            .file("/tools/wasm-toolchain/stamp/1-rustc-1.96.0--ac68faa20-2026-05-25---built-from-a-source-tarball-")
            .file("/tools/wasm-toolchain/lib/rustlib/wasm32-unknown-unknown/lib/libstd-1.rlib")
    }

    fn places(tools: &Path) -> Places {
        Places {
            root: "/repo".into(),
            dist: "/repo/dist".into(),
            tools: tools.into(),
        }
    }

    #[test]
    fn a_newer_compiler_makes_the_folder_stale() {
        let places = places(Path::new("/tools"));
        assert!(ready(&ready_machine(), &places));
        let newer = ready_machine().answers("/usr/bin/rustc --version", "rustc 1.97.0");
        assert!(!ready(&newer, &places));
    }

    #[test]
    fn a_folder_that_rustup_does_not_mean_by_the_name_is_only_linked() {
        let tools = Path::new("/tools");
        let host = ready_machine()
            .answers("dpkg-query", "install ok installed")
            .answers("rustup toolchain link mmedkit-wasm /tools/wasm-toolchain", "");
        let host = host.answers("rustup run mmedkit-wasm", "/elsewhere/wasm-toolchain\n");
        assert!(!ready(&host, &places(tools)));
        install(&host, &places(tools)).unwrap();
        assert!(host.ran("rustup toolchain link"));
        assert!(!host.ran("build-std"));
    }

    #[test]
    fn the_library_is_built_and_the_folder_put_together() {
        let dir = tempfile::tempdir().unwrap();
        let tools = dir.path();
        let deps = tools.join("build/std/target/wasm32-unknown-unknown/release/deps");
        fs::create_dir_all(&deps).unwrap();
        for name in ["libstd-1.rlib", "libempty-2.rlib"] {
            fs::write(deps.join(name), name).unwrap();
        }
        let host = Fake::default()
            .answers("dpkg-query", "install ok installed")
            .answers("/usr/bin/rustc --version", VERSION)
            .answers("/usr/bin/rustc -vV", "rustc 1.96.0\nhost: x86_64-unknown-linux-gnu\n")
            .answers("-Zbuild-std", "")
            .answers("rustup toolchain link", "")
            .file(deps.join("libstd-1.rlib"))
            .file(deps.join("libempty-2.rlib"));
        install(&host, &places(tools)).unwrap();

        assert!(host.ran("RUSTFLAGS=-Cembed-bitcode=yes"));
        let folder = tools.join("wasm-toolchain");
        let rustlib = folder.join("lib/rustlib");
        assert!(rustlib.join("wasm32-unknown-unknown/lib/libstd-1.rlib").exists());
        assert!(!rustlib.join("wasm32-unknown-unknown/lib/libempty-2.rlib").exists());
        let lld = rustlib.join("x86_64-unknown-linux-gnu/bin/rust-lld");
        assert_eq!(fs::read_link(lld).unwrap(), Path::new(LLD));
        let wrapper = fs::read_to_string(folder.join("bin/rustc")).unwrap();
        assert!(wrapper.contains(&format!("--sysroot '{}'", folder.display())));
        assert_eq!(fs::read_dir(folder.join("stamp")).unwrap().count(), 1);
        assert!(!folder.with_extension("draft").exists());
    }

    #[test]
    fn a_failed_build_is_an_error_and_leaves_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        let host = Fake::default()
            .answers("dpkg-query", "install ok installed")
            .answers("/usr/bin/rustc", VERSION);
        let host = host.refuses("/usr/bin/cargo build");
        let error = format!("{:#}", install(&host, &places(dir.path())).unwrap_err());
        assert!(error.contains("standard library"), "{error}");
        assert!(!dir.path().join("wasm-toolchain").exists());
    }
}

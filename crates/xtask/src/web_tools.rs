//! trunk, wasm-bindgen, wasm-split and wasm-opt: what turns crates into a site.
//!
//! trunk uses a wasm-bindgen from `PATH` only if its version is exactly the crate's; so that version is read from
//! `Cargo.lock`. What is missing is compiled with the cheapest profile that works: these tools run for seconds, and
//! their own release profiles compile for most of an hour on two cores.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host::{Cmd, Host};
use crate::places::Places;
use crate::system;

const TRUNK: &str = "0.21.14";
const WASM_SPLIT: &str = "0.2.4";

/// Folders to put in front of `PATH` for a web build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebTools {
    folders: Vec<PathBuf>,
}

impl WebTools {
    /// Makes a command find these tools before any others.
    pub fn on(&self, host: &dyn Host, cmd: Cmd) -> Result<Cmd> {
        let path = host.env("PATH").unwrap_or_default();
        let folders = self.folders.iter().cloned().chain(std::env::split_paths(&path));
        let joined =
            std::env::join_paths(folders).context("PATH cannot hold the folder of our tools: set MMEDKIT_TOOLS to one without `:`")?;
        Ok(cmd.env("PATH", joined))
    }
}

/// A program that cargo can install.
struct Tool {
    package: &'static str,
    program: &'static str,
    version: String,
    options: &'static [&'static str],
    /// Whether it tells its version; else it is taken only from the folder that carries the version in its name.
    tells_version: bool,
}

/// Finds the tools or installs them.
pub fn ensure(host: &dyn Host, places: &Places) -> Result<WebTools> {
    let tools = [
        Tool {
            package: "trunk",
            program: "trunk",
            version: TRUNK.to_owned(),
            // Without its default features trunk cannot download tools, which it shall not do anyway.
            options: &["--locked", "--no-default-features"],
            tells_version: true,
        },
        Tool {
            package: "wasm-bindgen-cli",
            program: "wasm-bindgen",
            version: locked_version(&places.root.join("Cargo.lock"), "wasm-bindgen")?,
            options: &[],
            tells_version: true,
        },
        Tool {
            package: "wasm_split_cli_support",
            program: "wasm-split-cli",
            version: WASM_SPLIT.to_owned(),
            options: &["--locked", "--features", "build-binary"],
            tells_version: false,
        },
    ];
    let mut found = WebTools::default();
    for tool in &tools {
        if let Some(folder) = ensure_tool(host, places, tool)? {
            found.folders.push(folder);
        }
    }
    let build = places.tools.join("build/cargo-install");
    if build.exists() {
        std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
    }
    Ok(found)
}

/// The folder of the program, or `None` where the one on `PATH` will do.
fn ensure_tool(host: &dyn Host, places: &Places, tool: &Tool) -> Result<Option<PathBuf>> {
    let Tool {
        package, program, version, ..
    } = tool;
    let runs = |file: &Path, wanted: &str| {
        if tool.tells_version {
            runs_as(host, file, wanted)
        } else {
            host.ask(&Cmd::new(file).arg("--help")).ok
        }
    };
    let wanted = format!("{program} {version}");
    if tool.tells_version && runs(Path::new(program), &wanted) {
        println!("{wanted}: there");
        return Ok(None);
    }
    // One folder for each version: two checkouts that pin different versions do not undo each other's.
    let root = places.tools.join(format!("{package}-{version}"));
    let folder = root.join("bin");
    if runs(&folder.join(program), &wanted) {
        println!("{wanted}: there, in {}", folder.display());
        return Ok(Some(folder));
    }
    println!("{wanted}: compiling it (a few minutes, once)");
    let install = Cmd::line("cargo install --force")
        .arg("--root")
        .arg(&root)
        .args([*package, "--version", version.as_str()])
        .args(tool.options)
        .without_env(&["CARGO", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"])
        .env("CARGO_TARGET_DIR", places.tools.join("build/cargo-install"))
        .env("CARGO_PROFILE_RELEASE_LTO", "false")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    host.run(&install).with_context(|| format!("{wanted} could not be installed"))?;
    if !runs(&folder.join(program), &wanted) {
        bail!("{wanted} was installed into {}, but does not run there", folder.display());
    }
    Ok(Some(folder))
}

fn runs_as(host: &dyn Host, program: &Path, wanted: &str) -> bool {
    let answer = host.ask(&Cmd::new(program).arg("--version"));
    // wasm-bindgen adds a commit in parentheses to some builds.
    answer.ok
        && answer
            .stdout
            .lines()
            .next()
            .is_some_and(|line| line == wanted || line.starts_with(&format!("{wanted} ")))
}

/// The version of `package` in a `Cargo.lock`.
fn locked_version(lock: &Path, package: &str) -> Result<String> {
    let text = std::fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    find_version(&text, package).with_context(|| {
        format!(
            "{} names no package `{package}`: is the app a member of the workspace?",
            lock.display()
        )
    })
}

fn find_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    lines.find(|line| *line == name)?;
    let version = lines.next()?.strip_prefix("version = \"")?;
    version.strip_suffix('"').map(str::to_owned)
}

/// The version of wasm-opt. Debian 12's (108) writes exported tables with wrong numbers: what wasm-bindgen makes then stops at its start.
const BINARYEN: &str = "132";

/// wasm-opt, from npm, which has it ready for every system.
pub fn wasm_opt(host: &dyn Host, places: &Places) -> Result<PathBuf> {
    let root = places.tools.join(format!("binaryen-{BINARYEN}"));
    let program = root.join("node_modules/binaryen/bin/wasm-opt");
    let works = || {
        let answer = host.ask(&Cmd::new(&program).arg("--version"));
        answer.ok && answer.stdout.starts_with(&format!("wasm-opt version {BINARYEN} "))
    };
    if works() {
        return Ok(program);
    }
    system::node(host)?;
    let install = Cmd::line("npm install --no-audit --no-fund --prefix")
        .arg(&root)
        .arg(format!("binaryen@{BINARYEN}.0.0"));
    host.run(&install).context("wasm-opt could not be installed")?;
    if !works() {
        bail!("wasm-opt was installed into {}, but does not run there", root.display());
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
        [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";

    fn places(dir: &Path) -> Places {
        std::fs::write(dir.join("Cargo.lock"), LOCK).unwrap();
        Places {
            root: dir.to_owned(),
            dist: dir.join("dist"),
            tools: "/tools".into(),
        }
    }

    #[test]
    fn the_locked_version_is_that_of_the_very_package() {
        assert_eq!(find_version(LOCK, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(find_version(LOCK, "leptos"), None);
    }

    #[test]
    fn tools_on_the_path_are_used() {
        let dir = tempfile::tempdir().unwrap();
        let host = Fake::default()
            .answers("trunk --version", "trunk 0.21.14\n")
            .answers("wasm-bindgen --version", "wasm-bindgen 0.2.130\n")
            .answers("/tools/wasm_split_cli_support-0.2.4/bin/wasm-split-cli --help", "Usage");
        let found = ensure(&host, &places(dir.path())).unwrap();
        assert_eq!(found.folders, [Path::new("/tools/wasm_split_cli_support-0.2.4/bin")]);
        assert!(!host.ran("cargo install"));
    }

    #[test]
    fn a_wrong_version_on_the_path_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let host = Fake::default()
            .var("PATH", "/usr/bin")
            .answers("trunk --version", "trunk 0.21.14\n")
            .answers("wasm-bindgen --version", "wasm-bindgen 0.2.1300\n")
            .answers(
                "/tools/wasm-bindgen-cli-0.2.130/bin/wasm-bindgen --version",
                "wasm-bindgen 0.2.130\n",
            )
            .answers("wasm-split-cli --help", "Usage");
        let found = ensure(&host, &places(dir.path())).unwrap();
        assert!(!host.ran("cargo install"));
        let cmd = found.on(&host, Cmd::new("trunk")).unwrap();
        assert_eq!(
            cmd.to_string(),
            "PATH=/tools/wasm-bindgen-cli-0.2.130/bin:/tools/wasm_split_cli_support-0.2.4/bin:/usr/bin trunk"
        );
    }

    #[test]
    fn a_missing_tool_is_compiled_cheaply_and_must_run() {
        let dir = tempfile::tempdir().unwrap();
        let host = Fake::default().answers("cargo install", "");
        let error = ensure(&host, &places(dir.path())).unwrap_err().to_string();
        assert!(host.ran("CARGO_PROFILE_RELEASE_LTO=false"));
        assert!(host.ran("trunk --version 0.21.14 --locked --no-default-features"));
        assert!(error.contains("does not run"), "{error}");
    }
    #[test]
    fn wasm_opt_is_taken_at_its_version_only() {
        let dir = tempfile::tempdir().unwrap();
        let program = "/tools/binaryen-132/node_modules/binaryen/bin/wasm-opt --version";
        let there = Fake::default().answers(program, "wasm-opt version 132 (version_132)\n");
        assert!(wasm_opt(&there, &places(dir.path())).is_ok());
        assert!(!there.ran("npm install"));
        let old = Fake::default()
            .var("PATH", "/usr/bin")
            .file("/usr/bin/node")
            .file("/usr/bin/npm")
            .answers("node --version", "v20.20.2\n")
            .answers(program, "wasm-opt version 108\n")
            .answers("npm install", "");
        let error = wasm_opt(&old, &places(dir.path())).unwrap_err().to_string();
        assert!(old.ran("--prefix /tools/binaryen-132 binaryen@132.0.0"));
        assert!(error.contains("does not run"), "{error}");
    }
}

//! Cuts the late module out of the app: pages that the first paint does not need (`app/src/late.rs`), as a wasm file of their own.
//!
//! `wasm-split-cli` does the cutting, between the linker and wasm-bindgen; trunk has no hook there
//! (<https://github.com/trunk-rs/trunk/issues/1022>), but it takes wasm-bindgen from `PATH`. So a copy of xtask lies there under that name: called
//! as wasm-bindgen it cuts the app, hands the rest of it to the real one, and [`place`] puts the pieces into the site when trunk has ended.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::host::{Cmd, Host};
use crate::places::Places;

/// The program's name that trunk looks for.
const NAME: &str = "wasm-bindgen";
/// Of the two programs that trunk builds, the one that is cut.
const APP: &str = "mmedkit-app";
/// The module that fetches the pieces, as wasm-split-cli names it.
const LINK: &str = "__wasm_split.js";
/// Where the stand-in leaves the pieces.
const OUT: &str = "MMEDKIT_LATE_OUT";

fn folder(places: &Places) -> PathBuf {
    places.root.join("target/late")
}

/// Makes a build by trunk cut the app.
pub fn on(host: &dyn Host, places: &Places, trunk: Cmd) -> Result<Cmd> {
    let (programs, out) = (folder(places).join("bin"), folder(places).join("out"));
    let stand_in = programs.join(format!("{NAME}{}", std::env::consts::EXE_SUFFIX));
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    fs::create_dir_all(&programs)
        .and_then(|()| fs::copy(std::env::current_exe()?, &stand_in))
        .with_context(|| format!("cannot write {}", stand_in.display()))?;
    let path = trunk
        .env
        .iter()
        .rev()
        .find(|(name, _)| name == "PATH")
        .and_then(|(_, value)| value.clone());
    let path = path.unwrap_or_else(|| host.env("PATH").unwrap_or_default().into());
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)))?;
    // The app's build script sees this one, and has the linker keep what the cut needs.
    Ok(trunk.env("PATH", path).env("MMEDKIT_LATE_MODULE", "1").env(OUT, out))
}

/// What this process is, where it was started as wasm-bindgen.
pub fn as_wasm_bindgen() -> Option<ExitCode> {
    let program = std::env::current_exe().ok()?;
    if program.file_stem()? != NAME {
        return None;
    }
    Some(match stand_in(&program) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    })
}

fn stand_in(program: &Path) -> Result<ExitCode> {
    let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| is_app(Path::new(arg))) {
        let out = PathBuf::from(std::env::var_os(OUT).with_context(|| format!("{OUT} is not set"))?);
        fs::create_dir_all(&out).with_context(|| format!("cannot write {}", out.display()))?;
        let cut = Command::new("wasm-split-cli")
            .args(["--target", "web", "--out-name", APP])
            .arg(&args[at])
            .arg(&out)
            .status();
        if !cut.context("cannot start wasm-split-cli")?.success() {
            bail!("wasm-split-cli could not cut {}", args[at].display());
        }
        args[at] = out.join(format!("{APP}.wasm")).into();
        // The pieces share the table of functions with the app, an export of the linker's.
        args.push("--keep-lld-exports".into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).filter(|dir| Some(dir.as_path()) != program.parent());
    // By its whole path: a name would be looked for in the old PATH, where this program comes first.
    let real = others
        .map(|dir| dir.join(program.file_name().unwrap_or_default()))
        .find(|file| file.is_file());
    let status = Command::new(real.context("no other wasm-bindgen in PATH")?).args(args).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_app(arg: &Path) -> bool {
    arg.extension().is_some_and(|e| e == "wasm") && arg.file_stem().is_some_and(|stem| stem == APP)
}

/// Puts the pieces into the site, under names that change with what is in them, as trunk names the app.
pub fn place(places: &Places) -> Result<()> {
    let out = folder(places).join("out");
    let app = only(&places.dist, |name| name.starts_with(APP) && name.ends_with(".js"))?;
    let mut link = read(&out.join(LINK))?.replace(&format!("./{APP}.js"), &format!("./{app}"));
    for piece in names(&out)?
        .into_iter()
        .filter(|name| name.starts_with("split_") || name.starts_with("chunk_"))
    {
        let bytes = fs::read(out.join(&piece)).with_context(|| format!("cannot read {piece}"))?;
        let named = format!(
            "late-{}-{:016x}.wasm",
            piece.trim_start_matches("split_").trim_end_matches(".wasm"),
            hash(&bytes)
        );
        if !link.contains(&format!("./{piece}")) {
            bail!("{LINK} does not fetch {piece}: has wasm-split-cli changed its names?");
        }
        link = link.replace(&format!("./{piece}"), &format!("./{named}"));
        write(&places.dist.join(named), &bytes)?;
    }
    let named = format!("late-{:016x}.js", hash(link.as_bytes()));
    write(&places.dist.join(&named), link.as_bytes())?;
    let path = places.dist.join(&app);
    let script = read(&path)?;
    let import = format!("from \"./{LINK}\"");
    if !script.contains(&import) {
        bail!("{app} does not import {LINK}: has wasm-bindgen changed how it writes imports?");
    }
    write(&path, script.replace(&import, &format!("from \"./{named}\"")).as_bytes())
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}: was the app not cut?", folder.display()))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
}

fn only(folder: &Path, is_it: impl Fn(&str) -> bool) -> Result<String> {
    let mut found = names(folder)?.into_iter().filter(|name| is_it(name));
    match (found.next(), found.next()) {
        (Some(name), None) => Ok(name),
        _ => bail!("{} should hold one {APP}*.js", folder.display()),
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn site() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places {
            root: dir.path().to_owned(),
            dist: dir.path().join("dist"),
            tools: "/tools".into(),
        };
        let out = folder(&places).join("out");
        fs::create_dir_all(&out).unwrap();
        fs::create_dir_all(&places.dist).unwrap();
        fs::write(
            out.join(LINK),
            "import { initSync } from \"./mmedkit-app.js\";\nfetch(\"./split_benchmark.wasm\")",
        )
        .unwrap();
        fs::write(out.join("split_benchmark.wasm"), "late").unwrap();
        fs::write(out.join("mmedkit-app.wasm"), "app").unwrap();
        fs::write(
            places.dist.join("mmedkit-app-1f.js"),
            "import * as import1 from \"./__wasm_split.js\"\n{\"./__wasm_split.js\": import1}",
        )
        .unwrap();
        (dir, places)
    }

    #[test]
    fn every_piece_is_found_from_the_app_and_the_app_from_the_pieces() {
        let (_dir, places) = site();
        place(&places).unwrap();
        let names = names(&places.dist).unwrap();
        let of = |start: &str, end: &str| names.iter().find(|n| n.starts_with(start) && n.ends_with(end)).unwrap();
        let (link, piece) = (of("late-", ".js"), of("late-benchmark-", ".wasm"));
        assert_eq!(fs::read(places.dist.join(piece)).unwrap(), b"late");
        let text = read(&places.dist.join(link)).unwrap();
        assert!(
            text.contains("from \"./mmedkit-app-1f.js\"") && text.contains(&format!("fetch(\"./{piece}\")")),
            "{text}"
        );
        // What the app imports moves; the name under which it gives the module to the wasm does not.
        let script = read(&places.dist.join("mmedkit-app-1f.js")).unwrap();
        assert_eq!(
            script,
            format!("import * as import1 from \"./{link}\"\n{{\"./__wasm_split.js\": import1}}")
        );
    }

    #[test]
    fn an_app_that_was_not_cut_is_an_error() {
        let (_dir, places) = site();
        fs::write(places.dist.join("mmedkit-app-1f.js"), "import nothing").unwrap();
        assert!(place(&places).unwrap_err().to_string().contains("does not import"));
        fs::remove_dir_all(folder(&places)).unwrap();
        assert!(place(&places).is_err());
    }

    #[test]
    fn the_stand_in_comes_before_every_other_wasm_bindgen() {
        let (_dir, places) = site();
        let host = Fake::default().var("PATH", "/usr/bin");
        let trunk = Cmd::new("trunk").env("PATH", "/tools/bin:/usr/bin");
        let line = on(&host, &places, trunk).unwrap().to_string();
        assert!(line.contains("target/late/bin:/tools/bin:/usr/bin"), "{line}");
        assert!(folder(&places).join("bin/wasm-bindgen").is_file() && !folder(&places).join("out").exists());
    }

    #[test]
    fn only_the_app_is_cut() {
        assert!(is_app(Path::new("/x/web-ui/mmedkit-app.wasm")));
        assert!(!is_app(Path::new("/x/web/worker.wasm")) && !is_app(Path::new("--out-name=mmedkit-app")));
    }
}

//! A compiler for `wasm32-unknown-unknown`: already there, else from rustup, else Debian's with a sysroot of our own.
//!
//! `MMEDKIT_WASM_ROUTE=rustup|debian` allows only that route, so that both can be tried on one machine.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::debian_wasm::{self, TARGET, has_std};
use crate::host::{Cmd, Host};
use crate::places::Places;

/// The compiler that builds for the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The one that cargo uses anyway.
    Default,
    /// Debian's, linked into rustup as [`debian_wasm::NAME`].
    Linked,
}

impl WasmToolchain {
    /// Makes a command (cargo, or a program that calls cargo) build with this compiler.
    pub fn on(self, cmd: Cmd) -> Cmd {
        // RUSTFLAGS would replace the target's flags of .cargo/config.toml. CARGO and LD_LIBRARY_PATH come from the
        // cargo that runs xtask, and would mix its tool chain with the one asked for here.
        let cmd = cmd.without_env(&["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO", "LD_LIBRARY_PATH"]);
        match self {
            Self::Default => cmd,
            Self::Linked => cmd.env("RUSTUP_TOOLCHAIN", debian_wasm::NAME),
        }
    }

    /// Whether clippy can check code for the browser: Debian's compiler comes without it.
    pub fn has_clippy(self) -> bool {
        self == Self::Default
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Any,
    Rustup,
    Debian,
}

fn route(host: &dyn Host) -> Result<Route> {
    match host.env("MMEDKIT_WASM_ROUTE").as_deref() {
        None => Ok(Route::Any),
        Some("rustup") => Ok(Route::Rustup),
        Some("debian") => Ok(Route::Debian),
        Some(other) => bail!("MMEDKIT_WASM_ROUTE={other}: it may be `rustup`, `debian` or unset"),
    }
}

/// Finds a compiler for the browser or installs one.
pub fn ensure(host: &dyn Host, places: &Places) -> Result<WasmToolchain> {
    let route = route(host)?;
    if route != Route::Debian && present(host) {
        println!("wasm target: there");
        return Ok(WasmToolchain::Default);
    }
    // A sysroot from an earlier run: where rustup could not help then, it is not asked every time.
    if route != Route::Rustup && debian_wasm::ready(host, places) {
        println!("wasm target: there, as tool chain {}", debian_wasm::NAME);
        return Ok(WasmToolchain::Linked);
    }
    let mut refused = String::new();
    if route != Route::Debian {
        match add_with_rustup(host) {
            Ok(()) => {
                println!("wasm target: added with rustup");
                return Ok(WasmToolchain::Default);
            }
            Err(error) if route == Route::Rustup => return Err(error),
            Err(error) => {
                refused = format!("rustup could not add it ({error:#}); ");
                println!("wasm target: {refused}trying Debian's compiler");
            }
        }
    }
    debian_wasm::install(host, places).with_context(|| format!("no compiler for {TARGET}: {refused}Debian's compiler failed too"))?;
    println!("wasm target: built, as tool chain {}", debian_wasm::NAME);
    Ok(WasmToolchain::Linked)
}

/// Whether the ordinary compiler has the target's standard library. Asking rustc and not rustup also works for
/// compilers that came another way.
fn present(host: &dyn Host) -> bool {
    let asked = Cmd::line("rustc --print target-libdir --target").arg(TARGET);
    let answer = host.ask(&asked);
    answer.ok && has_std(host, Path::new(answer.stdout.trim()))
}

fn add_with_rustup(host: &dyn Host) -> Result<()> {
    let add = Cmd::line("rustup target add").arg(TARGET);
    let answer = host.ask(&add);
    if !answer.ok {
        bail!("{}", answer.reason().trim_start_matches("error: "));
    }
    // With a linked default tool chain rustup may succeed without touching the compiler in use.
    if !present(host) {
        bail!("`{add}` succeeded, but rustc still has no standard library for it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const LIBDIR: &str = "/rust/lib/rustlib/wasm32-unknown-unknown/lib";
    const STD: &str = "/rust/lib/rustlib/wasm32-unknown-unknown/lib/libstd-1.rlib";

    fn places() -> Places {
        Places {
            root: "/repo".into(),
            dist: "/repo/dist".into(),
            tools: "/tools".into(),
        }
    }

    fn machine() -> Fake {
        Fake::default().answers("rustc --print target-libdir", LIBDIR)
    }

    #[test]
    fn a_target_that_is_there_is_used_as_it_is() {
        let host = machine().file(STD);
        assert_eq!(ensure(&host, &places()).unwrap(), WasmToolchain::Default);
        assert!(!host.ran("rustup"));
    }

    #[test]
    fn rustup_is_asked_first() {
        let host = machine().makes("rustup target add", STD);
        assert_eq!(ensure(&host, &places()).unwrap(), WasmToolchain::Default);
        assert!(!host.ran("apt-get"));
    }

    #[test]
    fn debian_is_tried_when_rustup_fails_and_both_reasons_are_told() {
        let error = format!("{:#}", ensure(&machine(), &places()).unwrap_err());
        assert!(error.contains("rustup could not add it"), "{error}");
        assert!(error.contains("rustc-web"), "{error}");
    }

    #[test]
    fn a_rustup_that_changes_nothing_is_not_believed() {
        let host = machine().answers("rustup target add", "");
        let error = format!("{:#}", ensure(&host, &places()).unwrap_err());
        assert!(error.contains("still has no standard library"), "{error}");
    }

    #[test]
    fn a_sysroot_of_an_earlier_run_is_used_before_rustup_is_asked_again() {
        let host = debian_wasm::tests::ready_machine();
        assert_eq!(ensure(&host, &places()).unwrap(), WasmToolchain::Linked);
        assert!(!host.ran("rustup target add"));
    }

    #[test]
    fn a_forced_route_is_the_only_one() {
        let rustup = debian_wasm::tests::ready_machine().var("MMEDKIT_WASM_ROUTE", "rustup");
        assert!(ensure(&rustup, &places()).is_err());
        assert!(rustup.ran("rustup target add") && !rustup.ran("apt-get"));

        let debian = debian_wasm::tests::ready_machine()
            .answers("rustc --print target-libdir", LIBDIR)
            .file(STD)
            .var("MMEDKIT_WASM_ROUTE", "debian");
        assert_eq!(ensure(&debian, &places()).unwrap(), WasmToolchain::Linked);

        let wrong = machine().var("MMEDKIT_WASM_ROUTE", "nix");
        let error = ensure(&wrong, &places()).unwrap_err().to_string();
        assert!(error.contains("nix") && error.contains("rustup"), "{error}");
    }

    #[test]
    fn the_linked_tool_chain_is_chosen_by_name_and_rustflags_are_removed() {
        let cmd = WasmToolchain::Linked.on(Cmd::new("trunk"));
        assert_eq!(cmd.to_string(), "RUSTUP_TOOLCHAIN=mmedkit-wasm trunk");
        assert!(cmd.env.contains(&("RUSTFLAGS".into(), None)));
    }
}

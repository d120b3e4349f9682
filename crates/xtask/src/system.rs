//! Packages of the operating system, Node among them: installed with apt-get where we may, else the exact command is named.

use anyhow::{Result, bail};

use crate::host::{Cmd, Host};

/// Makes sure that Debian's `packages` are installed. `purpose` ends up in the error: "the browser tests need …".
pub fn ensure_packages(host: &dyn Host, purpose: &str, packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(host, package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if host.which("apt-get").is_none() {
        bail!(
            "{purpose}: the Debian packages `{names}` are needed, and this system has no apt-get. \
             Install what your system calls them, then run this command again"
        );
    }
    let Some(administrator) = administrator(host) else {
        bail!(
            "{purpose}: packages are missing, and installing them takes an administrator. Run\n\n    \
             sudo apt-get update && sudo apt-get install --no-install-recommends -y {names}\n\n\
             then run this command again"
        );
    };
    println!("{purpose}: installing {names}");
    let apt = |args: &str| {
        let line = format!("{administrator}env DEBIAN_FRONTEND=noninteractive apt-get {args}");
        Cmd::line(&line)
    };
    // An update that fails (one source of many is down) is reported by the install, if it matters at all.
    if let Err(error) = host.run(&apt("update -q")) {
        println!("going on without fresh package lists: {error}");
    }
    host.run(&apt(&format!("install --no-install-recommends -y -q {names}")))
}

fn installed(host: &dyn Host, package: &str) -> bool {
    let asked = Cmd::line("dpkg-query -W -f=${Status}").arg(package);
    host.ask(&asked).stdout.contains("install ok installed")
}

/// What to put before a command so that it runs as root; `None` where we may not.
fn administrator(host: &dyn Host) -> Option<&'static str> {
    if host.ask(&Cmd::line("id -u")).stdout.trim() == "0" {
        return Some("");
    }
    // `-n`: a set-up that waits for a password nobody types would hang a build machine.
    host.ask(&Cmd::line("sudo -n true")).ok.then_some("sudo -n ")
}

const OLDEST_NODE: u32 = 18;

/// Node and npm, or an error that says how to get them.
pub fn node(host: &dyn Host) -> Result<()> {
    if host.which("node").is_none() || host.which("npm").is_none() {
        ensure_packages(host, "the browser tests' driver and wasm-opt", &["nodejs", "npm"])?;
    }
    let version = host.ask(&Cmd::line("node --version")).stdout;
    let major: Option<u32> = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => {
            println!("node: {}", version.trim());
            Ok(())
        }
        Some(_) => bail!(
            "node is {}, the browser tests and wasm-opt need {OLDEST_NODE} or newer",
            version.trim()
        ),
        None => bail!("`node --version` does not run: install Node {OLDEST_NODE} or newer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn debian() -> Fake {
        Fake::default()
            .var("PATH", "/usr/bin")
            .file("/usr/bin/apt-get")
            .answers("dpkg-query", "")
            .answers("apt-get update", "")
            .answers("apt-get install", "")
    }

    #[test]
    fn root_installs_only_what_is_missing() {
        let host = debian()
            .answers("id -u", "0\n")
            .answers("dpkg-query -W '-f=${Status}' nodejs", "install ok installed");
        ensure_packages(&host, "tests", &["nodejs", "chromium"]).unwrap();
        assert!(host.ran("env DEBIAN_FRONTEND=noninteractive apt-get update"));
        assert!(host.ran("-y -q chromium"));
        assert!(!host.ran("sudo"));
    }

    #[test]
    fn nothing_runs_when_all_is_there() {
        let host = debian().answers("dpkg-query", "install ok installed");
        ensure_packages(&host, "tests", &["chromium"]).unwrap();
        assert!(!host.ran("apt-get"));
    }

    #[test]
    fn sudo_is_used_where_it_asks_no_password() {
        let host = debian().answers("id -u", "1000").answers("sudo -n", "");
        ensure_packages(&host, "tests", &["chromium"]).unwrap();
        assert!(host.ran("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install"));
    }

    #[test]
    fn without_rights_the_exact_command_is_named() {
        let host = debian().answers("id -u", "1000");
        let error = ensure_packages(&host, "the browser tests", &["chromium", "nodejs"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the browser tests"), "{text}");
        assert!(
            text.contains("sudo apt-get install --no-install-recommends -y chromium nodejs"),
            "{text}"
        );
    }

    #[test]
    fn without_apt_the_packages_are_named() {
        let host = Fake::default().var("PATH", "/bin");
        let text = ensure_packages(&host, "tests", &["chromium"]).unwrap_err().to_string();
        assert!(text.contains("no apt-get") && text.contains("chromium"), "{text}");
    }
}

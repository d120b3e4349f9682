//! `cargo xtask test --clusters`: the launchers for building corpora, on a real Slurm of one node and a real Ray on this machine.
//!
//! Not part of the ordinary test: Slurm must be installed as an administrator, and Ray is large. What they run is; here it is the launchers
//! and their clusters that are tested. The scripts are in `tests/clusters`.

use anyhow::{Context, Result};

use crate::host::{Cmd, Host};
use crate::places::Places;
use crate::report::Report;
use crate::system::ensure_packages;

pub fn test(host: &dyn Host, places: &Places) -> Result<()> {
    let mut report = Report::default();
    // The workspace and not `-p`: choosing packages changes features, and would compile everything once more.
    let build = Cmd::line("cargo build --workspace --bin mmedkit").dir(&places.root);
    let program = report.step("the program", || host.run(&build));
    let input = program.and_then(|()| report.step("a corpus by one process", || reference(host, places)));
    if input.is_some() {
        report.step("Slurm", || slurm(host, places));
        report.step("Ray", || ray(host, places));
    }
    report.close()
}

fn folder(places: &Places) -> std::path::PathBuf {
    places.root.join("target/clusters")
}

fn program(places: &Places) -> std::path::PathBuf {
    places.root.join("target/debug/mmedkit")
}

/// What the clusters' results are compared with.
fn reference(host: &dyn Host, places: &Places) -> Result<()> {
    let folder = folder(places);
    host.run(&Cmd::new("rm").arg("-rf").arg(&folder))?;
    let input = Cmd::new("python3")
        .arg(places.root.join("tests/clusters/input.py"))
        .arg(folder.join("in"));
    host.run(&input).context("the test corpus could not be made; it takes python3")?;
    let config = places.root.join("tests/clusters/corpus.toml");
    host.run(&Cmd::new("cp").arg(config).arg(&folder))?;
    host.run(
        &Cmd::new(program(places))
            .args(["corpus", "build", "--threads", "1", "--config", "corpus.toml"])
            .dir(&folder),
    )
}

fn slurm(host: &dyn Host, places: &Places) -> Result<()> {
    ensure_packages(host, "the test on Slurm", &["slurm-wlm", "munge"])?;
    script(host, places, "slurm.sh", "slurm.sh", &[])
}

fn ray(host: &dyn Host, places: &Places) -> Result<()> {
    let venv = places.tools.join("ray");
    let python = venv.join("bin/python");
    if !host.ask(&Cmd::new(&python).args(["-c", "import ray"])).ok {
        if !host.ask(&Cmd::line("python3 -c").arg("import venv, ensurepip")).ok {
            ensure_packages(host, "the test on Ray", &["python3-venv"])?;
        }
        host.run(&Cmd::line("python3 -m venv").arg(&venv))?;
        host.run(&Cmd::new(&python).args(["-m", "pip", "install", "--quiet", "ray"]))
            .with_context(|| format!("Ray could not be installed; `{} -m pip install ray` would do it", python.display()))?;
    }
    script(host, places, "ray.sh", "ray_corpus.py", &[python.display().to_string()])
}

fn script(host: &dyn Host, places: &Places, script: &str, launcher: &str, more: &[String]) -> Result<()> {
    let run = Cmd::new("bash")
        .arg(places.root.join("tests/clusters").join(script))
        .arg(places.root.join("native-trainer/launch").join(launcher))
        .arg(folder(places))
        .args(more)
        .env("MMEDKIT", program(places));
    host.run(&run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn places() -> Places {
        Places {
            root: "/repo".into(),
            dist: "/repo/dist".into(),
            tools: "/tools".into(),
        }
    }

    #[test]
    fn what_is_there_is_used() {
        let host = Fake::default()
            .answers("cargo build", "")
            .answers("rm", "")
            .answers("cp", "")
            .answers("python3", "")
            .answers("/repo/target/debug/mmedkit", "")
            .answers("dpkg-query", "install ok installed")
            .answers("/tools/ray/bin/python -c 'import ray'", "")
            .answers("bash", "");
        test(&host, &places()).unwrap();
        assert!(host.ran("/repo/tests/clusters/slurm.sh /repo/native-trainer/launch/slurm.sh /repo/target/clusters"));
        assert!(host.ran("/repo/native-trainer/launch/ray_corpus.py /repo/target/clusters /tools/ray/bin/python"));
        assert!(!host.ran("pip install") && !host.ran("apt-get"));
    }

    #[test]
    fn without_rights_the_command_is_named_and_ray_is_still_tested() {
        let host = Fake::default()
            .var("PATH", "/usr/bin")
            .file("/usr/bin/apt-get")
            .answers("cargo build", "")
            .answers("rm", "")
            .answers("cp", "")
            .answers("python3", "")
            .answers("/repo/target/debug/mmedkit", "")
            .answers("dpkg-query", "")
            .answers("id -u", "1000")
            .answers("/tools/ray/bin/python -m pip", "")
            .answers("bash", "");
        let error = slurm(&host, &places()).unwrap_err().to_string();
        assert!(error.contains("install --no-install-recommends -y slurm-wlm munge"), "{error}");
        test(&host, &places()).unwrap_err();
        assert!(host.ran("-m pip install --quiet ray") && host.ran("ray.sh") && !host.ran("slurm.sh"));
    }
}

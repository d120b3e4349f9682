//! `cargo xtask test --clusters`: the launchers for building corpora, on a real Slurm of one node and a real Ray on this machine, the
//! Kubernetes manifest against Kubernetes' own schemas, and builds from and into a real S3 server.
//!
//! Not part of the ordinary test: Slurm must be installed as an administrator, and Ray and the S3 server are large. What they run is; here it
//! is the launchers, their clusters and the clients that are tested. The scripts are in `tests/clusters`.

use std::path::PathBuf;

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
        report.step("S3", || s3(host, places));
        report.step("Slurm", || slurm(host, places));
        report.step("Ray", || ray(host, places));
    }
    report.step("the Kubernetes manifest", || kubernetes(host, places));
    report.close()
}

fn folder(places: &Places) -> PathBuf {
    places.root.join("target/clusters")
}

fn program(places: &Places) -> PathBuf {
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
    let launcher = launcher(places, "slurm.sh");
    host.run(&script(places, "slurm.sh").arg(launcher).arg(folder(places)))
}

fn ray(host: &dyn Host, places: &Places) -> Result<()> {
    let python = python(host, places, "ray", "import ray", &["ray"])?;
    let launcher = launcher(places, "ray_corpus.py");
    host.run(&script(places, "ray.sh").arg(launcher).arg(folder(places)).arg(python))
}

fn s3(host: &dyn Host, places: &Places) -> Result<()> {
    let python = python(host, places, "s3", "import moto.server, boto3", &["moto[server,s3]", "boto3"])?;
    host.run(&script(places, "s3.sh").arg(folder(places)).arg(python))
}

/// Its fields and their types, by the schemas that Kubernetes publishes; nothing is run.
fn kubernetes(host: &dyn Host, places: &Places) -> Result<()> {
    let python = python(host, places, "kubernetes", "import kubernetes_validate", &["kubernetes-validate"])?;
    let validate = Cmd::new(python.with_file_name("kubernetes-validate")).arg("--strict");
    host.run(&validate.arg(launcher(places, "kubernetes.yaml")))
}

/// A Python of our own, `TOOLS/NAME`, in which the test `import` succeeds.
fn python(host: &dyn Host, places: &Places, name: &str, import: &str, packages: &[&str]) -> Result<PathBuf> {
    let venv = places.tools.join(name);
    let python = venv.join("bin/python");
    if !host.ask(&Cmd::new(&python).args(["-c", import])).ok {
        if !host.ask(&Cmd::line("python3 -c").arg("import venv, ensurepip")).ok {
            ensure_packages(host, "this test", &["python3-venv"])?;
        }
        host.run(&Cmd::line("python3 -m venv").arg(&venv))?;
        let install = Cmd::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages);
        host.run(&install)
            .with_context(|| format!("`{install}` does not work here, and the test needs it"))?;
    }
    Ok(python)
}

fn launcher(places: &Places, name: &str) -> PathBuf {
    places.root.join("native-trainer/launch").join(name)
}

fn script(places: &Places, name: &str) -> Cmd {
    Cmd::new("bash")
        .arg(places.root.join("tests/clusters").join(name))
        .env("MMEDKIT", program(places))
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
            .answers("/tools/s3/bin/python -c", "")
            .answers("/tools/kubernetes/bin", "")
            .answers("bash", "");
        test(&host, &places()).unwrap();
        assert!(host.ran("/repo/tests/clusters/slurm.sh /repo/native-trainer/launch/slurm.sh /repo/target/clusters"));
        assert!(host.ran("/repo/native-trainer/launch/ray_corpus.py /repo/target/clusters /tools/ray/bin/python"));
        assert!(host.ran("/repo/tests/clusters/s3.sh /repo/target/clusters /tools/s3/bin/python"));
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
            .answers("/tools/s3/bin/python -m pip", "")
            .answers("/tools/kubernetes/bin", "")
            .answers("bash", "");
        let error = slurm(&host, &places()).unwrap_err().to_string();
        assert!(error.contains("install --no-install-recommends -y slurm-wlm munge"), "{error}");
        test(&host, &places()).unwrap_err();
        assert!(host.ran("-m pip install --quiet ray") && host.ran("ray.sh") && !host.ran("slurm.sh"));
    }
}

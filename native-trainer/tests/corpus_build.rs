//! `mmedkit corpus build` as a process: killed in the middle, on a disk without room, with little memory.

mod common;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::tree;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mmedkit");

/// `documents` texts of about a kilobyte, 200 a file, every seventh a copy.
fn inputs(folder: &Path, documents: u64) {
    let words: Vec<&str> =
        "cancer treatment patient diagnosis disease infection symptoms vaccine virus blood cell tissue hormone surgery clinical"
            .split(' ')
            .collect();
    std::fs::create_dir_all(folder.join("in/web/en")).unwrap();
    for file in 0..documents.div_ceil(200) {
        let mut lines = String::new();
        for line in 200 * file..(200 * file + 200).min(documents) {
            let mut state = if line % 7 == 0 { line % 70 } else { line };
            let mut text = String::new();
            while text.len() < 1000 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                text += words[(state >> 33) as usize % words.len()];
                text.push(' ');
            }
            lines += &serde_json::json!({ "text": text }).to_string();
            lines.push('\n');
        }
        std::fs::write(folder.join(format!("in/web/en/{file:04}.jsonl")), lines).unwrap();
    }
}

fn configure(folder: &Path, output: &str, unit_mib: f64) -> String {
    let name = format!("{output}.toml");
    let text = format!(
        "output = \"{output}\"\nsteps = [\"filter\", \"duplicates\"]\n[[input]]\npath = \"in\"\n[duplicates]\nbuckets = 3\n[tasks]\nunit_mib = {unit_mib}\n"
    );
    std::fs::write(folder.join(&name), text).unwrap();
    name
}

fn command(folder: &Path, config: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["corpus", "build", "--threads", "1", "--config", config])
        .current_dir(folder);
    command
}

fn succeed(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn assert_same(a: &Path, b: &Path, what: &str) {
    let (a, b) = (tree(a), tree(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
    for (name, bytes) in &a {
        assert!(bytes == &b[name], "{what}: {name} differs");
    }
}

/// Finished markers. The build is writing meanwhile: what is still being renamed does not count.
fn count(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let finished = |name: &str| name.ends_with(".json") && !name.starts_with('.');
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(finished))
        .count()
}

/// Waits until `there` says so; fails if the process ends before.
fn wait_until(child: &mut Child, there: impl Fn() -> bool) {
    let begin = Instant::now();
    while !there() {
        assert!(begin.elapsed() < Duration::from_secs(120), "nothing happens");
        if let Some(status) = child.try_wait().unwrap() {
            panic!("ended too early: {status}");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_killed_corpus_build_is_simply_run_again() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 6000);
    succeed(&command(folder.path(), &configure(folder.path(), "whole", 0.3)).output().unwrap());
    let config = configure(folder.path(), "killed", 0.3);
    let out = folder.path().join("killed");
    let marks = |stage: &str| count(&out.join("done").join(stage));
    // Before the plan is there, among units, between stages: each time it is killed without warning (SIGKILL) and goes on in the next round.
    let moments: [(&str, &dyn Fn() -> bool); 5] = [
        ("the beginning", &|| out.join("build.json").exists()),
        ("three units of map", &|| marks("map") >= 3),
        ("all but few units of map", &|| marks("map") >= 12),
        ("reduce", &|| marks("reduce") >= 1),
        ("write", &|| marks("write") >= 2),
    ];
    for (moment, there) in moments {
        let mut child = command(folder.path(), &config)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_until(&mut child, there);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            !out.join("report.html").exists(),
            "killed too late at {moment}: make the input larger"
        );
    }
    // A file as a killed process leaves it, in case none of these did.
    std::fs::write(out.join("work/documents/.00001.jsonl.zst.4711-0.partial"), b"half").unwrap();
    let done = marks("map");
    let again = command(folder.path(), &config).output().unwrap();
    succeed(&again);
    assert!(done >= 12);
    assert_same(&folder.path().join("whole"), &out, "after five kills");
}

/// A limit on the size of files stands for a disk that is full: the same calls fail, and no administrator is needed.
#[cfg(unix)]
#[test]
fn a_full_disk_fails_the_corpus_task_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path(), 3000);
    succeed(&command(folder.path(), &configure(folder.path(), "whole", 100.0)).output().unwrap());
    let config = configure(folder.path(), "full", 100.0);
    let out = folder.path().join("full");
    for kilobytes in [8, 64] {
        let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" corpus build --threads 1 --config {config}");
        let run = Command::new("bash")
            .args(["-c", &script, PROGRAM])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(!run.status.success(), "{message}");
        assert!(message.contains("work/"), "the file is named: {message}");
        assert_eq!(count(&out.join("done/map")), 0, "no marker: {message}");
        let left: Vec<String> = tree(&out).into_keys().filter(|name| name.contains("partial")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    succeed(&command(folder.path(), &config).output().unwrap());
    assert_same(&folder.path().join("whole"), &out, "after a full disk");
}

/// Peak of resident memory in MiB.
#[cfg(target_os = "linux")]
fn peak(folder: &Path, config: &str) -> u64 {
    let mut child = command(folder, config).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            peak = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap().max(peak);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak / 1024;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a batch of documents and its signatures take is there from some 10 MB of text on; four times the text may not need more. Tolerance: 25 MiB,
/// for the larger tables of signatures (0.3 kB a document: 7 MiB) and the allocator's moods.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let (small, large) = (folder.path().join("small"), folder.path().join("large"));
    inputs(&small, 8_000);
    inputs(&large, 32_000);
    let small = peak(&small, &configure(&small, "out", 4.0));
    let large = peak(&large, &configure(&large, "out", 4.0));
    println!("peak resident memory: {small} MiB for 8 MB of text, {large} MiB for 32 MB");
    assert!(large <= small + 25, "{small} MiB → {large} MiB");
}

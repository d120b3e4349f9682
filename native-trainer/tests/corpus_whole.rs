//! `mmedkit corpus build` with every step, as several tasks, into both layouts; what its commands say of it; and a model trained on it.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{QUESTION, SMALL, fail, json_lines, mmedkit, prose, succeed, tree};
use mmedc::Document;
use mmedc::statistics::Statistics;
use mmedkit::run_log;
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mmedkit");

/// Twelve documents that stay in each of two languages, and one or two for each step to change or drop.
fn inputs(folder: &Path) {
    let mut files: Vec<(String, String)> = Vec::new();
    for number in 0..12 {
        files.push((format!("en/{number:02}.txt"), prose("en", number, 150)));
        files.push((format!("es/{number:02}.txt"), prose("es", 100 + number, 150)));
    }
    files.extend([
        ("en/copy.txt".into(), prose("en", 0, 150).to_uppercase().to_lowercase()),
        ("en/leak.txt".into(), format!("{}\n{QUESTION}\n", prose("en", 50, 150))),
        ("en/mail.txt".into(), format!("{}Write to anne@example.org .\n", prose("en", 51, 150))),
        ("en/hidden.txt".into(), prose("en", 52, 150).replace("patient", "pa\u{200b}tient").replace('\n', "\r\n")),
        ("en/short.txt".into(), "Fever .".into()),
        ("en/trains.txt".into(), "The train leaves at noon and arrives in the evening at the station of the town .\nThen it goes on to the coast with all that were in it and those that had to wait .\nNo other train of that day is as late as this one and none will be for some years to come .\nThat is what the man at the window said to the woman who had asked for it , and he was right .".into()),
        ("es/portugues.txt".into(), prose("pt", 60, 150)),
    ]);
    for (name, text) in files {
        let path = folder.join("in/web").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::write(folder.join("in/web/en/broken.jsonl"), "not json\n").unwrap();
    let line = json!({"question": QUESTION, "options": {"A": "ECG", "B": "CT"}, "answer_idx": "A"});
    std::fs::write(folder.join("test.jsonl"), format!("{line}\n")).unwrap();
    let tokenizer = folder.join("tokenizer.json");
    let input = folder.join("in");
    let arguments = [
        "tokenizer",
        "train",
        "--input",
        input.to_str().unwrap(),
        "--vocab-size",
        "320",
        "--output",
        tokenizer.to_str().unwrap(),
    ];
    succeed(&arguments, "");
}

fn configure(folder: &Path, output: &str, tokenize: &str) -> String {
    let text = format!(
        "output = \"{output}\"\nsteps = [\"normalise\", \"language\", \"quality\", \"filter\", \"contamination\", \"personal_data\", \"duplicates\"]\n\
         [[input]]\npath = \"in\"\n[language]\non_disagreement = \"drop\"\n[contamination]\nquestions = [\"test.jsonl\"]\n[duplicates]\nbuckets = 3\n\
         [tokenize]\ntokenizer = \"tokenizer.json\"\n{tokenize}\n[tasks]\nunit_mib = 0.004\n"
    );
    let name = format!("{output}.toml");
    std::fs::write(folder.join(&name), text).unwrap();
    folder.join(name).to_str().unwrap().to_owned()
}

fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (tree(a), tree(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(bytes == &b[name], "{name} differs");
    }
}

/// Documents that a build's stage handed on, in order.
fn documents(output: &Path) -> Vec<Document> {
    let files = tree(&output.join("work/documents"));
    let text: String = files
        .values()
        .map(|bytes| String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap())
        .collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_step_does_its_work_and_several_processes_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    inputs(folder);
    let one = configure(folder, "one", "layout = \"windows\"\nwindows.window = 64\nwindows.stride = 48");
    let told = succeed(&["corpus", "build", "--config", &one], "");
    assert!(told.contains("declared  documents      agree") && told.contains("por 1"), "{told}");
    let output = folder.join("one");
    let statistics: Statistics = serde_json::from_slice(&std::fs::read(output.join("statistics.json")).unwrap()).unwrap();
    assert_eq!(statistics.read.total().documents, 31);
    let dropped: Vec<(&str, Vec<(&str, u64)>)> = statistics
        .steps
        .iter()
        .map(|step| {
            let reasons = step.dropped.iter();
            let count = |languages: &BTreeMap<_, mmedc::statistics::Tally>| languages.values().map(|tally| tally.documents).sum();
            (
                step.name.as_str(),
                reasons.map(|(reason, languages)| (reason.as_str(), count(languages))).collect(),
            )
        })
        .collect();
    assert_eq!(
        dropped,
        [
            ("normalise", vec![]),
            ("language", vec![("other_language", 1)]),
            ("quality", vec![("top_2_gram", 1)]),
            ("filter_mmedc", vec![("not_medical", 1)]),
            ("contamination", vec![("contaminated", 1)]),
            ("personal_data", vec![]),
            ("duplicates", vec![("exact_copy", 1)]),
        ]
    );
    let count = |step: usize, name: &str| statistics.steps[step].counts.0.get(name).copied().unwrap_or(0);
    assert!(count(0, "invisible_characters") > 0 && count(0, "line_breaks") > 0);
    assert_eq!((count(1, "disagree/es/por"), count(5, "email_addresses")), (1, 1));
    let kept = documents(&output);
    let of = |file: &str| kept.iter().find(|document| document.file == file).unwrap();
    assert!(of("web/en/mail.txt").text.contains("Write to <EMAIL_ADDRESS> ."));
    assert!(!of("web/en/hidden.txt").text.contains(['\u{200b}', '\r']));
    let lines = |name: &str| json_lines(&std::fs::read_to_string(output.join(name)).unwrap());
    assert_eq!((lines("contaminated.jsonl").len(), lines("left_out.jsonl").len()), (1, 1));
    assert_eq!(lines("contaminated.jsonl")[0]["file"], "web/en/leak.txt");
    // A window a file; every document has at least one, and the first begins as its document does.
    let windows = tree(&output.join("shards"));
    assert!(
        windows.len() >= 26 && windows.values().all(|bytes| bytes.len() == 128 + 64 * 8),
        "{}",
        windows.len()
    );
    let first = windows.keys().filter(|name| name.ends_with("_0.npy")).count();
    assert_eq!(first, 26);
    assert!(output.join("shards.windows.json").exists());

    // What the commands say of it, and of its documents.
    let text = output.to_str().unwrap();
    let tables = succeed(&["corpus", "stats", "--input", text], "");
    for expected in [
        "tokens",
        "not_medical",
        "exact_copy",
        "declared  documents",
        "could not be read, json: 1",
    ] {
        assert!(tables.contains(expected), "{expected}: {tables}");
    }
    let row = tables.lines().find(|line| line.starts_with("es ")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["es", "13", "12", "0", "1", "por", "1"]);
    let json: Statistics = serde_json::from_str(&succeed(&["corpus", "stats", "--input", text, "--json"], "")).unwrap();
    assert_eq!(json, statistics);
    let page = folder.join("page.html");
    succeed(
        &[
            "corpus",
            "report",
            "--input",
            text,
            "--output",
            page.to_str().unwrap(),
            "--title",
            "A page",
        ],
        "",
    );
    let page = std::fs::read_to_string(page).unwrap();
    for expected in [
        "<h1>A page</h1>",
        "Declared and identified languages",
        "por 1",
        "1 of the documents that were looked at share",
        "personal_data",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("disagree/es/por"), "what has a table is not repeated");
    let of_documents = succeed(
        &[
            "corpus",
            "stats",
            "--input",
            output.join("work/documents").to_str().unwrap(),
            "--tokenizer",
            folder.join("tokenizer.json").to_str().unwrap(),
        ],
        "",
    );
    assert!(
        of_documents.starts_with("tokens ") && of_documents.contains("documents"),
        "{of_documents}"
    );

    // Three processes at once, each waiting for the others; the last to start is waited for, and says so.
    let three = configure(folder, "three", "layout = \"windows\"\nwindows.window = 64\nwindows.stride = 48");
    let task = |task: &str| {
        let mut command = Command::new(PROGRAM);
        command.args([
            "corpus",
            "build",
            "--threads",
            "1",
            "--config",
            &three,
            "--tasks",
            "3",
            "--task",
            task,
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let waiting = [task("2"), task("1")];
    std::thread::sleep(std::time::Duration::from_millis(300));
    for child in [task("0")].into_iter().chain(waiting) {
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{told}");
        if told.contains("plan: 0 units") {
            assert!(told.contains("waiting for other tasks: 1 unit of plan"), "{told}");
        }
    }
    assert_same(&output, &folder.join("three"));
    assert!(fail(&["corpus", "build", "--config", &three, "--task", "3", "--tasks", "3"], "").contains("no task 3 of 3"));
}

#[test]
fn a_model_is_trained_on_what_a_build_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    inputs(folder);
    let config = configure(folder, "out", "packed.hold_out = 0.2\npacked.shard_tokens = 4000");
    succeed(&["corpus", "build", "--config", &config], "");
    let (shards, tokenizer, run) = (folder.join("out/shards"), folder.join("tokenizer.json"), folder.join("run"));
    let base = [
        "pretrain",
        "--corpus",
        shards.to_str().unwrap(),
        "--tokenizer",
        tokenizer.to_str().unwrap(),
        "--output",
        run.to_str().unwrap(),
    ];
    let training = [
        &base[..],
        &SMALL,
        &[
            "--steps",
            "20",
            "--accumulate",
            "2",
            "--validation-tokens",
            "300",
            "--checkpoint-every",
            "10",
        ],
    ]
    .concat();
    succeed(&training, "");
    let log = run_log::read(&run).unwrap();
    assert!(log[19].loss < 0.9 * log[0].loss, "{log:?}");
    assert_eq!(log[19].held_out_losses.keys().map(String::as_str).collect::<Vec<_>>(), ["en", "es"]);
}

/// The stages that the test of a full disk in `corpus_build.rs` does not reach.
#[cfg(unix)]
#[test]
fn a_full_disk_fails_the_stages_write_and_pack() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    inputs(folder);
    let whole = configure(folder, "whole", "packed.hold_out = 0.2");
    succeed(&["corpus", "build", "--threads", "1", "--config", &whole], "");
    let config = configure(folder, "full", "packed.hold_out = 0.2");
    let out = folder.join("full");
    let stage = |name: &str, limit: &str| {
        let script = format!("trap '' XFSZ; {limit}exec \"$0\" corpus build --threads 1 --stage {name} --config \"$1\"");
        Command::new("bash").args(["-c", &script, PROGRAM, &config]).output().unwrap()
    };
    for name in ["plan", "map", "reduce", "resolve", "write", "pack", "finish"] {
        if matches!(name, "write" | "pack") {
            let failed = stage(name, "ulimit -f 1; ");
            let told = String::from_utf8_lossy(&failed.stderr).into_owned();
            assert!(!failed.status.success() && told.contains("File too large"), "{name}: {told}");
            let done = tree(&out)
                .into_keys()
                .filter(|file| file.starts_with(&format!("done/{name}/")))
                .count();
            assert_eq!(done, 0, "{name}: no marker");
            let left: Vec<String> = tree(&out)
                .into_keys()
                .filter(|file| file.contains("partial") || file == "shards/shards.json")
                .collect();
            assert!(left.is_empty(), "{name}: {left:?}");
        }
        let done = stage(name, "");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    }
    assert_same(&folder.join("whole"), &out);
}

/// What reads books of images decides the result, so the plan remembers it.
#[cfg(unix)]
#[test]
fn a_machine_that_recognises_text_otherwise_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("in/en")).unwrap();
    let scan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mmedc/tests/fixtures/scan_en.pdf");
    std::fs::copy(scan, folder.join("in/en/scan.pdf")).unwrap();
    // Two machines with different versions, and one with none.
    for (name, version) in [("old", "tesseract 4.1.1"), ("new", "tesseract 5.3.0")] {
        let path = folder.join(name).join("tesseract");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \"$1\" in\n--version) echo '{version}' >&2;;\n--list-langs) echo 'List of available languages (2):'; echo eng; echo osd;;\n*) cat > /dev/null; echo 'read by {version}';;\nesac\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let build = |machine: &str, output: &str, ocr: &str, stage: &[&str]| {
        let config = folder.join(format!("{output}.toml"));
        let text = format!("output = \"{output}\"\nsteps = []\n[[input]]\npath = \"in\"\n{ocr}[dataset]\nparquet = false\n");
        std::fs::write(&config, text).unwrap();
        // Nothing but the machine's own folder and the shell's.
        let shell = folder.join("shell");
        std::fs::create_dir_all(&shell).unwrap();
        for tool in ["cat", "echo"] {
            let _ = std::os::unix::fs::symlink(format!("/bin/{tool}"), shell.join(tool));
        }
        let path = format!("{}:{}", folder.join(machine).display(), shell.display());
        let run = Command::new(PROGRAM)
            .args(["corpus", "build", "--config"])
            .arg(config)
            .args(stage)
            .env("PATH", path)
            .output()
            .unwrap();
        (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    assert!(build("old", "out", "", &["--stage", "plan"]).0);
    for (machine, now) in [("new", "tesseract 5.3.0 with eng"), ("none", "no Tesseract")] {
        for stage in [&["--stage", "map"][..], &["--stage", "plan"], &[]] {
            let (done, told) = build(machine, "out", "", stage);
            assert!(
                !done && told.contains("tesseract 4.1.1 with eng") && told.contains(now),
                "{machine}: {told}"
            );
        }
    }
    let (done, told) = build("old", "out", "", &[]);
    assert!(done, "{told}");
    assert!(documents(&folder.join("out"))[0].text.contains("read by tesseract 4.1.1"));
    // Without it the book is listed; switched off, no machine is asked; demanded, the plan needs it.
    let listed = |output: &str| std::fs::read_to_string(folder.join(output).join("left_out.jsonl")).unwrap();
    assert!(build("none", "without", "", &[]).0);
    assert!(listed("without").contains("is not installed"));
    assert!(build("old", "off", "ocr = \"off\"\n", &["--stage", "plan"]).0);
    assert!(build("none", "off", "ocr = \"off\"\n", &[]).0);
    assert!(listed("off").contains("it is switched off"));
    let (done, told) = build("none", "on", "ocr = \"on\"\n", &[]);
    assert!(!done && told.contains("ocr = \"on\", but tesseract is not installed"), "{told}");
    assert!(build("new", "on", "ocr = \"on\"\n", &[]).0);
    // Another setting is another configuration.
    let (done, told) = build("new", "on", "ocr = \"off\"\n", &[]);
    assert!(!done && told.contains("config.input[0].ocr: \"on\" → \"off\""), "{told}");
}

#[test]
fn what_a_build_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("corpus.toml");
    std::fs::write(&config, "output = \"out\"\n[[input]]\npath = \"in\"\nocr = \"maybe\"\n").unwrap();
    let run = mmedkit(&["corpus", "build", "--config", config.to_str().unwrap()], "");
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(
        !run.status.success() && told.contains("corpus.toml") && told.contains("maybe"),
        "{told}"
    );
}

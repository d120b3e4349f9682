//! `mmedkit corpus filter` and `inspect` from the command line.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn mmedkit(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mmedkit")).args(args).output().unwrap()
}

fn ran(output: Output) -> (String, String) {
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}");
    (out, err)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A small corpus of our own: medical and other text, two languages, a broken file.
fn corpus(root: &Path) {
    let medical = "Chemotherapy and radiation are treatment for cancer of the liver and the lung . \
                   A biopsy gives the diagnosis ; the doctor takes tissue from the tumor and finds the mutation . ";
    for (file, bytes) in [
        ("corpus/web/en/medical.txt", medical.repeat(3).into_bytes()),
        (
            "corpus/web/en/other.txt",
            b"The train leaves at noon and arrives in the evening.".to_vec(),
        ),
        ("corpus/web/en/broken.txt", b"caf\xe9".to_vec()),
        ("corpus/web/es/vacio.txt", Vec::new()),
        ("corpus/web/readme.md", b"no text".to_vec()),
        (
            "corpus/books/en.jsonl",
            b"{\"text\":\"Write to a@b.org. Cancer, cancers, biopsies, tumors, lungs, liver.\",\"license\":\"CC0\"}\nnot json\n".to_vec(),
        ),
    ] {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn decisions_and_kept_documents_are_written_in_order() {
    let dir = tempfile::tempdir().unwrap();
    corpus(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    let (report, output) = (path("decisions.jsonl"), path("kept.jsonl"));
    let (_, err) = ran(mmedkit(&[
        "corpus",
        "filter",
        "--input",
        &path("corpus"),
        "--rule",
        "mmedc",
        "--report",
        &report,
        "--output",
        &output,
    ]));
    let decisions: Vec<Value> = text(report.as_ref())
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen: Vec<(&str, bool)> = decisions
        .iter()
        .map(|d| (d["file"].as_str().unwrap(), d["keep"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("corpus/books/en.jsonl", false),
            ("corpus/web/en/broken.txt", false),
            ("corpus/web/en/medical.txt", true),
            ("corpus/web/en/other.txt", false),
            ("corpus/web/es/vacio.txt", false),
        ]
    );
    assert_eq!(decisions[4]["density"], 0.0);
    let kept: Vec<Value> = text(output.as_ref())
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0]["file"].as_str(), kept[0]["source"].as_str()),
        (Some("web/en/medical.txt"), Some("web"))
    );
    assert!(
        err.contains("left out: books/en.jsonl, line 2: not the JSON that is expected"),
        "{err}"
    );
    assert!(
        err.contains("read: invalid_utf8_documents 1") && err.contains("1 of 5 documents kept"),
        "{err}"
    );

    // The mended rule takes the inflected words before commas; and the mask is put into what is written.
    let compare = path("compare.jsonl");
    let (out, _) = ran(mmedkit(&[
        "corpus",
        "filter",
        "--input",
        &path("corpus/books"),
        "--rule",
        "mmedkit",
        "--compare",
        &compare,
        "--output",
        &output,
        "--mask-personal-data",
        "--language",
        "en",
    ]));
    assert!(
        out.contains("en                1          0           0             1        0"),
        "{out}"
    );
    let compared: Value = serde_json::from_str(text(compare.as_ref()).trim()).unwrap();
    assert_eq!(
        (&compared["mmedc"]["keep"], &compared["mmedkit"]["keep"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert!(text(output.as_ref()).contains("Write to <EMAIL_ADDRESS>. Cancer"));
}

#[test]
fn what_is_wrong_is_said_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    corpus(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    std::fs::write(
        path("keywords.json"),
        r#"{"en":{"hit_times_threshold":1,"hit_ratio_threshold":0.1,"medical_biology_words":["liver",""],"medical_words":[]}}"#,
    )
    .unwrap();
    let input = path("corpus");
    for (args, expected) in [
        (
            vec!["--input", &input, "--rule", "mmedc", "--keywords", &path("keywords.json")],
            "en.medical_biology_words[1] is empty",
        ),
        (vec!["--input", &path("nothing"), "--rule", "mmedc"], "nothing"),
        (
            vec!["--input", &path("corpus/web/readme.md"), "--rule", "mmedc"],
            "is not a format that is read",
        ),
        (
            vec!["--input", &input, "--rule", "none", "--contaminated", &path("x")],
            "--benchmark <QUESTIONS>",
        ),
    ] {
        let output = mmedkit(&[&["corpus", "filter"], &args[..]].concat());
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && err.contains(expected), "{args:?}: {err}");
    }
}

#[test]
fn inspect_counts_by_source_and_language() {
    let dir = tempfile::tempdir().unwrap();
    corpus(dir.path());
    let root = dir.path().join("corpus");
    let (out, _) = ran(mmedkit(&[
        "corpus",
        "inspect",
        "--json",
        "--identify-language",
        "--input",
        root.to_str().unwrap(),
    ]));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["files"], serde_json::json!({"jsonl": 1, "txt": 4}));
    assert_eq!(report["documents"]["web"]["en"]["documents"], 3);
    assert_eq!(report["documents"]["web"]["es"]["empty"], 1);
    assert_eq!(report["documents"]["books"]["en"]["documents"], 1);
    assert_eq!(
        (&report["not_read"]["json"], &report["other_files"]),
        (&Value::from(1), &Value::from(1))
    );
    assert_eq!(report["languages"]["unsure/es"], 1);
}

/// The whole shared corpus, byte for byte the lines that another implementation wrote.
#[test]
fn conformance_corpus_filter_writes_the_expected_lines() {
    let Some(root) = conformance::folder() else { return };
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("decisions.jsonl");
    ran(mmedkit(&[
        "corpus",
        "filter",
        "--input",
        root.join("corpus").to_str().unwrap(),
        "--rule",
        "mmedc",
        "--report",
        report.to_str().unwrap(),
    ]));
    let sorted = |text: String| -> Vec<String> {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines
    };
    let (ours, expected) = (sorted(text(&report)), sorted(text(&root.join("keywords/expected_filter.jsonl"))));
    println!("compared {} lines", expected.len());
    assert!(!expected.is_empty());
    assert_eq!(ours, expected);
}

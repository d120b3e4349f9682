//! Steps one after the other from the command line: ids stay, every document has its line, nothing half-written is left.

mod common;

use std::path::{Path, PathBuf};

use common::{QUESTION, fail, json_lines, mmedkit, prose, succeed};
use serde_json::{Value, json};

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

fn text(file: &str) -> String {
    std::fs::read_to_string(file).unwrap()
}

/// Documents of which each meets another fate.
fn tree(folder: &Path) {
    let files = [
        ("in/web/en/plain.txt", prose("en", 1, 120)),
        ("in/web/en/copy.txt", prose("en", 1, 120)),
        ("in/web/en/leak.txt", format!("{}\n{QUESTION}\n", prose("en", 2, 120))),
        (
            "in/web/en/mail.txt",
            format!("{}Write to anne@example.org .\n", prose("en", 3, 120)),
        ),
        ("in/web/en/short.txt", "Fever .".to_owned()),
        ("in/web/en/hidden.txt", prose("en", 4, 120).replace("patient", "pa\u{200b}tient")),
        ("in/web/es/normal.txt", prose("es", 5, 120)),
        ("in/web/es/portugues.txt", prose("pt", 6, 120)),
        (
            "in/web/es/clima.txt",
            "el sol sale por la mañana y la lluvia cae por la tarde en todo el valle. ".repeat(9),
        ),
        ("in/other/undeclared.txt", "0 1 2 3 ".repeat(40)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::write(folder.join("in/web/en/broken.jsonl"), "not json\n").unwrap();
    std::fs::create_dir_all(folder.join("Test")).unwrap();
    let line = json!({"question": QUESTION, "options": {"A": "ECG", "B": "CT"}, "answer_idx": "A"});
    std::fs::write(folder.join("Test/English.jsonl"), format!("{line}\n")).unwrap();
}

/// Ids with files and positions, in order.
fn places(file: &str) -> Vec<(String, String, u64)> {
    let bytes = std::fs::read(file).unwrap();
    let text = if file.ends_with(".zst") {
        zstd::decode_all(&bytes[..]).unwrap()
    } else {
        bytes
    };
    json_lines(std::str::from_utf8(&text).unwrap())
        .iter()
        .map(|document| {
            let field = |name: &str| document[name].as_str().unwrap().to_owned();
            (field("id"), field("file"), document["position"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn every_document_has_its_line_whatever_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tree(folder);
    let at = |name: &str| path(folder, name);
    let report = at("decisions.jsonl");
    let arguments = [
        "corpus",
        "filter",
        "--input",
        &at("in"),
        "--rule",
        "mmedc",
        "--report",
        &report,
        "--output",
        &at("kept.jsonl"),
        "--normalise",
        "nfc",
        "--identify-language",
        "drop",
        "--quality",
        "--benchmark",
        &at("Test"),
        "--contaminated",
        &at("contaminated.jsonl"),
        "--mask-personal-data",
    ];
    let run = mmedkit(&arguments, "");
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{told}");
    let lines = json_lines(&text(&report));
    let seen: Vec<(&str, Option<&str>, bool, &str)> = lines
        .iter()
        .map(|line| {
            assert_eq!(
                line.as_object().unwrap().keys().collect::<Vec<_>>(),
                ["file", "lang", "chars", "unique_hits", "hit_chars", "density", "keep", "stage"]
            );
            let file = line["file"].as_str().unwrap();
            (
                file,
                line["lang"].as_str(),
                line["keep"].as_bool().unwrap(),
                line["stage"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("in/other/undeclared.txt", None, false, "quality: top_2_gram"),
            ("in/web/en/copy.txt", Some("en"), true, "long+short"),
            ("in/web/en/hidden.txt", Some("en"), true, "long+short"),
            ("in/web/en/leak.txt", Some("en"), false, "contamination: contaminated"),
            ("in/web/en/mail.txt", Some("en"), true, "long+short"),
            ("in/web/en/plain.txt", Some("en"), true, "long+short"),
            ("in/web/en/short.txt", Some("en"), false, "quality: top_2_gram"),
            ("in/web/es/clima.txt", Some("es"), false, "quality: top_4_gram"),
            ("in/web/es/normal.txt", Some("es"), true, "long+short"),
            ("in/web/es/portugues.txt", Some("es"), false, "language: other_language"),
        ]
    );
    // What the rule counted is there where it counted, and null elsewhere.
    assert_eq!((&lines[0]["unique_hits"], &lines[0]["density"]), (&Value::Null, &Value::Null));
    assert_eq!(lines[0]["chars"], 320);
    assert!(lines[3]["unique_hits"].as_u64().unwrap() >= 5 && lines[3]["density"].as_f64().unwrap() > 0.04);
    // What the question shares is listed, and the mask is in what is kept.
    let contaminated = json_lines(&text(&at("contaminated.jsonl")));
    assert_eq!(contaminated.len(), 1);
    assert_eq!(contaminated[0]["file"], "web/en/leak.txt");
    assert_eq!(contaminated[0]["ngram"], "a 60 year old man has had chest pain at rest for two");
    let kept = text(&at("kept.jsonl"));
    assert!(kept.contains("Write to <EMAIL_ADDRESS> .") && !kept.contains('\u{200b}'));
    assert_eq!(places(&at("kept.jsonl")).len(), 5);
    assert!(
        told.contains("contamination: contaminated 1") && told.contains("5 of 10 documents kept"),
        "{told}"
    );

    // Only reported, to standard error; and documents that no rule decides about.
    let arguments = [
        "corpus",
        "filter",
        "--input",
        &at("in"),
        "--rule",
        "none",
        "--report",
        &report,
        "--benchmark",
        &at("Test"),
        "--keep-contaminated",
    ];
    let run = mmedkit(&arguments, "");
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(told.contains("in/web/en/leak.txt, 0: shares \"a 60 year old man"), "{told}");
    let lines = json_lines(&text(&report));
    assert_eq!(lines.len(), 10);
    assert!(
        lines
            .iter()
            .all(|line| line["keep"] == true && line["stage"].is_null() && line["density"].is_null())
    );
    // By the rule alone, a document without a language is one that it cannot decide about.
    succeed(
        &["corpus", "filter", "--input", &at("in"), "--rule", "mmedc", "--report", &report],
        "",
    );
    let lines = json_lines(&text(&report));
    assert_eq!((lines.len(), &lines[0]["stage"]), (10, &json!("filter_mmedc: no_language")));
}

#[test]
fn ids_stay_from_step_to_step() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tree(folder);
    let at = |name: &str| path(folder, name);
    let filter = |input: &str, output: &str| {
        succeed(&["corpus", "filter", "--input", input, "--rule", "none", "--output", output], "");
        places(output)
    };
    let first = filter(&at("in"), &at("one/first.jsonl.zst"));
    assert_eq!(first.len(), 10);
    assert_eq!(first[1].1, "web/en/copy.txt");
    for (name, input) in [
        ("second.jsonl", "one"),
        ("third.jsonl.gz", "second.jsonl"),
        ("fourth.jsonl.zst", "third.jsonl.gz"),
    ] {
        let output = at(name);
        if name.ends_with(".gz") {
            succeed(
                &["corpus", "filter", "--input", &at(input), "--rule", "none", "--output", &output],
                "",
            );
        } else {
            assert_eq!(filter(&at(input), &output), first, "{name}");
        }
    }
    // Through the search for copies, which drops one, and on. Every stage of it is told.
    let searched = mmedkit(&["corpus", "dedup", "--input", &at("one"), "--output", &at("clean")], "");
    let told = String::from_utf8_lossy(&searched.stderr).into_owned();
    assert!(searched.status.success(), "{told}");
    for stage in ["looking for pairs: 16 parts", "joining pairs to groups", "writing what stays"] {
        assert!(told.contains(stage), "{stage}: {told}");
    }
    let clean = filter(&at("clean/documents"), &at("clean.jsonl.zst"));
    assert_eq!(clean.len(), 9);
    let without_copy: Vec<_> = first.iter().filter(|place| clean.contains(place)).cloned().collect();
    assert_eq!(clean, without_copy);
    // A build and the statistics read them the same way.
    std::fs::write(
        folder.join("corpus.toml"),
        "output = \"built\"\nsteps = []\n[[input]]\npath = \"clean.jsonl.zst\"\n[dataset]\nparquet = false\n",
    )
    .unwrap();
    succeed(&["corpus", "build", "--config", &at("corpus.toml")], "");
    assert_eq!(places(&at("built/work/documents/00000.jsonl.zst")), clean);
    let statistics: Value = serde_json::from_str(&succeed(&["corpus", "stats", "--input", &at("clean.jsonl.zst"), "--json"], "")).unwrap();
    assert_eq!(statistics["read"]["web"]["en"]["documents"], 5);

    // What we wrote and what is damaged since is an error for every step, and never a shorter corpus.
    let whole = std::fs::read(folder.join("one/first.jsonl.zst")).unwrap();
    std::fs::write(folder.join("one/first.jsonl.zst"), &whole[..whole.len() - 10]).unwrap();
    std::fs::remove_dir_all(folder.join("clean")).unwrap();
    for arguments in [
        vec!["corpus", "filter", "--rule", "none", "--output", &at("never.jsonl")],
        vec!["corpus", "dedup", "--output", &at("clean")],
        vec!["corpus", "stats"],
        vec!["corpus", "inspect"],
        vec!["corpus", "report", "--output", &at("never.html")],
    ] {
        let input = at("one");
        let refused = fail(&[&arguments[..], &["--input", &input]].concat(), "");
        assert!(refused.contains("first.jsonl.zst"), "{arguments:?}: {refused}");
    }
    assert!(!folder.join("never.jsonl").exists() && !folder.join("never.html").exists());
}

#[test]
fn inputs_that_cannot_be_told_apart_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["a/en/1.txt", "b/en/1.txt", "b/en/2.txt"] {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, name).unwrap();
    }
    let at = |name: &str| path(folder, name);
    let (a, b) = (at("a"), at("b"));
    for arguments in [
        vec!["corpus", "filter", "--rule", "none"],
        vec!["corpus", "dedup", "--output", &at("clean")],
        vec!["corpus", "stats"],
    ] {
        let refused = fail(&[&arguments[..], &["--input", &a, "--input", &b]].concat(), "");
        assert!(refused.contains("a/en/1.txt and ") && refused.contains("same ids"), "{refused}");
        let refused = fail(&[&arguments[..], &["--input", &a, "--input", &a]].concat(), "");
        assert!(refused.contains("same ids"), "{refused}");
    }
    // Nobody asks `inspect` for ids. Read apart, with sources, the results go together: they bring their ids.
    succeed(&["corpus", "inspect", "--input", &a, "--input", &b], "");
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        let output = at(&format!("{name}-out/documents.jsonl"));
        succeed(
            &[
                "corpus",
                "filter",
                "--input",
                &at(name),
                "--source",
                name,
                "--rule",
                "none",
                "--output",
                &output,
            ],
            "",
        );
        ids.extend(places(&output));
    }
    let both = at("both.jsonl");
    succeed(
        &[
            "corpus",
            "filter",
            "--input",
            &at("a-out"),
            "--input",
            &at("b-out"),
            "--rule",
            "none",
            "--output",
            &both,
        ],
        "",
    );
    assert_eq!(places(&both), ids);
    let distinct: std::collections::BTreeSet<_> = ids.iter().map(|place| &place.0).collect();
    assert_eq!(distinct.len(), 3);
    // Another source would be another id.
    let refused = fail(&["corpus", "filter", "--input", &both, "--source", "web", "--rule", "none"], "");
    assert!(refused.contains("a document of the source \"a\", not \"web\""), "{refused}");
}

/// A limit on the size of files is a disk without space: writes fail in the same way.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_no_part_of_what_filter_and_report_write() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for number in 0..200 {
        let file = folder.join(format!("in/web/en/{number}.txt"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, prose("en", number, 100)).unwrap();
    }
    let at = |name: &str| path(folder, name);
    let (input, results) = (at("in"), folder.join("results"));
    std::fs::create_dir(&results).unwrap();
    let names = || -> Vec<PathBuf> { std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let filter = ["corpus", "filter", "--input", &input, "--rule", "mmedc"];
    let report = at("results/page.html");
    let page = ["corpus", "report", "--input", &input, "--output", &report];
    let (kept, compressed, decisions) = (
        at("results/kept.jsonl"),
        at("results/kept.jsonl.zst"),
        at("results/decisions.jsonl"),
    );
    let plain = [&filter[..], &["--output", &kept]].concat();
    let together = [&filter[..], &["--report", &decisions, "--output", &compressed]].concat();
    for (arguments, files) in [(&plain[..], 1), (&together, 2), (&page, 1)] {
        let run = |limit: &str| {
            std::process::Command::new("sh")
                .args([
                    "-c",
                    &format!("trap '' XFSZ; {limit}exec \"$0\" \"$@\""),
                    env!("CARGO_BIN_EXE_mmedkit"),
                ])
                .args(arguments)
                .output()
                .unwrap()
        };
        std::fs::write(results.join("page.html"), "before").unwrap();
        let failed = run("ulimit -f 8; ");
        let told = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(
            !failed.status.success() && told.contains("results/") && told.contains("File too large"),
            "{told}"
        );
        assert_eq!(names(), [results.join("page.html")], "{told}");
        assert_eq!(std::fs::read(results.join("page.html")).unwrap(), b"before");
        std::fs::remove_file(results.join("page.html")).unwrap();
        let done = run("");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(names().len(), files);
        names().iter().for_each(|name| std::fs::remove_file(name).unwrap());
    }
}

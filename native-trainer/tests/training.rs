//! Training from the command line: it learns, and stopping and resuming leaves no trace.

mod common;

use std::path::Path;

use common::{SMALL, corpus, fail, json_lines, succeed, vocabulary};
use mmedkit::run_log;

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Steps, losses and norms, without what a clock says.
fn curve(run: &Path) -> Vec<(u64, f64, f64)> {
    run_log::read(run)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.step, entry.loss, entry.gradient_norm))
        .collect()
}

#[test]
fn a_run_that_was_stopped_and_resumed_is_the_run_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let tokenizer = vocabulary(folder.path(), &corpus);
    let train = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        let base = [
            "pretrain",
            "--input",
            corpus.to_str().unwrap(),
            "--tokenizer",
            &tokenizer,
            "--output",
            output.to_str().unwrap(),
        ];
        let arguments = [&base[..], &SMALL, &["--steps", "10", "--accumulate", "2", "--hold-out", "7"], more].concat();
        succeed(&arguments, "");
        output
    };
    let whole = train("whole", &["--checkpoint-every", "4"]);
    train("halves", &["--stop-after", "5", "--resume"]);
    // Without a checkpoint there is nothing to go on from, and the run begins: a script may always say --resume.
    let halves = train("halves", &["--resume"]);
    let lean = train("lean", &["--activation-checkpointing"]);

    let losses = curve(&whole);
    assert_eq!(losses.len(), 10);
    assert!(losses[9].1 < 0.95 * losses[0].1, "it learns: {losses:?}");
    for other in [&halves, &lean] {
        assert_eq!(curve(other), losses, "{}", other.display());
        for file in ["model.safetensors", "optimizer.safetensors", "config.json"] {
            let (a, b) = (
                read(&whole.join("step-00000010").join(file)),
                read(&other.join("step-00000010").join(file)),
            );
            assert!(a == b, "{}: {file} differs", other.display());
        }
    }
    let held_out = run_log::read(&whole).unwrap();
    assert!(held_out[9].held_out_loss.unwrap() < held_out[3].held_out_loss.unwrap());
    // Two checkpoints are kept: 8 and 10, not 4.
    assert!(!whole.join("step-00000004").exists() && whole.join("step-00000008").exists());

    // What would not be the same run is refused.
    let again = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        let base = [
            "pretrain",
            "--input",
            corpus.to_str().unwrap(),
            "--tokenizer",
            &tokenizer,
            "--output",
            output.to_str().unwrap(),
        ];
        fail(&[&base[..], &SMALL, more].concat(), "")
    };
    assert!(again("whole", &["--steps", "10"]).contains("--resume"));
    assert!(again("whole", &["--steps", "11", "--resume"]).contains("other settings"));

    // A run's folder is a model: going on from it, and reading it, take the last checkpoint.
    let further = folder.path().join("further");
    let arguments = [
        "pretrain",
        "--input",
        corpus.to_str().unwrap(),
        "--init",
        whole.to_str().unwrap(),
        "--output",
        further.to_str().unwrap(),
    ];
    succeed(
        &[
            &arguments[..],
            &[
                "--sequence-length",
                "48",
                "--batch-tokens",
                "192",
                "--steps",
                "2",
                "--learning-rate",
                "1e-4",
            ],
        ]
        .concat(),
        "",
    );
    assert!(curve(&further)[0].1 < 0.95 * losses[0].1, "it begins where the other ended");
}

#[test]
fn answers_are_learned_from_questions() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let tokenizer = vocabulary(folder.path(), &corpus);
    let base = folder.path().join("base");
    let arguments = [
        "pretrain",
        "--input",
        corpus.to_str().unwrap(),
        "--tokenizer",
        &tokenizer,
        "--output",
        base.to_str().unwrap(),
    ];
    let shape = [
        "--hidden-size",
        "32",
        "--layers",
        "1",
        "--heads",
        "2",
        "--kv-heads",
        "1",
        "--intermediate-size",
        "64",
    ];
    succeed(
        &[
            &arguments[..],
            &shape,
            &["--sequence-length", "512", "--batch-tokens", "512", "--steps", "2"],
        ]
        .concat(),
        "",
    );

    let train = folder.path().join("Train");
    std::fs::create_dir(&train).unwrap();
    let question = r#"{"question":"Q?","options":{"A":"one","B":"two"},"answer_idx":"B","rationale":"Because."}"#;
    let bare = r#"{"question":"R?","options":{"A":"one","B":"two"},"answer_idx":"A,B","rationale":""}"#;
    std::fs::write(train.join("English.jsonl"), format!("{question}\n{bare}\n{{\"question\": 3}}\n")).unwrap();
    std::fs::write(train.join("French.jsonl"), format!("{question}\n")).unwrap();
    let output = folder.path().join("tuned");
    let arguments = [
        "finetune",
        "--model",
        base.to_str().unwrap(),
        "--questions",
        train.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
        "--sequence-length",
        "512",
        "--batch-tokens",
        "2048",
        "--epochs",
        "60",
        "--learning-rate",
        "1e-2",
    ];
    let run = common::mmedkit(&arguments, "");
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{told}");
    assert!(told.contains("English.jsonl, line 3"), "the broken line is named: {told}");
    assert!(told.contains("3 questions taken from 2 files, 1 line could not be read"), "{told}");
    assert!(
        told.contains("5 examples"),
        "two prompts for each question with a rationale: {told}"
    );

    // Loss is on answers only: as many targets a pass as the answers and their end tokens have.
    let answers = [
        "###Answer: OPTION B IS CORRECT.",
        "###Answer: OPTION A,B IS CORRECT.",
        "###Rationale: Because.\n###Answer: OPTION B IS CORRECT.",
    ];
    let lines: String = answers
        .iter()
        .map(|answer| format!("{}\n", serde_json::to_string(answer).unwrap()))
        .collect();
    let counts: Vec<u64> = json_lines(&succeed(&["tokenize", "--model", &tokenizer, "--no-special"], &lines))
        .iter()
        .map(|ids| ids.as_array().unwrap().len() as u64 + 1)
        .collect();
    let expected = 2 * counts[0] + counts[1] + 2 * counts[2];
    let log = run_log::read(&output).unwrap();
    let passes: u64 = log.iter().map(|entry| entry.targets).sum();
    assert_eq!(passes, 60 * expected);
    assert!(log.last().unwrap().loss < 0.5 * log[0].loss, "it learns");

    let missing = fail(
        &[
            "finetune",
            "--model",
            base.to_str().unwrap(),
            "--questions",
            folder.path().join("none").to_str().unwrap(),
            "--output",
            "x",
        ],
        "",
    );
    assert!(missing.contains("none"), "{missing}");
}

#[test]
fn vocabularies_are_trained_on_whole_trees_and_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let tokenizer = vocabulary(folder.path(), &corpus);
    let out = succeed(&["tokenize", "--model", &tokenizer], "\"la fièvre\"\n\"発熱 <|end_of_text|>\"\n");
    let ids = json_lines(&out);
    assert_eq!(ids[0][0], 0, "the begin token is first");
    assert!(ids[0].as_array().unwrap().len() < "la fièvre".len(), "merges were learned");
    assert!(!ids[1].as_array().unwrap().contains(&1.into()), "control tokens in a text are text");
    let bare = json_lines(&succeed(&["tokenize", "--model", &tokenizer, "--no-special"], "\"la fièvre\"\n"));
    assert_eq!(bare[0].as_array().unwrap()[..], ids[0].as_array().unwrap()[1..]);

    assert!(fail(&["tokenize", "--model", &tokenizer], "no quotes\n").contains("line 1"));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let train = |input: &Path, size: &str| {
        fail(
            &[
                "tokenizer",
                "train",
                "--input",
                input.to_str().unwrap(),
                "--vocab-size",
                size,
                "--output",
                folder.path().join("t.json").to_str().unwrap(),
            ],
            "",
        )
    };
    assert!(train(&empty, "400").contains("no .txt files"));
    assert!(train(&corpus, "10").contains("at least"));
    assert!(train(&corpus, "100000").contains("more text"));
    std::fs::write(corpus.join("latin1.txt"), [b'a', 0xE9]).unwrap();
    let message = train(&corpus, "320");
    assert!(message.contains("latin1.txt") && message.contains("UTF-8"), "{message}");
}

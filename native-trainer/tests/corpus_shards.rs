//! From documents to a trained model: copies out, tokens packed, steps taken, the loss falls, the export scores; and a run that was stopped
//! goes on at the exact document and token.

mod common;

use std::path::{Path, PathBuf};

use common::{SMALL, corpus, fail, json_lines, mmedkit, succeed, vocabulary};
use mmedkit::run_log;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A tree of languages by their codes, with a copy of a copy, a near copy, and a question of a benchmark.
fn tree(folder: &Path) -> PathBuf {
    let plain = corpus(folder);
    let root = folder.join("tree");
    for (index, language) in ["en", "fr", "es", "ru", "ja", "zh"].iter().enumerate() {
        let from = plain.join(format!("language-{index}"));
        let to = root.join("web").join(language);
        std::fs::create_dir_all(&to).unwrap();
        let all: String = (0..3)
            .map(|number| std::fs::read_to_string(from.join(format!("{number}.txt"))).unwrap())
            .collect();
        for number in 0..12 {
            // Different documents: each leaves another line out and counts otherwise.
            let lines = all.lines().enumerate().filter(|(line, _)| *line != number);
            let text: Vec<String> = lines
                .map(|(line, text)| format!("{} {text}", (number + 1) * (line + 3) * 7919 % 1009))
                .collect();
            std::fs::write(to.join(format!("{number}.txt")), text.join("\n")).unwrap();
        }
    }
    let first = std::fs::read_to_string(root.join("web/en/0.txt")).unwrap();
    let books = root.join("books/en");
    std::fs::create_dir_all(&books).unwrap();
    std::fs::write(books.join("copy.txt"), first.to_uppercase()).unwrap();
    std::fs::write(root.join("web/en/near.txt"), first.replacen("lungs", "chest", 1)).unwrap();
    let question = "A 60-year-old man has had chest pain at rest for two hours; which test comes first?";
    std::fs::write(root.join("web/en/leak.txt"), format!("Exam preparation. {question} Answers below.")).unwrap();
    let test = folder.join("Test");
    std::fs::create_dir_all(&test).unwrap();
    let line = serde_json::json!({"question": question, "options": {"A": "ECG", "B": "CT"}, "answer_idx": "A"});
    std::fs::write(test.join("English.jsonl"), format!("{line}\n")).unwrap();
    root
}

/// Runs dedup, tokenize and pack. Returns the folder of packed shards.
fn packed(folder: &Path, root: &Path, tokenizer: &str) -> PathBuf {
    let (clean, tokens, packed) = (folder.join("clean"), folder.join("tokens"), folder.join("packed"));
    succeed(
        &[
            "corpus",
            "dedup",
            "--input",
            text(root),
            "--output",
            text(&clean),
            "--benchmark",
            text(&folder.join("Test")),
            "--prefer",
            "books",
        ],
        "",
    );
    let documents = clean.join("documents");
    succeed(
        &[
            "corpus",
            "tokenize",
            "--input",
            text(&documents),
            "--tokenizer",
            tokenizer,
            "--output",
            text(&tokens),
        ],
        "",
    );
    succeed(
        &[
            "corpus",
            "pack",
            "--input",
            text(&tokens),
            "--output",
            text(&packed),
            "--hold-out",
            "0.2",
            "--shard-tokens",
            "6000",
        ],
        "",
    );
    packed
}

#[test]
fn a_corpus_becomes_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = tree(folder);
    let tokenizer = vocabulary(folder, &root);
    let packed = packed(folder, &root, &tokenizer);

    // One of the three copies stays, that of the preferred source; the question is out, and the report shows what it shares.
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("clean/summary.json")).unwrap()).unwrap();
    let count = |name: &str| summary[name].as_u64().unwrap_or(0);
    assert_eq!((count("documents"), count("exact"), count("contaminated")), (74, 1, 1), "{summary}");
    assert_eq!(count("near"), 1, "{summary}");
    assert!(!folder.join("clean/work").exists());
    let report = json_lines(&std::fs::read_to_string(folder.join("clean/contaminated.jsonl")).unwrap());
    assert_eq!(report[0]["file"], "web/en/leak.txt");
    assert_eq!(report[0]["ngram"], "a 60 year old man has had chest pain at rest for two");
    assert!(report[0]["question"].as_str().unwrap().ends_with("English:1"));
    let kept: Vec<_> = mmedc::read_documents(&folder.join("clean/documents/documents-00000.jsonl.zst"), 1 << 20)
        .unwrap()
        .map(|document| document.unwrap())
        .collect();
    assert!(
        kept.iter()
            .any(|document| document.file == "books/en/copy.txt" && document.source == "books")
    );
    assert!(!kept.iter().any(|document| document.file == "web/en/0.txt"));

    let train = |name: &str, more: &[&str]| {
        let output = folder.join(name);
        let base = [
            "pretrain",
            "--corpus",
            text(&packed),
            "--tokenizer",
            &tokenizer,
            "--output",
            text(&output),
        ];
        let arguments = [
            &base[..],
            &SMALL,
            &["--steps", "30", "--accumulate", "2", "--validation-tokens", "500"],
            more,
        ]
        .concat();
        let run = mmedkit(&arguments, "");
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{told}");
        (output, told)
    };
    let (whole, _) = train("whole", &["--checkpoint-every", "10"]);
    train("halves", &["--stop-after", "5"]);
    let (halves, told) = train("halves", &["--resume"]);
    assert!(
        told.contains("after step 5: going on at token") && told.contains("(block 41 of"),
        "{told}"
    );

    // The loss falls, on text that was never trained on and in every language.
    let log = run_log::read(&whole).unwrap();
    assert!(log[29].loss < 0.9 * log[0].loss, "{log:?}");
    assert!(log[29].held_out_loss.unwrap() < log[9].held_out_loss.unwrap());
    let languages: Vec<&str> = log[29].held_out_losses.keys().map(String::as_str).collect();
    assert_eq!(languages, ["en", "es", "fr", "ja", "ru", "zh"]);
    for (language, loss) in &log[29].held_out_losses {
        assert!(*loss < log[9].held_out_losses[language], "{language}");
    }

    // Stopped and resumed, or not: the same steps, the same weights and moments.
    let curve = |run: &Path| -> Vec<(f64, f64)> {
        run_log::read(run)
            .unwrap()
            .iter()
            .map(|entry| (entry.loss, entry.gradient_norm))
            .collect()
    };
    assert_eq!(curve(&whole), curve(&halves));
    for file in ["model.safetensors", "optimizer.safetensors"] {
        let read = |run: &Path| std::fs::read(run.join("step-00000030").join(file)).unwrap();
        assert!(read(&whole) == read(&halves), "{file} differs");
    }

    // Other data are another run.
    let other = folder.join("other");
    let tokens = folder.join("tokens");
    succeed(
        &[
            "corpus",
            "pack",
            "--input",
            text(&tokens),
            "--output",
            text(&other),
            "--hold-out",
            "0.5",
        ],
        "",
    );
    let base = [
        "pretrain",
        "--corpus",
        text(&other),
        "--tokenizer",
        &tokenizer,
        "--output",
        text(&whole),
        "--resume",
    ];
    let refused = fail(&[&base[..], &SMALL, &["--steps", "30", "--accumulate", "2"]].concat(), "");
    assert!(refused.contains("other settings or other data"), "{refused}");

    // What was learned shows in the exported file: a sentence of the corpus is likelier than its words in another order.
    let gguf = folder.join("model.gguf");
    succeed(&["export", "--model", text(&whole), "--output", text(&gguf), "--recipe", "f32"], "");
    let request = serde_json::json!({"id": 1, "context": "Fever and cough", "continuations": [
        " for three days suggest an infection of the airways", " airways the of infection an suggest days three for"
    ]});
    let scores = json_lines(&succeed(&["score", "--model", text(&gguf)], &format!("{request}\n")));
    let likelihoods: Vec<f64> = scores[0]["log_likelihoods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect();
    assert!(likelihoods[0] > likelihoods[1], "{likelihoods:?}");
}

#[test]
fn done_work_is_not_done_again_and_changed_work_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = tree(folder);
    let tokenizer = vocabulary(folder, &root);
    let packed = packed(folder, &root, &tokenizer);

    // The same commands again change nothing.
    let (clean, tokens) = (folder.join("clean"), folder.join("tokens"));
    let shard = tokens.join("tokens-00000.tokens");
    let before = (
        std::fs::metadata(&shard).unwrap().modified().unwrap(),
        std::fs::read(packed.join("shards.json")).unwrap(),
    );
    self::packed(folder, &root, &tokenizer);
    assert_eq!(
        before,
        (
            std::fs::metadata(&shard).unwrap().modified().unwrap(),
            std::fs::read(packed.join("shards.json")).unwrap()
        )
    );

    // A shard that is lost is made again, the same byte for byte; packing refuses while it is missing.
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::remove_file(&shard).unwrap();
    let refused = fail(
        &["corpus", "pack", "--input", text(&tokens), "--output", text(&folder.join("again"))],
        "",
    );
    assert!(refused.contains("tokens-00000.tokens: is missing"), "{refused}");
    self::packed(folder, &root, &tokenizer);
    assert!(std::fs::read(&shard).unwrap() == bytes);

    // Other settings over old results: the difference is named.
    let refused = fail(
        &["corpus", "dedup", "--input", text(&root), "--output", text(&clean), "--rows", "5"],
        "",
    );
    assert!(refused.contains("\"rows\":8") && refused.contains("\"rows\":5"), "{refused}");
    let other = folder.join("other");
    std::fs::create_dir_all(&other).unwrap();
    let other_tokenizer = text(&other.join("tokenizer.json")).to_owned();
    succeed(
        &[
            "tokenizer",
            "train",
            "--input",
            text(&root),
            "--vocab-size",
            "300",
            "--output",
            &other_tokenizer,
        ],
        "",
    );
    let documents = clean.join("documents");
    let refused = fail(
        &[
            "corpus",
            "tokenize",
            "--input",
            text(&documents),
            "--tokenizer",
            &other_tokenizer,
            "--output",
            text(&tokens),
        ],
        "",
    );
    assert!(
        refused.contains("\"tokens\":320") && refused.contains("\"tokens\":300"),
        "{refused}"
    );
    let run = folder.join("run");
    let base = [
        "pretrain",
        "--corpus",
        text(&packed),
        "--tokenizer",
        &other_tokenizer,
        "--output",
        text(&run),
    ];
    let refused = fail(&[&base[..], &SMALL].concat(), "");
    assert!(
        refused.contains("another tokenizer") && refused.contains("tokens: 320 then, 300 now"),
        "{refused}"
    );
    let refused = fail(
        &[
            "corpus",
            "tokenize",
            "--input",
            text(&root),
            "--tokenizer",
            &tokenizer,
            "--output",
            text(&tokens),
        ],
        "",
    );
    assert!(
        refused.contains("input then") && refused.contains("documents-00000.jsonl.zst"),
        "{refused}"
    );

    // The authors' layout of the same shards.
    let windows = folder.join("windows");
    let arguments = [
        "corpus",
        "pack",
        "--layout",
        "windows",
        "--input",
        text(&tokens),
        "--output",
        text(&windows),
    ];
    succeed(&arguments, "");
    let listed = || -> Vec<PathBuf> { std::fs::read_dir(&windows).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let files = listed();
    assert_eq!(files.len(), 72, "one for each document: all are shorter than a window");
    assert!(files.iter().all(|file| std::fs::metadata(file).unwrap().len() == 128 + 2048 * 8));
    // The same again is done already; another stride, or a folder that nothing is known about, is refused.
    let written = std::fs::metadata(&files[0]).unwrap().modified().unwrap();
    succeed(&arguments, "");
    assert_eq!(listed(), files);
    assert_eq!(std::fs::metadata(&files[0]).unwrap().modified().unwrap(), written);
    let refused = fail(&[&arguments[..], &["--stride", "1000"]].concat(), "");
    assert!(
        refused.contains("\"stride\":1536") && refused.contains("\"stride\":1000"),
        "{refused}"
    );
    std::fs::remove_file(folder.join("windows.windows.json")).unwrap();
    assert!(fail(&arguments, "").contains("there already"));

    // A damaged file of documents is not half a file of documents.
    let file = documents.join("documents-00000.jsonl.zst");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let fresh = folder.join("fresh");
    let refused = fail(
        &[
            "corpus",
            "tokenize",
            "--input",
            text(&documents),
            "--tokenizer",
            &tokenizer,
            "--output",
            text(&fresh),
        ],
        "",
    );
    assert!(refused.contains("documents-00000.jsonl.zst"), "{refused}");
    assert!(!fresh.join("tokens-00000.tokens").exists());
}

/// A limit on the size of files is a disk without space: writes fail in the same way.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = tree(folder);
    let tokenizer = vocabulary(folder, &root);
    let run = |limited: bool, arguments: &[&str]| {
        let script = if limited {
            "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""
        } else {
            "exec \"$0\" \"$@\""
        };
        std::process::Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_mmedkit")])
            .args(arguments)
            .output()
            .unwrap()
    };
    let files = |folder: &Path| -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    found.push(path.file_name().unwrap().to_str().unwrap().to_owned())
                }
            }
        }
        found.sort();
        found
    };
    let (clean, tokens, windows) = (folder.join("clean"), folder.join("tokens"), folder.join("windows"));
    let (documents, french) = (clean.join("documents"), root.join("web/fr"));
    let dedup = ["corpus", "dedup", "--input", text(&french), "--output", text(&clean)];
    let tokenize = [
        "corpus",
        "tokenize",
        "--input",
        text(&documents),
        "--tokenizer",
        &tokenizer,
        "--output",
        text(&tokens),
    ];
    let packing = [
        "corpus",
        "pack",
        "--layout",
        "windows",
        "--input",
        text(&tokens),
        "--output",
        text(&windows),
    ];
    for (command, result, left) in [
        (&dedup[..], &clean, &["settings.json"][..]),
        (&tokenize, &tokens, &["tokenized.json"]),
        (&packing, &windows, &[]),
    ] {
        let failed = run(true, command);
        let told = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(!failed.status.success() && told.contains("File too large"), "{told}");
        if left.is_empty() {
            assert!(!result.exists(), "{}", result.display());
        } else {
            assert_eq!(files(result), left, "{told}");
        }
        // With space again, the same command ends its work.
        let done = run(false, command);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(files(result).len() > 1, "{}", result.display());
    }
}

//! Exports: the same scores from a folder, from GGUF, and from a folder made of that GGUF; generation and scoring on the way.

mod common;

use std::path::{Path, PathBuf};

use common::{SMALL, corpus, fail, json_lines, succeed, vocabulary};
use serde_json::{Value, json};

/// Log-likelihoods and greedy flags, line by line.
fn score(model: &Path, requests: &str) -> Vec<Value> {
    json_lines(&succeed(
        &["score", "--model", model.to_str().unwrap(), "--device", "cpu", "--per-token"],
        requests,
    ))
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => value.as_f64().into_iter().collect(),
    }
}

/// Largest difference between the log-likelihoods of two runs.
fn difference(a: &[Value], b: &[Value]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mut most = 0f64;
    for (a, b) in a.iter().zip(b) {
        assert_eq!((&a["id"], &a["token_counts"]), (&b["id"], &b["token_counts"]));
        let (a, b) = (numbers(&a["token_log_likelihoods"]), numbers(&b["token_log_likelihoods"]));
        assert!(!a.is_empty() && a.len() == b.len());
        most = a.iter().zip(&b).fold(most, |most, (a, b)| most.max((a - b).abs()));
    }
    most
}

#[test]
fn a_trained_model_scores_the_same_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let tokenizer = vocabulary(folder.path(), &corpus);
    let run = folder.path().join("run");
    let arguments = [
        "pretrain",
        "--input",
        corpus.to_str().unwrap(),
        "--tokenizer",
        &tokenizer,
        "--output",
        run.to_str().unwrap(),
    ];
    succeed(&[&arguments[..], &SMALL, &["--steps", "200"]].concat(), "");

    let text = json!({"id": "text", "context": "La fièvre et la toux depuis", "continuations": [" trois jours", " quatre", " 発熱"]});
    let tokens = json!({"id": 7, "context_tokens": [0, 60, 61], "continuation_tokens": [[62], [63, 64, 65]]});
    let empty = json!({"id": null, "context": "", "continuations": ["Fever"]});
    let requests = format!("{text}\n{tokens}\n\n{empty}\n");
    let expected = score(&run, &requests);
    assert_eq!(expected.len(), 3);
    assert_eq!(
        (&expected[0]["id"], &expected[1]["id"], &expected[2]["id"]),
        (&json!("text"), &json!(7), &Value::Null)
    );
    let likelihoods = numbers(&expected[0]["log_likelihoods"]);
    assert!(
        likelihoods[0] > likelihoods[1] && likelihoods[0] > likelihoods[2],
        "the text it was trained on is likelier: {likelihoods:?}"
    );
    assert_eq!(expected[1]["token_counts"], json!([1, 3]));
    for line in &expected {
        let sums: Vec<f64> = line["token_log_likelihoods"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tokens| numbers(tokens).iter().sum())
            .collect();
        assert!(
            sums.iter()
                .zip(numbers(&line["log_likelihoods"]))
                .all(|(a, b)| (a - b).abs() < 1e-5)
        );
    }

    let export = |from: &Path, name: &str, recipe: &str| -> PathBuf {
        let output = folder.path().join(name);
        succeed(
            &[
                "export",
                "--model",
                from.to_str().unwrap(),
                "--output",
                output.to_str().unwrap(),
                "--recipe",
                recipe,
            ],
            "",
        );
        output
    };
    let plain = export(&run, "plain.gguf", "F32");
    // The same F32 numbers; only the order of sums may change with the layout of heads.
    assert!(difference(&expected, &score(&plain, &requests)) < 1e-5);
    let back = export(&plain, "back", "F32");
    assert_eq!(
        std::fs::read(back.join("model.safetensors")).unwrap(),
        std::fs::read(run.join("step-00000200/model.safetensors")).unwrap()
    );
    assert!(difference(&expected, &score(&back, &requests)) == 0.0);
    // Weights rounded to 11, 8 and 4 bits move log-probabilities ever more; here the least likely tokens stand near -20, and move most.
    let mut before = 0.0;
    for (name, recipe, most) in [("f16.gguf", "F16", 0.02), ("q8.gguf", "Q8_0", 0.3), ("q4.gguf", "Q4_0", 6.0)] {
        let quantised = export(&run, name, recipe);
        let moved = difference(&expected, &score(&quantised, &requests));
        assert!(moved > before && moved < most, "{recipe}: {moved}");
        before = moved;
        assert!(std::fs::metadata(&quantised).unwrap().len() < std::fs::metadata(&plain).unwrap().len());
    }

    // Tokenizer and template travel along.
    let lines = "\"Лихорадка 123\"\n\"\"\n";
    let ids = succeed(&["tokenize", "--model", &tokenizer], lines);
    for model in [&run, &plain, &back] {
        assert_eq!(succeed(&["tokenize", "--model", model.to_str().unwrap()], lines), ids);
    }
    let generate = |model: &Path, more: &[&str]| {
        let base = [
            "generate",
            "--model",
            model.to_str().unwrap(),
            "--device",
            "cpu",
            "--prompt",
            "La fièvre et la toux",
            "--max-tokens",
            "12",
        ];
        succeed(&[&base[..], more].concat(), "")
    };
    let greedy = generate(&run, &[]);
    assert!(greedy.trim().len() > 3, "{greedy:?}");
    assert_eq!(generate(&plain, &[]), greedy);
    let drawn = generate(&run, &["--temperature", "2", "--seed", "5"]);
    assert_eq!(generate(&run, &["--temperature", "2", "--seed", "5"]), drawn);
    assert_ne!(generate(&run, &["--temperature", "2", "--seed", "6"]), drawn);
    let stop = &greedy.trim_end_matches('\n')[..1];
    assert_eq!(
        generate(&run, &["--stop", stop]).trim_end_matches('\n'),
        "",
        "nothing before the first letter"
    );
    generate(&plain, &["--chat"]);

    // Errors name what is wrong, and where.
    let score = |requests: &str| fail(&["score", "--model", run.to_str().unwrap(), "--device", "cpu"], requests);
    assert!(score("{\"id\": 1, \"context\": \"a\"}\n").contains("line 1"));
    assert!(score(&format!("{tokens}\nnonsense\n")).contains("line 2"));
    assert!(score("{\"id\": 1, \"context_tokens\": [0], \"continuation_tokens\": [[99999]]}\n").contains("99999"));
    assert!(score("{\"id\": 1, \"context\": \"a\", \"continuations\": []}\n").contains("empty"));
    let nothing = folder.path().join("nothing.gguf");
    std::fs::write(&nothing, b"no GGUF").unwrap();
    assert!(fail(&["score", "--model", nothing.to_str().unwrap(), "--device", "cpu"], "").contains("nothing.gguf"));
    assert!(fail(&["export", "--model", plain.to_str().unwrap(), "--output", "again.gguf"], "").contains("twice"));
}

/// A Mistral looks back as far as its window only, in a folder, in GGUF, and in a folder made of that; a Qwen that slides is refused.
#[test]
fn a_window_slides_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let tokenizer = vocabulary(folder.path(), &corpus);
    let run = folder.path().join("run");
    let (input, output) = (corpus.to_str().unwrap(), run.to_str().unwrap());
    let train = [
        "pretrain",
        "--input",
        input,
        "--tokenizer",
        &tokenizer,
        "--output",
        output,
        "--steps",
        "100",
    ];
    succeed(&[&train[..], &SMALL].concat(), "");
    let llama = run.join("step-00000100");
    let config = std::fs::read_to_string(llama.join("config.json")).unwrap();
    let variant = |name: &str, fields: Value| {
        let made = folder.path().join(name);
        std::fs::create_dir(&made).unwrap();
        for file in ["model.safetensors", "tokenizer.json"] {
            std::fs::copy(llama.join(file), made.join(file)).unwrap();
        }
        let mut config: Value = serde_json::from_str(&config).unwrap();
        for (key, value) in fields.as_object().unwrap() {
            config[key] = value.clone();
        }
        std::fs::write(made.join("config.json"), config.to_string()).unwrap();
        made
    };
    let mistral = variant("mistral", json!({"model_type": "mistral", "sliding_window": 8}));
    let ids: Vec<u32> = (0..45).map(|i| 3 + i * 37 % 300).collect();
    let requests = format!(
        "{}\n",
        json!({"id": 1, "context_tokens": [ids[0]], "continuation_tokens": [ids[1..]]})
    );
    let expected = score(&mistral, &requests);
    let unlimited = difference(&expected, &score(&llama, &requests));
    assert!(unlimited > 1e-2, "the window makes a difference: {unlimited}");

    let gguf = folder.path().join("mistral.gguf");
    let back = folder.path().join("back");
    let export = |from: &Path, to: &Path| {
        succeed(
            &[
                "export",
                "--model",
                from.to_str().unwrap(),
                "--output",
                to.to_str().unwrap(),
                "--recipe",
                "F32",
            ],
            "",
        )
    };
    export(&mistral, &gguf);
    export(&gguf, &back);
    // The same F32 numbers; only the order of sums may change with the layout of heads.
    assert!(difference(&expected, &score(&gguf, &requests)) < 1e-5);
    assert_eq!(difference(&expected, &score(&back, &requests)), 0.0);
    let config = |model: &Path| pollster::block_on(mmedkit::model::open(model)).unwrap().config;
    assert_eq!(
        config(&gguf).context_length,
        config(&mistral).context_length,
        "no text has become too long"
    );

    let qwen = variant(
        "qwen",
        json!({"model_type": "qwen2", "attention_bias": false, "use_sliding_window": true, "max_window_layers": 1, "sliding_window": 8}),
    );
    let refused = fail(
        &[
            "export",
            "--model",
            qwen.to_str().unwrap(),
            "--output",
            folder.path().join("qwen.gguf").to_str().unwrap(),
        ],
        "",
    );
    assert!(refused.contains("layers that slide"), "{refused}");
}

/// The reference models, in the forms that are exported.
#[test]
fn conformance_exports_give_the_reference_log_probabilities() {
    let Some(root) = conformance::folder() else { return };
    let entries = std::fs::read_dir(root.join("oracles")).expect("the conformance folder has oracles");
    let mut models: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("config.json").is_file())
        .collect();
    models.sort();
    assert!(!models.is_empty(), "{}/oracles is empty", root.display());
    let folder = tempfile::tempdir().unwrap();
    for model in models {
        let name = model.file_name().unwrap().to_str().unwrap().to_owned();
        let (tokens, expected) = reference(&model.join("reference.safetensors"));
        let gguf = folder.path().join(format!("{name}.gguf"));
        succeed(
            &[
                "export",
                "--model",
                model.to_str().unwrap(),
                "--output",
                gguf.to_str().unwrap(),
                "--recipe",
                "F32",
            ],
            "",
        );
        let back = folder.path().join(&name);
        succeed(
            &["export", "--model", gguf.to_str().unwrap(), "--output", back.to_str().unwrap()],
            "",
        );
        for form in [&model, &gguf, &back] {
            let length = tokens[0].len();
            let requests: String = tokens
                .iter()
                .enumerate()
                .map(|(row, ids)| {
                    format!(
                        "{}\n",
                        json!({"id": row, "context_tokens": [ids[0]], "continuation_tokens": [ids[1..length]]})
                    )
                })
                .collect();
            let mut most = 0f64;
            for (scores, expected) in score(form, &requests).iter().zip(&expected) {
                let scores = numbers(&scores["token_log_likelihoods"]);
                assert_eq!(scores.len(), length - 1);
                most = scores.iter().zip(expected).fold(most, |most, (a, b)| most.max((a - b).abs()));
            }
            // The README of the reference data: F32 against F64 differs by up to 6e-6 here.
            assert!(most <= 2e-5, "{}: log-probabilities differ by {most:e}", form.display());
            println!(
                "{name}: {} tokens a row, log-probabilities within {most:.1e} ({})",
                length,
                form.display()
            );
        }
    }
}

/// Tokens and log-probabilities `[rows, …]` of a reference file.
fn reference(path: &Path) -> (Vec<Vec<u32>>, Vec<Vec<f64>>) {
    use checkpoint::FileSource;
    use checkpoint::safetensors::SafetensorsFile;
    pollster::block_on(async {
        let file = SafetensorsFile::open(FileSource::open(path).unwrap()).await.unwrap();
        let mut read = Vec::new();
        for (name, kind) in [("tokens", "I64"), ("logprobs_f64", "F64")] {
            let tensor = file.tensor(name).unwrap_or_else(|| panic!("{}: no {name}", path.display()));
            assert_eq!(tensor.stored_type, kind);
            let mut bytes = vec![0; tensor.shape.iter().product::<usize>() * 8];
            file.read_tensor(name, 0, &mut bytes).await.unwrap();
            let values: Vec<[u8; 8]> = bytes.as_chunks::<8>().0.to_vec();
            read.push((values, tensor.shape[1]));
        }
        let (logprobs, width) = read.pop().unwrap();
        let (tokens, length) = read.pop().unwrap();
        (
            tokens
                .chunks(length)
                .map(|row| row.iter().map(|value| i64::from_le_bytes(*value) as u32).collect())
                .collect(),
            logprobs
                .chunks(width)
                .map(|row| row.iter().map(|value| f64::from_le_bytes(*value)).collect())
                .collect(),
        )
    })
}

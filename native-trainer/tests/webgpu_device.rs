//! `mmedkit --device webgpu` and `auto`: what the graphics card says is what the processor says.

mod common;

use common::{SMALL, corpus, json_lines, mmedkit, succeed, vocabulary};
use serde_json::{Value, json};

fn token_scores(lines: &[Value]) -> Vec<f64> {
    fn numbers(value: &Value) -> Vec<f64> {
        match value {
            Value::Array(values) => values.iter().flat_map(numbers).collect(),
            value => vec![value.as_f64().expect("a number")],
        }
    }
    lines.iter().flat_map(|line| numbers(&line["token_log_likelihoods"])).collect()
}

#[test]
fn webgpu_scores_and_writes_as_the_processor_does() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let tokenizer = vocabulary(folder.path(), &corpus);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (input, run) = (corpus.to_str().unwrap(), path("run"));
    let train = [
        "pretrain",
        "--input",
        input,
        "--tokenizer",
        &tokenizer,
        "--output",
        &run,
        "--steps",
        "200",
    ];
    succeed(&[&train[..], &SMALL].concat(), "");
    let requests = [
        json!({"id": 1, "context": "La fièvre et la toux depuis", "continuations": [" trois jours", " quatre", " 発熱"]}),
        json!({"id": 2, "context": "", "continuations": ["Fever and cough for three days"]}),
    ]
    .map(|request| format!("{request}\n"))
    .concat();
    for (recipe, tolerance) in [
        // 32-bit sums of at most 64 terms of order one in another order, and functions that WGSL lets be off by some units in the last place.
        ("F32", 1e-4),
        // The processor rounds inputs of quantised products to 16 bits.
        ("Q8_0", 1e-3),
    ] {
        let model = path(&format!("{recipe}.gguf"));
        succeed(&["export", "--model", &run, "--output", &model, "--recipe", recipe], "");
        let score = |device: &str| mmedkit(&["score", "--model", &model, "--device", device, "--per-token"], &requests);
        let on = |device: &str| {
            let output = score(device);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{device}: {told}");
            (json_lines(std::str::from_utf8(&output.stdout).unwrap()), told)
        };
        let (cpu, _) = on("cpu");
        let (gpu, _) = on("webgpu");
        let apart = |other: &[Value]| {
            let (a, b) = (token_scores(&cpu), token_scores(other));
            assert!(a.len() > 20 && a.len() == b.len());
            a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        println!("{recipe}: log-probabilities within {:.1e}", apart(&gpu));
        assert!(apart(&gpu) <= tolerance, "{recipe}: {}", apart(&gpu));
        for (a, b) in cpu.iter().zip(&gpu) {
            assert_eq!(
                (&a["id"], &a["token_counts"], &a["greedy"]),
                (&b["id"], &b["token_counts"], &b["greedy"])
            );
        }
        // A graphics card that is none is passed over, and that is said; then the numbers are the processor's own.
        let (auto, told) = on("auto");
        if told.contains("using the processor") {
            assert!(told.contains("software adapter"), "{told}");
            assert_eq!(auto, cpu);
        } else {
            assert!(apart(&auto) <= tolerance, "{recipe}, auto: {}", apart(&auto));
        }
        if recipe == "F32" {
            let generate = |device: &str| {
                let prompt = "La fièvre et la toux";
                succeed(
                    &[
                        "generate",
                        "--model",
                        &model,
                        "--device",
                        device,
                        "--prompt",
                        prompt,
                        "--max-tokens",
                        "12",
                    ],
                    "",
                )
            };
            let text = generate("cpu");
            assert!(text.trim().len() > 3, "{text:?}");
            assert_eq!(generate("webgpu"), text);
        }
    }
}

//! A whole evaluation by `loglik` against a stored one of lm-evaluation-harness (`scripts/harness_run.py`): the same tiny model, the same questions,
//! the harness's own tasks. Log-likelihoods agree as far as 32-bit floats do, and the measures exactly; with the begin token that the harness puts
//! there by itself and without one.

mod common;

use std::path::PathBuf;

use common::{json_lines, succeed};
use serde_json::Value;

/// Of a log-likelihood, which sums over up to a hundred tokens: two implementations of the same sums in 32-bit floats, whose unit in the last place is
/// 1.2e-7 of a number.
const TOLERANCE: f64 = 4e-6;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn an_evaluation_is_the_harnesss() {
    let fixtures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/harness_run"));
    let at = |name: &str| fixtures.join(name).display().to_string();
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(at("expected.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut scored, mut cut, mut worst) = (0, 0, 0.0f64);
    for run in expected["runs"].as_array().unwrap() {
        let (data, begin) = (run["data"].as_str().unwrap(), run["begin_token"].as_str().unwrap());
        let output = folder.path().join(format!("{data}-{begin}.jsonl")).display().to_string();
        let questions = at(&format!("{data}.jsonl"));
        let arguments = [
            "evaluate",
            "--model",
            &at("model"),
            "--data",
            &questions,
            "--output",
            &output,
            "--device",
            "cpu",
            "--protocol",
            "loglik",
            "--prompt",
            "harness",
            "--begin-token",
            begin,
        ];
        succeed(&arguments, "");
        let lines = json_lines(&std::fs::read_to_string(&output).unwrap());
        assert_eq!(lines[0]["evaluation"]["begin_token"], begin);
        let order = json_lines(&std::fs::read_to_string(&questions).unwrap());
        for (question, theirs) in order.iter().zip(run["log_likelihoods"].as_array().unwrap()) {
            let line = lines.iter().find(|line| line["id"] == question["id"]).unwrap();
            let mut ours = numbers(&line["log_likelihoods"]);
            let theirs = numbers(theirs);
            if theirs.len() == 2 * ours.len() {
                ours.extend(numbers(&line["unconditional_log_likelihoods"]));
            }
            assert_eq!(ours.len(), theirs.len());
            for (a, b) in ours.iter().zip(&theirs) {
                let off = (a - b).abs() / b.abs().max(1.0);
                worst = worst.max(off);
                assert!(off < TOLERANCE, "{data}, {begin}, {}: {ours:?}, not {theirs:?}", question["id"]);
                scored += 1;
            }
            cut += usize::from(line["truncated_tokens"].is_u64());
        }
        let report: Value = serde_json::from_str(&succeed(&["report", &output, "--format", "json"], "")).unwrap();
        let measures = &report[0]["choice"]["languages"][0];
        for name in ["acc", "acc_norm", "acc_mutual_info"] {
            if let Some(value) = run["metrics"].get(name) {
                assert_eq!(measures[name]["value"], *value, "{data}, {begin}: {name}");
            }
        }
    }
    println!("{scored} log-likelihoods, {cut} questions cut on the left, within {worst:.1e}");
    assert!(scored >= 100 && cut > 0);
    let likelihoods = |index: usize| numbers(&expected["runs"][index]["log_likelihoods"][0]);
    assert_ne!(likelihoods(1), likelihoods(3), "the begin token matters");
}

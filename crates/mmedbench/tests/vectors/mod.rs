//! Access to the conformance folder and its reference vectors (`metrics/`), for the tests that compare with them.
//!
//! Where there is no folder the tests say so and pass; a file that is missing or empty fails.
#![allow(dead_code, reason = "every test takes what it needs")]

use std::path::PathBuf;

use serde_json::Value;

pub use conformance::folder as root;

/// The folder of the metrics' vectors.
pub fn folder() -> Option<PathBuf> {
    Some(root()?.join("metrics"))
}

fn text(name: &str) -> Option<String> {
    let path = folder()?.join(name);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// The lines of a JSONL file.
pub fn jsonl(name: &str) -> Option<Vec<Value>> {
    let items: Vec<Value> = text(name)?
        .lines()
        .enumerate()
        .map(|(i, line)| serde_json::from_str(line).unwrap_or_else(|e| panic!("{name}:{}: {e}", i + 1)))
        .collect();
    assert!(!items.is_empty(), "{name} is empty");
    Some(items)
}

/// A JSON file.
pub fn json(name: &str) -> Option<Value> {
    Some(serde_json::from_str(&text(name)?).unwrap_or_else(|e| panic!("{name}: {e}")))
}

pub fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

pub fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_string()).collect()
}

/// Equal within 1e-9 relative, the README's tolerance; values below 1e-300 count as 0.
pub fn close(got: f64, want: f64, what: &str) {
    within(got, want, 1e-9, 0.0, what);
}

/// Equal within a relative or an absolute tolerance.
pub fn within(got: f64, want: f64, relative: f64, absolute: f64, what: &str) {
    let allowed = (relative * want.abs()).max(absolute).max(1e-300);
    assert!((got - want).abs() <= allowed, "{what}: {got} instead of {want}");
}

//! Why the browser did not store something or give it back, in plain words.

use js_sys::Reflect;
use wasm_bindgen::prelude::*;

/// A part of a sentence, without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError(pub String);

impl StorageError {
    pub fn new(problem: impl Into<String>) -> StorageError {
        StorageError(problem.into())
    }
}

/// What an exception says it is: `NotFoundError`, `QuotaExceededError`, …
pub(super) fn name(error: &JsValue) -> String {
    text(error, "name")
}

fn text(error: &JsValue, key: &str) -> String {
    let value = Reflect::get(error, &key.into()).ok();
    value.and_then(|v| v.as_string()).unwrap_or_default()
}

impl From<JsValue> for StorageError {
    fn from(error: JsValue) -> StorageError {
        StorageError(match name(&error).as_str() {
            "QuotaExceededError" => "the browser's storage for this site is full; delete a model or old runs".into(),
            // Private windows of some browsers, and pages that are not served over HTTPS.
            "" | "SecurityError" => "the browser gives this page no storage (private window?)".into(),
            name => format!("{name}: {}", text(&error, "message")),
        })
    }
}

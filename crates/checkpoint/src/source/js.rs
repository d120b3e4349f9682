//! Small helpers around JavaScript values and the global scope, which may be a page or a worker.

use crate::error::Error;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// `object.name`, or `undefined`.
pub fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// `name` of what an exception says it is: `NotFoundError`, `QuotaExceededError`, …
pub fn error_name(error: &JsValue) -> String {
    get(error, "name").as_string().unwrap_or_default()
}

/// What an exception says.
pub fn error_message(error: &JsValue) -> String {
    get(error, "message").as_string().unwrap_or_else(|| format!("{error:?}"))
}

/// An exception of the file system or of a `File`, as an error about `file`.
pub fn file_error(file: &str, error: &JsValue) -> Error {
    let file = file.to_owned();
    match error_name(error).as_str() {
        "QuotaExceededError" => Error::Quota {
            file,
            problem: error_message(error),
        },
        "NoModificationAllowedError" | "InvalidStateError" => Error::InUse { file },
        "NotReadableError" => Error::Io {
            file,
            problem: "it cannot be read any more; was it changed or moved?".to_owned(),
        },
        _ => Error::Io {
            file,
            problem: error_message(error),
        },
    }
}

/// `object.name(...arguments)`, awaited.
pub async fn call(object: &JsValue, name: &str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = get(object, name)
        .dyn_into()
        .map_err(|_| JsError::new(&format!("this browser has no {name}")))?;
    let list = arguments.iter().map(|&argument| argument.clone()).collect::<js_sys::Array>();
    let promise: Promise = function.apply(object, &list)?.dyn_into()?;
    JsFuture::from(promise).await
}

/// Waits.
pub async fn sleep(milliseconds: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        let set: Function = get(&js_sys::global(), "setTimeout").unchecked_into();
        // A scope without timers goes on at once.
        if set.call2(&JsValue::UNDEFINED, &resolve, &milliseconds.into()).is_err() {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = JsFuture::from(promise).await;
}

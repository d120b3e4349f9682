//! An engine's message as the browser hands it over → [`Message`].
//!
//! Enums with a tag inside are taken apart by hand: what serde derives for them keeps every value in a buffer that can be any type, once for each
//! variant, and that was a quarter of the pages' program. What must hold: every variant of [`Event`] and [`Reply`] is read here; one that is not
//! known is an error (another version), never ignored.

use crate::protocol::*;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// Reads a message. The error says what did not fit, for programmers.
pub fn message(value: &JsValue) -> Result<Message, String> {
    let id = get(value, "id").as_f64().ok_or("a message without id")? as u32;
    Ok(Message {
        id,
        event: event(&get(value, "event"))?,
    })
}

fn event(value: &JsValue) -> Result<Event, String> {
    Ok(match tag(value)?.as_str() {
        "started" => Event::Started {
            version: field(value, "version")?,
        },
        "progress" => Event::Progress(whole(value)?),
        "token" => Event::Token {
            token: field(value, "token")?,
            text: field(value, "text")?,
        },
        "done" => Event::Done {
            reply: reply(&get(value, "reply"))?,
        },
        "failed" => Event::Failed {
            error: field(value, "error")?,
        },
        other => return Err(format!("an unknown event `{other}`")),
    })
}

fn reply(value: &JsValue) -> Result<Reply, String> {
    Ok(match tag(value)?.as_str() {
        "empty" => Reply::Empty,
        "loaded" => Reply::Loaded {
            info: field(value, "info")?,
        },
        "scores" => Reply::Scores {
            scores: field(value, "scores")?,
        },
        "optionTokens" => Reply::OptionTokens {
            results: field(value, "results")?,
        },
        "generated" => Reply::Generated(whole(value)?),
        "text" => Reply::Text {
            text: field(value, "text")?,
        },
        "tokens" => Reply::Tokens {
            tokens: field(value, "tokens")?,
        },
        "benched" => Reply::Benched(whole(value)?),
        "models" => Reply::Models(whole(value)?),
        "memory" => Reply::Memory(whole(value)?),
        other => return Err(format!("an unknown reply `{other}`")),
    })
}

fn tag(value: &JsValue) -> Result<String, String> {
    get(value, "type").as_string().ok_or_else(|| "a value without type".into())
}

/// `undefined` where it is missing.
fn get(value: &JsValue, key: &str) -> JsValue {
    js_sys::Reflect::get(value, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

fn field<T: DeserializeOwned>(value: &JsValue, key: &str) -> Result<T, String> {
    serde_wasm_bindgen::from_value(get(value, key)).map_err(|error| format!("`{key}`: {error}"))
}

/// A variant whose fields lie beside its tag.
fn whole<T: DeserializeOwned>(value: &JsValue) -> Result<T, String> {
    serde_wasm_bindgen::from_value(value.clone()).map_err(|error| error.to_string())
}

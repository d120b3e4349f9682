//! Bytes from the site this page came from, and out of files that a person chose.

use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use crate::text::bytes;

/// A text file of the site, by an address relative to the page. The error is a sentence.
pub async fn fetch_text(path: &str) -> Result<String, String> {
    let gone = || format!("{path} could not be loaded: the site does not answer");
    let response = JsFuture::from(leptos::prelude::window().fetch_with_str(path))
        .await
        .map_err(|_| gone())?;
    let response: web_sys::Response = response.dyn_into().map_err(|_| gone())?;
    if !response.ok() {
        return Err(format!("{path} could not be loaded: the site answers {}", response.status()));
    }
    let text = JsFuture::from(response.text().map_err(|_| gone())?).await.map_err(|_| gone())?;
    text.as_string().ok_or_else(gone)
}

/// A JSON file of the site.
pub async fn fetch_json<T: DeserializeOwned>(path: &str) -> Result<T, String> {
    let text = fetch_text(path).await?;
    serde_json::from_str(&text).map_err(|e| format!("{path} is not what it should be: {e}"))
}

/// The whole of a chosen file. (Model files never come here: the engine reads them in pieces.)
pub async fn read(file: &web_sys::File) -> Result<Vec<u8>, String> {
    let buffer = JsFuture::from(file.array_buffer())
        .await
        .map_err(|_| format!("{} could not be read", file.name()))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// A chosen file as text, of at most `most` bytes. The error is a sentence without its full stop.
pub async fn read_text(file: &web_sys::File, most: f64) -> Result<String, String> {
    let name = file.name();
    if file.size() > most {
        return Err(format!(
            "{name} is larger than {}, which is more than any such file has",
            bytes(most as u64)
        ));
    }
    String::from_utf8(read(file).await?).map_err(|_| format!("{name}: not a text"))
}

/// Hands the file that was chosen in a file field to `take`, after which the same file can be chosen again.
pub fn take_chosen<F: Future<Output = ()> + 'static>(event: &web_sys::Event, take: impl FnOnce(web_sys::File) -> F + 'static) {
    let input = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok());
    let Some(input) = input else { return };
    if let Some(file) = input.files().and_then(|files| files.get(0)) {
        leptos::task::spawn_local(async move {
            take(file).await;
            input.set_value("");
        });
    }
}

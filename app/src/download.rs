//! Gives the person a file that was made here.

use wasm_bindgen::JsCast;

/// Saves `text` as `name`, as the browser does downloads.
pub fn save(name: &str, media_type: &str, text: &str) {
    save_parts(name, media_type, &js_sys::Array::of1(&text.into()));
}

/// The same of parts one after the other: texts, and files, which are read only while the browser saves them.
pub fn save_parts(name: &str, media_type: &str, parts: &js_sys::Array) {
    let Some(document) = web_sys::window().and_then(|w| w.document()) else {
        return;
    };
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(media_type);
    let Ok(blob) = web_sys::Blob::new_with_blob_sequence_and_options(parts, &options) else {
        return;
    };
    let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) else {
        return;
    };
    if let Some(link) = document
        .create_element("a")
        .ok()
        .and_then(|e| e.dyn_into::<web_sys::HtmlAnchorElement>().ok())
    {
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    // The click has taken its own hold of the data; a minute is more than any browser waits.
    leptos::prelude::set_timeout(
        move || {
            let _ = web_sys::Url::revoke_object_url(&url);
        },
        std::time::Duration::from_secs(60),
    );
}

//! Small preferences in localStorage. A browser that refuses it (private windows) just forgets.

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

pub fn get(key: &str) -> Option<String> {
    storage()?.get_item(&format!("mmedkit.{key}")).ok()?
}

pub fn set(key: &str, value: &str) {
    if let Some(storage) = storage() {
        // Full or refused: the preference lasts as long as the page.
        let _ = storage.set_item(&format!("mmedkit.{key}"), value);
    }
}

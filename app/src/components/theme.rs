//! Light, dark, or as the system says. The choice is remembered; `index.html` applies it before the first paint.

use leptos::prelude::*;

use crate::storage::prefs;

#[component]
pub fn ThemeToggle() -> impl IntoView {
    let system_dark = || {
        window()
            .match_media("(prefers-color-scheme: dark)")
            .ok()
            .flatten()
            .is_some_and(|m| m.matches())
    };
    let dark = RwSignal::new(match prefs::get("theme").as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => system_dark(),
    });
    let toggle = move |_| {
        dark.update(|d| *d = !*d);
        let theme = if dark.get_untracked() { "dark" } else { "light" };
        prefs::set("theme", theme);
        if let Some(root) = document().document_element() {
            // Setting an attribute of a valid name cannot fail.
            let _ = root.set_attribute("data-theme", theme);
        }
    };
    let label = move || if dark.get() { "Light colours" } else { "Dark colours" };
    view! {
        <button type="button" class="icon-button theme" aria-label=label title=label on:click=toggle>
            <span aria-hidden="true">{move || if dark.get() { "☀" } else { "☾" }}</span>
        </button>
    }
}

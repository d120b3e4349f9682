//! A student's own questions: JSONL files, a zip archive, or a folder.

use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::data_files;
use crate::library::{Choice, Library};
use crate::notices::Notices;
use crate::text::count;

/// `on_deck`: called with the choice of a deck that was just read.
#[component]
pub fn DataPanel(#[prop(into)] on_deck: Callback<Choice>) -> impl IntoView {
    let library = expect_context::<Library>();
    let notices = expect_context::<Notices>();
    let reading = RwSignal::new(false);
    let take = move |event: web_sys::Event| {
        let Some(input) = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
            return;
        };
        let Some(files) = input.files().filter(|files| files.length() > 0) else {
            return;
        };
        reading.set(true);
        leptos::task::spawn_local(async move {
            // The list belongs to the input, so the input is emptied only afterwards.
            let deck = data_files::take(files, library, notices).await;
            input.set_value("");
            reading.set(false);
            if let Some(deck) = deck {
                on_deck.run(Choice::Deck(deck.id));
            }
        });
    };
    let decks = move || {
        library.decks.get().into_iter().map(move |deck| {
            let id = deck.id.clone();
            let n = count(deck.total(), "question", "questions");
            let label = format!("Delete {}", deck.title);
            view! {
                <li class="between">
                    <span><strong>{deck.title}</strong><span class="quiet">" · "{n}</span></span>
                    <button type="button" class="link" aria-label=label on:click=move |_| library.remove_deck(id.clone())>"Delete"</button>
                </li>
            }
        })
    };
    view! {
        <section class="panel" aria-labelledby="data-panel-title">
            <h2 class="panel-title" id="data-panel-title">"Your own questions"</h2>
            <p class="quiet">"MMedBench’s folder or zip archive, any JSONL file in its format, or a benchmark’s own file (MedQA, HEAD-QA, PubMedQA and others). They stay in this browser."</p>
            <div class="panel-row">
                <label class="button">
                    "Files …"
                    <input type="file" class="visually-hidden" accept=".jsonl,.json,.csv,.tsv,.zip" multiple data-testid="data-file" on:change=take />
                </label>
                <label class="button">
                    "Folder …"
                    <input type="file" class="visually-hidden" data-testid="data-folder" {..custom_attribute("webkitdirectory", "")} on:change=take />
                </label>
                <span class="quiet" aria-live="polite">{move || reading.get().then_some("Reading …")}</span>
            </div>
            <ul class="plain-list">{move || decks().collect_view()}</ul>
        </section>
    }
}

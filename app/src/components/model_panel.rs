//! Loads a model: the demo, a file from disk, an address; shows how far it is and what is loaded.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use worker::protocol::{BackendChoice, Info, Source};

use crate::catalogue::PromptStyle;
use crate::components::model_chip::share;
use crate::engine::{Engine, ModelState, Wanted, backend_name, stage_name};
use crate::notices::{Notices, Topic};
use crate::text::{bytes, parameters};

#[component]
pub fn ModelPanel() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let notices = expect_context::<Notices>();
    let url = RwSignal::new(String::new());

    let load_url = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let address = url.get_untracked().trim().to_string();
        if address.is_empty() {
            return notices.say(Topic::Model, "Type the address of a GGUF file first.");
        }
        let name = address
            .split(['?', '#'])
            .next()
            .and_then(|a| a.rsplit('/').next())
            .filter(|n| !n.is_empty())
            .unwrap_or("Model");
        let (name, source) = (
            name.to_string(),
            Source::Url {
                url: address.clone(),
                sha256: None,
                name: None,
            },
        );
        engine.load(Wanted {
            name,
            source,
            file: None,
            prompt: PromptStyle::Chat,
        });
    };
    let load_file = move |event: web_sys::Event| {
        let Some(input) = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
            return;
        };
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            engine.load(Wanted {
                name: file.name(),
                source: Source::File,
                file: Some(file),
                prompt: PromptStyle::Chat,
            });
        }
        // So that the same file can be chosen again.
        input.set_value("");
    };

    view! {
        <section class="panel" aria-labelledby="model-panel-title">
            <h2 class="panel-title" id="model-panel-title">"Model"</h2>
            <ModelNow />
            <div class="panel-row">
                <button type="button" class="button" data-testid="model-load-demo" on:click=move |_| engine.load(Wanted::demo())>
                    "Demo model"
                </button>
                <label class="button">
                    "GGUF file …"
                    <input type="file" class="visually-hidden" accept=".gguf" data-testid="model-file" on:change=load_file />
                </label>
            </div>
            <form class="panel-row" on:submit=load_url>
                <input
                    class="field grow"
                    type="text"
                    inputmode="url"
                    placeholder="https://…/model.gguf"
                    aria-label="Address of a GGUF file"
                    data-testid="model-url"
                    prop:value=move || url.get()
                    on:input:target=move |event| url.set(event.target().value())
                />
                <button type="submit" class="button" data-testid="model-url-load">"Load"</button>
            </form>
            <BackendField />
        </section>
    }
}

/// Where models are to run, from the next load on.
#[component]
fn BackendField() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let options = [
        (BackendChoice::Auto, "GPU if it works, else processor"),
        (BackendChoice::WebGpu, "GPU only (WebGPU)"),
        (BackendChoice::Cpu, "Processor only (CPU)"),
    ];
    let changed = move |event: web_sys::Event| {
        let value = event_target_value(&event);
        if let Some((choice, _)) = options.into_iter().find(|(choice, _)| backend_name(*choice) == value) {
            engine.backend.set(choice);
        }
    };
    view! {
        <label class="labelled">
            <span class="label">"Runs on (from the next load on)"</span>
            <select class="field" data-testid="backend-choice" on:change=changed>
                {options
                    .map(|(choice, label)| {
                        view! { <option value=backend_name(choice) prop:selected=move || engine.backend.get() == choice>{label}</option> }
                    })}
            </select>
        </label>
    }
}

/// The state in words. Its height is the same in every state, so that nothing below moves.
#[component]
fn ModelNow() -> impl IntoView {
    let engine = expect_context::<Engine>();
    move || {
        engine.state.with(|state| match state {
            ModelState::None => view! { <div class="model-now"><p class="quiet">"No model is loaded. A quiz works without one, too."</p></div> }.into_any(),
            ModelState::Failed { name, .. } => {
                view! { <div class="model-now"><p>{name.clone()}" could not be loaded or has stopped."</p><p class="quiet">"The message at the top says why."</p></div> }
                    .into_any()
            }
            ModelState::Loading { name, progress } => {
                let share = progress.as_ref().and_then(share);
                let stage = progress.as_ref().map_or("Starting the engine", |p| stage_name(p.stage));
                let done = progress.as_ref().filter(|p| p.total > 0).map(|p| format!(" · {} of {}", bytes(p.loaded), bytes(p.total)));
                view! {
                    <div class="model-now">
                        <p><strong>{name.clone()}</strong></p>
                        <progress class="progress" data-testid="model-progress" max="1" value=share aria-label="Loading the model"></progress>
                        <p class="quiet between">
                            <span>{stage}{done}</span>
                            <button type="button" class="link" on:click=move |_| engine.cancel_load()>"Cancel"</button>
                        </p>
                    </div>
                }
                .into_any()
            }
            ModelState::Ready { name, info } => view! { <div class="model-now"><Ready name=name.clone() info=info.clone() /></div> }.into_any(),
        })
    }
}

#[component]
fn Ready(name: String, info: Info) -> impl IntoView {
    let title = [info.adapter.clone(), info.self_test.details.clone()].join("\n");
    let facts = format!(
        "{} parameters · {} · {}",
        parameters(info.parameters),
        info.quantization,
        bytes(info.bytes)
    );
    let place = format!("Runs on {} · {} tokens of context", backend_name(info.backend), info.context_length);
    view! {
        <p><strong>{name}</strong></p>
        <p class="quiet">{facts}</p>
        <p class="quiet" title=title>{place}</p>
        {info.reason.map(|reason| view! { <p class="quiet">"Not on the GPU: "{reason}"."</p> })}
    }
}

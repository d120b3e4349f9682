//! The model's state in the header: which one, how far, where it runs. A link to the models page.

use leptos::prelude::*;
use worker::protocol::Progress;

use crate::engine::{Engine, ModelState, backend_name};
use crate::route::Route;

#[component]
pub fn ModelChip() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let state = engine.state;
    let text = move || {
        state.with(|s| match s {
            ModelState::None => "No model".to_string(),
            ModelState::Loading { name, progress } => match progress.as_ref().and_then(share) {
                Some(share) => format!("{name} · {:.0} %", share * 100.0),
                None => format!("{name} · loading"),
            },
            ModelState::Ready { name, .. } => name.clone(),
            ModelState::Failed { .. } => "Model not loaded".to_string(),
        })
    };
    let backend = move || {
        state.with(|s| match s {
            ModelState::Ready { info, .. } => backend_name(info.backend),
            _ => "",
        })
    };
    view! {
        <a class="chip" href=Route::Models.href() data-testid="model-status" data-state=move || state.with(ModelState::name)>
            <span class="dot" aria-hidden="true"></span>
            <span class="chip-text">{text}</span>
            <span class="chip-backend" data-testid="backend">{backend}</span>
        </a>
    }
}

/// How much of a load is done, in [0, 1], where that is known.
pub fn share(progress: &Progress) -> Option<f64> {
    (progress.total > 0).then(|| (progress.loaded as f64 / progress.total as f64).clamp(0.0, 1.0))
}

//! Notices at the top of the page, each with its ways on and a button to dismiss it.

use leptos::prelude::*;

use crate::engine::Engine;
use crate::notices::{Notice, Notices, Remedy};

#[component]
pub fn Errors() -> impl IntoView {
    let notices = expect_context::<Notices>();
    let shown = move || {
        let all = notices.get();
        (!all.is_empty()).then(|| {
            let each = all.into_iter().map(|notice| view! { <One notice /> }).collect_view();
            view! { <div class="notices" data-testid="error">{each}</div> }
        })
    };
    view! { <div role="alert">{shown}</div> }
}

#[component]
fn One(notice: Notice) -> impl IntoView {
    let notices = expect_context::<Notices>();
    let engine = expect_context::<Engine>();
    let topic = notice.topic;
    let remedies = notice.remedies.into_iter().map(|remedy| {
        let label = match remedy {
            Remedy::LoadAgain => "Load it again",
            Remedy::UseCpu => "Use the processor (CPU)",
            Remedy::LoadDemo => "Load the demo model",
        };
        view! { <button type="button" class="button small" on:click=move |_| engine.remedy(remedy)>{label}</button> }
    });
    let remedies = remedies.collect_view();
    let details = notice.details.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
    view! {
        <section class="notice">
            <div class="notice-body">
                <p class="notice-title">{notice.title}</p>
                <ul class="notice-details">{details}</ul>
                <div class="notice-actions">{remedies}</div>
            </div>
            <button type="button" class="icon-button" aria-label="Dismiss" on:click=move |_| notices.clear(topic)>"×"</button>
        </section>
    }
}

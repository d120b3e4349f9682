//! The model's own explanation, as it is written. Its box has a fixed height, so that streaming moves nothing; it follows the text unless
//! the student has scrolled up.

use leptos::prelude::*;
use mmedbench::Question;
use mmedbench::extract::rationale_text;

use crate::engine::ModelState;
use crate::quiz::Quiz;

#[component]
pub fn Explanation(index: usize, question: Question) -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let stored = Memo::new(move |_| {
        quiz.session
            .with(|s| s.as_ref().and_then(|s| s.entries.get(index)?.explanation.clone()))
    });
    let running = Memo::new(move |_| quiz.writing.with(|w| w.running && w.index == Some(index)));
    let text = move || {
        quiz.writing
            .with(|w| (w.running && w.index == Some(index)).then(|| rationale_text(&w.text).to_string()))
            .or_else(|| stored.get())
            .unwrap_or_default()
    };
    let ready = move || quiz.engine.state.with(|s| matches!(s, ModelState::Ready { .. }));
    let live = Memo::new(move |_| quiz.session.with(|s| s.as_ref().is_some_and(|s| !s.finished)));
    let empty = move || match (running.get(), ready()) {
        (true, _) => "Reading the question …",
        (false, true) if live.get() => "The model wrote nothing.",
        (false, true) => "The model was not asked.",
        (false, false) => "Load a model to read its explanation here.",
    };
    let node = NodeRef::<leptos::html::Div>::new();
    Effect::new(move || {
        text();
        if let Some(area) = node.get() {
            let near_end = area.scroll_height() - area.scroll_top() - area.client_height() < 80;
            if running.get_untracked() && near_end {
                area.set_scroll_top(area.scroll_height());
            }
        }
    });
    view! {
        <section class="block">
            <div class="between">
                <h2 class="block-title">"The model’s own explanation"</h2>
                <span class="block-action">
                    {move || running.get().then(|| view! {
                        <button type="button" class="button small" data-testid="explanation-stop" on:click=move |_| quiz.stop_writing()>"Stop"</button>
                    })}
                    {move || (!running.get() && ready() && live.get()).then(|| view! {
                        <button type="button" class="link" data-testid="explanation-again" on:click=move |_| quiz.write_again()>"Write again"</button>
                    })}
                </span>
            </div>
            <div class="writing" class:is-running=running data-testid="explanation" data-running=move || running.get().to_string()
                aria-busy=move || running.get().to_string() tabindex="0" role="region" aria-label="The model’s own explanation" node_ref=node>
                <p class="prose" lang=question.language.code()>
                    {text}
                    <span class="quiet">{move || text().is_empty().then(empty)}</span>
                </p>
            </div>
            <p class="small quiet">"Written by a language model. It can be wrong while sounding right."</p>
        </section>
    }
}

//! The model's probability for each option, as bars. The rows are there before the numbers are, so that nothing moves when they come.

use leptos::prelude::*;
use mmedbench::{Question, letters_to_string};

use crate::engine::ModelState;
use crate::quiz::Quiz;
use crate::session::ModelEntry;
use crate::text::percent;

#[component]
pub fn Probabilities(index: usize, question: Question) -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let model = Memo::new(move |_| quiz.session.with(|s| s.as_ref().and_then(|s| s.entries.get(index)?.model.clone())));
    let name = Memo::new(move |_| {
        quiz.session
            .with(|s| s.as_ref().and_then(|s| s.model.as_ref().map(|m| m.name.clone())))
    });
    let (key, several) = (question.answer.clone(), question.is_multiple());
    let said = {
        let question = question.clone();
        move |m: &ModelEntry| {
            let letters = letters_to_string(&m.prediction).replace(',', ", ");
            let verdict = if question.is_correct(&m.prediction) { "right" } else { "wrong" };
            format!("{} answers {letters}: {verdict}.", name.get().unwrap_or_else(|| "The model".into()))
        }
    };
    let line = move || match model.get() {
        Some(entry) => said(&entry),
        None => quiz.engine.state.with(|state| match state {
            ModelState::Ready { .. } => "The model is answering …".to_string(),
            ModelState::Loading { .. } => "The model is still loading.".to_string(),
            _ => "No model is loaded.".to_string(),
        }),
    };
    let row = move |(place, (letter, _)): (usize, (char, String))| {
        let share = move || model.with(|m| m.as_ref().and_then(|m| m.probabilities.get(place).copied()));
        let chosen = move || model.with(|m| m.as_ref().is_some_and(|m| m.prediction.contains(&letter)));
        let is_key = key.contains(&letter);
        view! {
            <li class="bar-row" class:is-key=is_key class:is-chosen=chosen data-letter=letter.to_string()
                data-probability=move || share().map(|p| format!("{p:.6}"))>
                <span class="bar-letter">{letter.to_string()}</span>
                <span class="bar" aria-hidden="true">
                    <span class="bar-fill" style:width=move || format!("{:.2}%", share().unwrap_or(0.0) * 100.0)></span>
                </span>
                <span class="bar-number">{move || share().map_or("–".to_string(), percent)}</span>
                <span class="bar-mark" aria-label=if is_key { "right answer" } else { "" }>{if is_key { "✓" } else { "" }}</span>
            </li>
        }
    };
    view! {
        <section class="block" data-testid="probabilities">
            <h2 class="block-title">"What the model would answer"</h2>
            <p class="quiet" aria-live="polite">{line}</p>
            <ul class="bars">{question.options.clone().into_iter().enumerate().map(row).collect_view()}</ul>
            {several.then(|| view! { <p class="small quiet">"Each option’s own probability of being in the answer; they need not add up to 100 %."</p> })}
        </section>
    }
}

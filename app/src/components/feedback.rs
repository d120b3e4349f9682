//! After the answer: right or wrong, the key, the model's probabilities, the stored explanation, the model's own.

use leptos::prelude::*;
use mmedbench::{Question, letters_to_string};

use crate::components::explanation::Explanation;
use crate::components::probabilities::Probabilities;
use crate::quiz::Quiz;

#[component]
pub fn Feedback(index: usize, question: Question) -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let answer = quiz
        .session
        .with_untracked(|s| s.as_ref().and_then(|s| s.entries.get(index)?.answer.clone()));
    let right = answer.as_ref().is_some_and(|a| question.is_correct(a));
    let key = letters_to_string(&question.answer).replace(',', ", ");
    let verdict = match (&answer, right) {
        (_, true) => "Right.".to_string(),
        (None, _) => format!("Not answered. The answer is {key}."),
        (Some(_), false) => format!("Not right. The answer is {key}."),
    };
    // Into sight, as little as is needed (a long question fills a phone's screen).
    let node = NodeRef::<leptos::html::P>::new();
    Effect::new(move || {
        if let Some(verdict) = node.get() {
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            verdict.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
    let rationale = question.rationale.clone().map(|text| {
        let checked = question.rationale_checked;
        view! {
            <section class="block" data-testid="rationale">
                <h2 class="block-title">
                    "Explanation" {checked.then(|| view! { <span class="tag">"written by a physician"</span> })}
                </h2>
                <p class="prose" lang=question.language.code()>{text}</p>
            </section>
        }
    });
    view! {
        <section class="feedback" data-testid="feedback" data-correct=right.to_string()>
            <p class="verdict" class:is-right=right class:is-wrong=!right role="status" node_ref=node>
                <span class="verdict-sign" aria-hidden="true">{if right { "✓" } else { "✗" }}</span>
                {verdict}
            </p>
            <Probabilities index question=question.clone() />
            {rationale}
            <Explanation index question />
        </section>
    }
}

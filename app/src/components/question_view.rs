//! One question on the screen: progress, stem, options, actions, and after the answer what is right and what the model says.

use leptos::prelude::*;
use mmedbench::Question;

use crate::components::actions::Actions;
use crate::components::feedback::Feedback;
use crate::components::keyboard::use_keyboard;
use crate::components::options::Options;
use crate::components::progress_line::ProgressLine;
use crate::quiz::Quiz;
use crate::session::Session;

#[component]
pub fn QuestionView() -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    use_keyboard(quiz);
    let of_session = move |f: fn(&Session) -> bool| quiz.session.with(|s| s.as_ref().is_some_and(f));
    let current = Memo::new(move |_| quiz.session.with(|s| s.as_ref().map(|s| (s.position, s.question().clone()))));
    let revealed = Memo::new(move |_| of_session(|s| s.is_revealed(s.position)));
    view! {
        <div class="run">
            <ProgressLine />
            {move || current.get().map(|(index, question)| view! { <Stem index question=question.clone() /> <Options question /> })}
            <Actions />
            {move || {
                let question = current.get().filter(|_| revealed.get());
                question.map(|(index, question)| view! { <Feedback index question /> })
            }}
        </div>
    }
}

/// The stem as text, whatever is in it. Takes the focus when it is new, so that a screen reader begins here.
#[component]
fn Stem(index: usize, question: Question) -> impl IntoView {
    let node = NodeRef::<leptos::html::H1>::new();
    Effect::new(move || {
        if let Some(stem) = node.get() {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            // A heading with a tabindex takes the focus.
            let _ = stem.focus_with_options(&options);
            window().scroll_to_with_x_and_y(0.0, 0.0);
        }
    });
    let long = question.question.chars().count() > 280;
    view! {
        <p class="meta">
            <span>{question.language.own_name()}</span>
            <span>{question.source.clone()}</span>
            {question.is_multiple().then(|| view! { <span class="meta-strong">"Several answers are right"</span> })}
        </p>
        <h1 class="stem" class:is-long=long tabindex="-1" lang=question.language.code() data-testid="quiz-question" data-index=index
            data-id=question.id.clone() node_ref=node>
            {question.question.clone()}
        </h1>
    }
}

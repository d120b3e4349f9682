//! The home page: the form, the run, or its result.

use leptos::prelude::*;

use crate::components::question_view::QuestionView;
use crate::components::results::Results;
use crate::components::setup::SetupForm;
use crate::quiz::Quiz;

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Setup,
    Run,
    Result,
}

#[component]
pub fn QuizPage() -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let step = Memo::new(move |_| match quiz.session.with(|s| s.as_ref().map(|s| s.finished)) {
        None => Step::Setup,
        Some(true) if !quiz.reviewing.get() => Step::Result,
        Some(_) => Step::Run,
    });
    move || match step.get() {
        Step::Setup => view! { <SetupForm /> }.into_any(),
        Step::Run => view! { <QuestionView /> }.into_any(),
        Step::Result => view! { <Results /> }.into_any(),
    }
}

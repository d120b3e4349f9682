//! The bar under the options: back, answer or go on. It stays at the lower edge of the window, so that what comes after the answer never
//! moves it.

use leptos::prelude::*;

use crate::quiz::Quiz;
use crate::session::Mode;

/// What the bar offers.
#[derive(Clone, Copy, Default, PartialEq)]
struct Bar {
    exam: bool,
    finished: bool,
    revealed: bool,
    chosen: bool,
    last: bool,
    first: bool,
}

#[component]
pub fn Actions() -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let bar = Memo::new(move |_| {
        quiz.session.with(|s| {
            s.as_ref().map_or(Bar::default(), |s| Bar {
                exam: s.mode == Mode::Exam,
                finished: s.finished,
                revealed: s.is_revealed(s.position),
                chosen: !s.entry().selected.is_empty(),
                last: s.position + 1 == s.len(),
                first: s.position == 0,
            })
        })
    });
    let back = move |_| {
        let position = quiz.session.with_untracked(|s| s.as_ref().map_or(0, |s| s.position));
        quiz.go_to(position.saturating_sub(1));
    };
    let submit = move |_| if bar.get_untracked().exam { quiz.next() } else { quiz.submit() };
    let main = move || match bar.get() {
        Bar { finished: true, .. } => view! {
            <button type="button" class="button primary" data-testid="back-to-result" on:click=move |_| quiz.reviewing.set(false)>
                "Back to the result"
            </button>
        }
        .into_any(),
        Bar {
            exam: false,
            revealed: true,
            last,
            ..
        } => view! {
            <button type="button" class="button primary" data-testid="quiz-next" on:click=move |_| quiz.next()>
                {if last { "See the result" } else { "Next question" }}
            </button>
        }
        .into_any(),
        Bar { exam, chosen, last, .. } => view! {
            <button type="button" class="button primary" data-testid="quiz-submit" disabled=!exam && !chosen on:click=submit>
                {match (exam, last) {
                    (false, _) => "Answer",
                    (true, false) => "Next question",
                    (true, true) => "Finish the exam",
                }}
            </button>
        }
        .into_any(),
    };
    view! {
        <div class="actions">
            <button type="button" class="button" disabled=move || bar.get().first on:click=back>"Back"</button>
            <span class="actions-hint" aria-hidden="true">
                {move || if bar.get().revealed { "Enter goes on" } else { "A–J or 1–9 choose, Enter answers" }}
            </span>
            {main}
        </div>
    }
}

//! Where the student is: number, a mark for every question (to go back to), right ones so far or the time left, and the way out.

use leptos::prelude::*;

use crate::quiz::Quiz;
use crate::session::Mode;
use crate::text::clock;

/// With more questions than this the marks would be too small to hit: a plain bar is shown.
const MOST_MARKS: usize = 30;

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Open,
    Answered,
    Right,
    Wrong,
}

#[component]
pub fn ProgressLine() -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let place = Memo::new(move |_| {
        quiz.session
            .with(|s| s.as_ref().map_or((0, 0, 0), |s| (s.position, s.len(), s.furthest())))
    });
    let exam = Memo::new(move |_| {
        quiz.session
            .with(|s| s.as_ref().is_some_and(|s| s.mode == Mode::Exam && !s.finished))
    });
    let finished = Memo::new(move |_| quiz.session.with(|s| s.as_ref().is_some_and(|s| s.finished)));
    let score = Memo::new(move |_| {
        quiz.session.with(|s| {
            let s = s.as_ref()?;
            let right = (0..s.len()).filter(|i| s.is_right(*i)).count();
            (s.mode == Mode::Practice || s.finished).then(|| (right, s.answered()))
        })
    });
    let mark_of = move |index: usize| {
        quiz.session.with(|s| match s {
            Some(s) if s.is_revealed(index) && s.is_right(index) => Mark::Right,
            Some(s) if s.is_revealed(index) => Mark::Wrong,
            Some(s) if s.entries.get(index).is_some_and(|e| e.answer.is_some()) => Mark::Answered,
            _ => Mark::Open,
        })
    };
    let mark = move |index: usize| {
        let state = Memo::new(move |_| mark_of(index));
        let far = move || index > place.get().2;
        let words = move || match state.get() {
            Mark::Open => "open",
            Mark::Answered => "answered",
            Mark::Right => "right",
            Mark::Wrong => "wrong",
        };
        view! {
            <button
                type="button"
                class="mark"
                class:is-answered=move || state.get() == Mark::Answered
                class:is-right=move || state.get() == Mark::Right
                class:is-wrong=move || state.get() == Mark::Wrong
                aria-current=move || (place.get().0 == index).then_some("step")
                aria-label=move || format!("Question {}, {}", index + 1, words())
                disabled=far
                on:click=move |_| quiz.go_to(index)
            ></button>
        }
    };
    let short = move || quiz.time_left.get() < 30.0;
    let marks = move || {
        let (_, len, _) = place.get();
        if len <= MOST_MARKS {
            view! { <div class="marks">{(0..len).map(mark).collect_view()}</div> }.into_any()
        } else {
            view! { <progress class="progress" max=len value=move || place.get().0 + 1 aria-label="Progress"></progress> }.into_any()
        }
    };
    view! {
        <div class="progress-line">
            <div class="between">
                <span class="progress-number">
                    "Question " <strong>{move || place.get().0 + 1}</strong> " of " {move || place.get().1}
                </span>
                <span class="progress-end">
                    {move || score.get().map(|(right, answered)| view! { <span class="quiet">{format!("{right} of {answered} right")}</span> })}
                    {move || exam.get().then(|| view! {
                        <span class="clock" class:is-short=short role="timer" data-testid="exam-clock">
                            {move || clock(quiz.time_left.get())}
                        </span>
                    })}
                    {move || (!finished.get()).then(|| view! {
                        <button type="button" class="link" data-testid="quiz-end" on:click=move |_| quiz.finish()>"End now"</button>
                    })}
                </span>
            </div>
            {marks}
        </div>
    }
}

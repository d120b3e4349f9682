//! The options of a question: buttons that are chosen, and after the answer marked as right or wrong (by sign and words, not by colour alone).

use leptos::prelude::*;
use mmedbench::Question;

use crate::quiz::Quiz;

#[derive(Clone, Copy, Default, PartialEq)]
struct Look {
    selected: bool,
    revealed: bool,
    key: bool,
    answered: bool,
}

#[component]
pub fn Options(question: Question) -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let several = question.is_multiple();
    let lang = question.language.code();
    let option = |(letter, text): (char, String)| {
        let look = Memo::new(move |_| {
            quiz.session.with(|s| {
                let Some(s) = s else { return Look::default() };
                let entry = s.entry();
                Look {
                    selected: entry.selected.contains(&letter),
                    revealed: s.is_revealed(s.position),
                    key: s.question().answer.contains(&letter),
                    answered: entry.answer.as_ref().is_some_and(|a| a.contains(&letter)),
                }
            })
        });
        let shown = move |f: fn(Look) -> bool| move || f(look.get());
        let mark = move || match look.get() {
            Look { revealed: false, .. } => "",
            Look {
                key: true, answered: true, ..
            } => "Right, your answer",
            Look { key: true, .. } => "Right answer",
            Look { answered: true, .. } => "Your answer",
            _ => "",
        };
        view! {
            <button
                type="button"
                class="option"
                class:is-selected=shown(|l| l.selected && !l.revealed)
                class:is-key=shown(|l| l.revealed && l.key)
                class:is-wrong=shown(|l| l.revealed && l.answered && !l.key)
                class:is-done=shown(|l| l.revealed)
                role=if several { "checkbox" } else { "radio" }
                aria-checked=move || look.get().selected.to_string()
                aria-disabled=move || look.get().revealed.to_string()
                data-testid=format!("option-{letter}")
                on:click=move |_| quiz.toggle(letter)
            >
                <span class="option-letter" aria-hidden="true">{letter.to_string()}</span>
                <span class="option-text" lang=lang>{text}</span>
                <span class="option-mark">{mark}</span>
            </button>
        }
    };
    let options = question.options.into_iter().map(option).collect_view();
    view! {
        <div class="options" role=if several { "group" } else { "radiogroup" } aria-label="Options">
            {options}
        </div>
    }
}

//! The keyboard of a quiz: A–J and 1–9 choose, Enter answers and goes on, ← and → move between questions, ↑ and ↓ between options.
//!
//! What must hold: keys typed into fields, with Ctrl, Alt or Meta, or on other buttons keep their own meaning.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::quiz::Quiz;
use crate::session::letter_of_key;

pub fn use_keyboard(quiz: Quiz) {
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        if event.default_prevented() || event.ctrl_key() || event.alt_key() || event.meta_key() || event.is_composing() {
            return;
        }
        let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        let is = |selector: &str| target.as_ref().is_some_and(|t| t.closest(selector).ok().flatten().is_some());
        if is("input, select, textarea") {
            return;
        }
        let key = event.key();
        let taken = match key.as_str() {
            "Enter" if is("button:not(.option), a, summary") => false,
            "Enter" if event.repeat() => true,
            "Enter" => {
                enter(quiz);
                true
            }
            "ArrowLeft" => step(quiz, false),
            "ArrowRight" => step(quiz, true),
            "ArrowUp" => focus_option(-1),
            "ArrowDown" => focus_option(1),
            key => {
                let letter = quiz
                    .session
                    .with_untracked(|s| s.as_ref().and_then(|s| letter_of_key(key, s.question())));
                if let Some(letter) = letter.filter(|_| !event.repeat()) {
                    quiz.toggle(letter);
                }
                letter.is_some()
            }
        };
        if taken {
            event.prevent_default();
        }
    });
    on_cleanup(move || handle.remove());
}

/// Answers, or goes on where there is an answer.
fn enter(quiz: Quiz) {
    let state = quiz
        .session
        .with_untracked(|s| s.as_ref().map(|s| (s.finished, s.mode, s.is_revealed(s.position))));
    match state {
        Some((true, ..)) => quiz.reviewing.set(false),
        Some((_, crate::session::Mode::Exam, _)) => quiz.next(),
        Some((_, _, true)) => quiz.next(),
        Some(_) => quiz.submit(),
        None => {}
    }
}

fn step(quiz: Quiz, forward: bool) -> bool {
    let place = quiz.session.with_untracked(|s| s.as_ref().map(|s| (s.position, s.furthest())));
    match place {
        Some((position, furthest)) if forward && position < furthest => quiz.go_to(position + 1),
        Some((position, _)) if !forward && position > 0 => quiz.go_to(position - 1),
        _ => return false,
    }
    true
}

/// Moves the focus among the options, from the first one where none has it.
fn focus_option(by: i32) -> bool {
    let Ok(all) = document().query_selector_all(".option") else {
        return false;
    };
    let count = all.length() as i32;
    if count == 0 {
        return false;
    }
    let at = |i: i32| all.get(i as u32).and_then(|n| n.dyn_into::<web_sys::HtmlElement>().ok());
    let active = document().active_element();
    let now = (0..count).find(|i| at(*i).map(web_sys::Element::from) == active);
    let next = now.map_or(if by > 0 { 0 } else { count - 1 }, |now| (now + by).rem_euclid(count));
    if let Some(option) = at(next) {
        // A button takes the focus.
        let _ = option.focus();
    }
    true
}

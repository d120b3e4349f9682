//! Before a quiz: languages, source, number, practice or exam. What was chosen is remembered.

use leptos::prelude::*;
use mmedbench::Language;

use crate::components::data_panel::DataPanel;
use crate::components::model_panel::ModelPanel;
use crate::library::{Choice, Library};
use crate::quiz::{Quiz, Setup};
use crate::session::Mode;
use crate::storage::prefs;
use crate::text::count;

/// Most questions of one run: a run is stored whole after every answer.
const MOST_QUESTIONS: usize = 500;

#[component]
pub fn SetupForm() -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let library = expect_context::<Library>();

    let choice = RwSignal::new(Choice::Samples);
    let languages = RwSignal::new(remembered_languages());
    let number = RwSignal::new(prefs::get("count").and_then(|n| n.parse().ok()).unwrap_or(10usize));
    let mode = RwSignal::new(if prefs::get("mode").as_deref() == Some("exam") {
        Mode::Exam
    } else {
        Mode::Practice
    });
    let seconds = RwSignal::new(prefs::get("seconds").and_then(|n| n.parse().ok()).unwrap_or(90u32));
    let starting = RwSignal::new(false);

    let counts = Memo::new(move |_| library.counts(&choice.get()));
    let of = move |language: Language| counts.with(|c| c.iter().find(|(l, _)| *l == language).map_or(0, |(_, n)| *n));
    // A deck in one language must not be a dead end because another language is chosen.
    let chosen = Memo::new(move |_| {
        let wanted: Vec<Language> = languages.get().into_iter().filter(|l| of(*l) > 0).collect();
        let any = counts.with(|c| c.iter().map(|(l, _)| *l).collect::<Vec<_>>());
        if wanted.is_empty() {
            any.into_iter().take(1).collect()
        } else {
            wanted
        }
    });
    let available = Memo::new(move |_| chosen.with(|c| c.iter().map(|l| of(*l)).sum::<usize>()));

    let toggle = move |language: Language| {
        let mut now = chosen.get_untracked();
        if now.contains(&language) {
            now.retain(|l| *l != language);
        } else {
            now.push(language);
        }
        if !now.is_empty() {
            prefs::set("languages", &now.iter().map(|l| l.code()).collect::<Vec<_>>().join(","));
            languages.set(now);
        }
    };
    let start = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if starting.get_untracked() {
            return;
        }
        let count = number.get_untracked().clamp(1, MOST_QUESTIONS);
        prefs::set("count", &count.to_string());
        prefs::set("mode", if mode.get_untracked() == Mode::Exam { "exam" } else { "practice" });
        prefs::set("seconds", &seconds.get_untracked().to_string());
        let setup = Setup {
            choice: choice.get_untracked(),
            languages: chosen.get_untracked(),
            count,
            mode: mode.get_untracked(),
            seconds_per_question: seconds.get_untracked(),
        };
        starting.set(true);
        leptos::task::spawn_local(async move {
            quiz.start(setup).await;
            // The form may be gone by now.
            let _ = starting.try_set(false);
        });
    };
    let on_deck = Callback::new(move |deck: Choice| choice.set(deck));

    let language_chip = move |language: Language| {
        let on = move || chosen.with(|c| c.contains(&language));
        view! {
            <label class="pick" class:is-on=on class:is-off=move || of(language) == 0>
                <input type="checkbox" class="visually-hidden" data-testid=format!("language-{}", language.code())
                    prop:checked=on prop:disabled=move || of(language) == 0 on:change=move |_| toggle(language) />
                <span lang=language.code()>{language.own_name()}</span>
                <span class="pick-count">{move || of(language)}</span>
            </label>
        }
    };
    let mode_card = move |this: Mode, title: &'static str, about: &'static str, id: &'static str| {
        view! {
            <label class="card-pick" class:is-on=move || mode.get() == this>
                <input type="radio" name="mode" class="visually-hidden" data-testid=id prop:checked=move || mode.get() == this
                    on:change=move |_| mode.set(this) />
                <span class="card-pick-title">{title}</span>
                <span class="quiet">{about}</span>
            </label>
        }
    };
    let sources = move || {
        let now = choice.get().key();
        let mut titles: Vec<String> = Vec::new();
        library.samples.with(|all| {
            for sample in all {
                if !titles.contains(&sample.title) {
                    titles.push(sample.title.clone());
                }
            }
        });
        let option = move |choice: Choice, label: String| {
            let key = choice.key();
            view! { <option value=key.clone() prop:selected=key == now>{label}</option> }
        };
        let mut options = vec![option(Choice::Samples, "Sample questions, all sources".into())];
        options.extend(titles.into_iter().map(|title| option.clone()(Choice::Sample(title.clone()), title)));
        options.extend(
            library
                .decks
                .get()
                .into_iter()
                .map(|deck| option(Choice::Deck(deck.id), format!("Yours: {}", deck.title))),
        );
        options
    };

    view! {
        <div class="setup">
            <div class="setup-main">
                <h1 class="display">"Practise medicine, question by question."</h1>
                <p class="lead">
                    "Answer first. Then see the key, what a language model on your own device would have said, and why."
                </p>
                <form class="setup-form" on:submit=start>
                    <fieldset class="group">
                        <legend class="label">"Languages"</legend>
                        <div class="picks">{Language::ALL.map(language_chip)}</div>
                    </fieldset>
                    <div class="two">
                        <label class="labelled">
                            <span class="label">"Questions from"</span>
                            <select class="field" data-testid="quiz-source" on:change:target=move |event| choice.set(Choice::from_key(&event.target().value()))>
                                {sources}
                            </select>
                        </label>
                        <label class="labelled">
                            <span class="label">"How many " <span class="quiet">{move || format!("of {}", available.get())}</span></span>
                            <input class="field" type="number" min="1" max=MOST_QUESTIONS step="1" inputmode="numeric" data-testid="quiz-count"
                                prop:value=move || number.get().to_string()
                                on:input:target=move |event| {
                                    if let Ok(n) = event.target().value().parse() {
                                        number.set(n);
                                    }
                                } />
                        </label>
                    </div>
                    <fieldset class="group">
                        <legend class="label">"How"</legend>
                        <div class="two">
                            {mode_card(Mode::Practice, "Practice", "The answer is shown at once.", "mode-practice")}
                            {mode_card(Mode::Exam, "Exam", "Against the clock; answers at the end.", "mode-exam")}
                        </div>
                        <label class="labelled inline exam-time" class:is-hidden=move || mode.get() != Mode::Exam>
                            <span class="label">"Seconds per question"</span>
                            <input class="field narrow" type="number" min="5" max="3600" step="1" inputmode="numeric" data-testid="exam-seconds"
                                prop:value=move || seconds.get().to_string()
                                on:input:target=move |event| {
                                    if let Some(n) = event.target().value().parse().ok().filter(|n| (1..=3600).contains(n)) {
                                        seconds.set(n);
                                    }
                                } />
                        </label>
                    </fieldset>
                    <button type="submit" class="button primary large" data-testid="quiz-start" disabled=move || available.get() == 0 || starting.get()>
                        {move || format!("Start {}", count(number.get().clamp(1, MOST_QUESTIONS).min(available.get().max(1)), "question", "questions"))}
                    </button>
                </form>
            </div>
            <aside class="setup-side">
                <ModelPanel />
                <DataPanel on_deck />
            </aside>
        </div>
    }
}

/// What was chosen last, else the browser's language, else English.
fn remembered_languages() -> Vec<Language> {
    let parse = |codes: &str| codes.split(',').filter_map(Language::parse).collect::<Vec<_>>();
    let last = prefs::get("languages").map(|codes| parse(&codes)).filter(|l| !l.is_empty());
    let browser = || {
        window()
            .navigator()
            .language()
            .and_then(|tag| Language::parse(tag.split('-').next().unwrap_or_default()))
    };
    last.unwrap_or_else(|| vec![browser().unwrap_or(Language::English)])
}

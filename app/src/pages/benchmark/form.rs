//! Before a run: data, languages, protocol, prompt, how many; how long it will take; and the runs there are.

use leptos::prelude::*;
use mmedbench::run::MOST_TOKENS;
use mmedbench::{Language, Protocol, Template};

use super::runs::Runs;
use crate::benchmark::setup::{SEED, Setup, about, about_prompt, remembered};
use crate::benchmark::{Bench, Estimate};
use crate::components::data_panel::DataPanel;
use crate::components::model_panel::ModelPanel;
use crate::engine::ModelState;
use crate::library::Choice;
use crate::text::{count, duration};

#[component]
pub fn Form() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let library = bench.library;
    let (last_protocol, last_prompt, last_limit) = remembered();
    let choice = RwSignal::new(Choice::Samples);
    // Languages that are left out: a new data set begins with all of its languages.
    let without = RwSignal::new(Vec::<Language>::new());
    let protocol = RwSignal::new(last_protocol);
    let prompt = RwSignal::new(last_prompt);
    let shots = RwSignal::new(0usize);
    let chat = RwSignal::new(false);
    let max_tokens = RwSignal::new(MOST_TOKENS);
    let limit = RwSignal::new(last_limit);

    let counts = Memo::new(move |_| library.counts(&choice.get()));
    let of = move |language: Language| counts.with(|c| c.iter().find(|(l, _)| *l == language).map_or(0, |(_, n)| *n));
    let languages = Memo::new(move |_| {
        let all = counts.with(|c| c.iter().map(|(l, _)| *l).collect::<Vec<_>>());
        let kept: Vec<Language> = all.iter().copied().filter(|l| without.with(|w| !w.contains(l))).collect();
        if kept.is_empty() { all } else { kept }
    });
    let available = move || languages.with(|l| l.iter().map(|l| of(*l)).sum::<usize>());
    let number = move || limit.get().unwrap_or(usize::MAX).clamp(1, available().max(1));
    let template = move || {
        bench
            .engine
            .state
            .with(|s| matches!(s, ModelState::Ready { info, .. } if info.chat_template))
    };
    let setup = move || Setup {
        choice: choice.with(Choice::key),
        title: library.title(&choice.get()),
        languages: languages.get(),
        protocol: protocol.get(),
        prompt: prompt.get(),
        shots: shots.get(),
        // What cannot be seen is not on: the model that is loaded now may have no template.
        chat: chat.get() && template(),
        limit: limit.get(),
        max_tokens: max_tokens.get(),
        seed: SEED,
    };
    // What was measured is of other settings, or of another model.
    Effect::new(move |before: Option<()>| {
        setup();
        bench.engine.state.with(|_| ());
        if before.is_some() {
            bench.estimate.set(Estimate::None);
        }
    });
    let refusal = Memo::new(move |_| bench.refusal());
    let busy = move || bench.working.with(Option::is_some);
    let measuring = move || bench.estimate.get() == Estimate::Measuring;
    let blocked = move || refusal.with(Option::is_some) || busy() || measuring() || available() == 0;

    let toggle = move |language: Language| {
        let now = languages.get_untracked();
        if now.contains(&language) && now.len() == 1 {
            return;
        }
        without.update(|w| {
            if w.contains(&language) {
                w.retain(|l| *l != language);
            } else {
                w.push(language);
            }
        });
    };
    let chip = move |language: Language| {
        let on = move || languages.with(|l| l.contains(&language));
        view! {
            <label class="pick" class:is-on=on class:is-off=move || of(language) == 0>
                <input type="checkbox" class="visually-hidden" data-testid=format!("bench-language-{}", language.code())
                    prop:checked=on prop:disabled=move || of(language) == 0 on:change=move |_| toggle(language) />
                <span lang=language.code()>{language.own_name()}</span>
                <span class="pick-count">{move || of(language)}</span>
            </label>
        }
    };
    let start = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if !untrack(blocked) {
            bench.start(untrack(setup));
        }
    };
    let options = move |name: &str, label: String, now: &str| {
        view! { <option value=name.to_string() prop:selected=name == now>{label}</option> }
    };
    let data = move || {
        let now = choice.with(Choice::key);
        let mut all = vec![options("samples", "Sample questions, all sources".into(), &now)];
        all.extend(
            library
                .decks
                .get()
                .into_iter()
                .map(|deck| options(&Choice::Deck(deck.id).key(), format!("Yours: {}", deck.title), &now)),
        );
        all
    };
    let protocols = move || Protocol::ALL.map(|p| options(p.name(), p.name().into(), protocol.get().name()));
    let prompts = move || prompt.with(|now| Template::NAMES.map(|name| options(name, name.into(), now)));
    let estimate = move || match bench.estimate.get() {
        Estimate::None => "Measured on a few of these questions with this model.".to_string(),
        Estimate::Measuring => "Measuring …".to_string(),
        Estimate::Takes {
            seconds,
            questions,
            measured,
        } => {
            format!(
                "About {} for {}, measured on {measured}.",
                duration(seconds),
                count(questions, "question", "questions")
            )
        }
    };
    let number_field = move |event: web_sys::Event| limit.set(event_target_value(&event).trim().parse().ok().filter(|n| *n > 0));
    let tokens_field = move |event: web_sys::Event| {
        let wanted = event_target_value(&event).trim().parse().ok().filter(|n| *n > 0);
        max_tokens.set(wanted.unwrap_or(MOST_TOKENS));
    };
    let shots_field = move |event: web_sys::Event| shots.set(event_target_value(&event).parse().unwrap_or(0).min(20));

    view! {
        <div class="setup">
            <div class="setup-main bench">
                <div>
                    <h1 class="display">"Benchmark a model"</h1>
                    <p class="lead">
                        "On your device, question by question, with intervals. A run can be paused, gone on with another day, exported and compared."
                    </p>
                    <form class="setup-form" on:submit=start>
                        <div class="two">
                            <label class="labelled">
                                <span class="label">"Questions from"</span>
                                <select class="field" data-testid="bench-data"
                                    on:change:target=move |event| choice.set(Choice::from_key(&event.target().value()))>{data}</select>
                            </label>
                            <label class="labelled">
                                <span class="label">"How many " <span class="quiet">{move || format!("of {}; empty for all", available())}</span></span>
                                <input class="field" type="number" min="1" step="1" inputmode="numeric" placeholder="all" data-testid="bench-limit"
                                    prop:value=move || limit.get().map(|n| n.to_string()).unwrap_or_default() on:input=number_field />
                            </label>
                        </div>
                        <fieldset class="group" data-testid="bench-languages">
                            <legend class="label">"Languages"</legend>
                            <div class="picks">{Language::ALL.map(chip)}</div>
                        </fieldset>
                        <div class="two">
                            <label class="labelled">
                                <span class="label">"Protocol"</span>
                                <select class="field" data-testid="bench-protocol" aria-describedby="bench-protocol-hint"
                                    on:change:target=move |event| protocol.set(Protocol::parse(&event.target().value()).unwrap_or(Protocol::Letters))>{protocols}</select>
                                <span class="hint" id="bench-protocol-hint">{move || about(protocol.get())}</span>
                            </label>
                            <label class="labelled">
                                <span class="label">"Prompt"</span>
                                <select class="field" data-testid="bench-prompt" aria-describedby="bench-prompt-hint"
                                    on:change:target=move |event| prompt.set(event.target().value())>{prompts}</select>
                                <span class="hint" id="bench-prompt-hint">{move || prompt.with(|p| about_prompt(p))}</span>
                            </label>
                        </div>
                        <div class="two">
                            <label class="labelled">
                                <span class="label">"Solved examples before each question"</span>
                                <input class="field narrow" type="number" min="0" max="20" step="1" inputmode="numeric" data-testid="bench-shots"
                                    aria-describedby="bench-shots-hint" prop:value=move || shots.get().to_string() on:input=shots_field />
                                <span class="hint" id="bench-shots-hint">"From the folder Train beside Test, so not with the sample questions."</span>
                            </label>
                            <label class="labelled" class:is-hidden=move || !protocol.get().writes()>
                                <span class="label">"Longest written answer, in tokens"</span>
                                <input class="field narrow" type="number" min="1" step="1" inputmode="numeric" data-testid="bench-tokens"
                                    prop:value=move || max_tokens.get().to_string() on:change=tokens_field />
                            </label>
                            <label class="labelled" class:is-hidden=move || !template()>
                                <span class="label">"Chat template"</span>
                                <input type="checkbox" data-testid="bench-chat" prop:checked=move || chat.get()
                                    on:change:target=move |event| chat.set(event.target().checked()) />
                                " through the model’s own"
                            </label>
                        </div>
                        <div class="estimate">
                            <button type="button" class="button" data-testid="bench-measure" disabled=blocked on:click=move |_| bench.measure(untrack(setup))>
                                "How long will it take?"
                            </button>
                            <span class="quiet" aria-live="polite" data-testid="bench-estimate">{estimate}</span>
                        </div>
                        {move || refusal.get().map(|why| view! { <p class="refusal" role="status" data-testid="bench-refusal">{why}</p> })}
                        <button type="submit" class="button primary large" data-testid="bench-start" disabled=blocked>
                            {move || format!("Start: {}", count(number(), "question", "questions"))}
                        </button>
                    </form>
                </div>
                <Runs />
            </div>
            <aside class="setup-side">
                <ModelPanel />
                <DataPanel on_deck=Callback::new(move |deck: Choice| { choice.set(deck); without.set(Vec::new()); }) />
            </aside>
        </div>
    }
}

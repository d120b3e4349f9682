//! Before rating: whose texts, of which questions, who rates; and the ratings there are.

use leptos::prelude::*;
use mmedbench::Protocol;

use crate::benchmark::setup::SEED;
use crate::files::take_chosen;
use crate::library::Choice;
use crate::rating::{Rate, Setup, Stored};
use crate::route::Route;
use crate::storage::prefs;
use crate::text::{count, when};

/// Questions of a study unless another number is wanted: an hour's work.
const USUAL: usize = 20;

#[component]
pub fn Form() -> impl IntoView {
    let rate = expect_context::<Rate>();
    let library = rate.bench.library;
    let choice = RwSignal::new(Choice::Samples);
    let stored = RwSignal::new(true);
    let chosen = RwSignal::new(Vec::<String>::new());
    let most = RwSignal::new(Some(USUAL));
    let rater = RwSignal::new(prefs::get("rater").unwrap_or_default());

    // Runs whose answers were written, not chosen by probability.
    let runs = move || {
        let writes = |protocol: String| Protocol::parse(&protocol).is_some_and(Protocol::writes);
        let all = rate.bench.runs.get().unwrap_or_default();
        all.into_iter().filter(|run| writes(run.protocol())).collect::<Vec<_>>()
    };
    let data = move || {
        let now = choice.with(Choice::key);
        let option = |value: String, label: String| view! { <option value=value.clone() prop:selected=value == now>{label}</option> };
        let mut all = vec![option("samples".into(), "Sample questions, all sources".into())];
        let decks = library.decks.get().into_iter();
        all.extend(decks.map(|deck| option(Choice::Deck(deck.id).key(), format!("Yours: {}", deck.title))));
        all
    };
    let source = move |label: String, on: Signal<bool>, toggle: Callback<()>| {
        view! {
            <label class="rate-source">
                <input type="checkbox" data-testid="rate-source" prop:checked=move || on.get() on:change=move |_| toggle.run(()) />
                <span>{label}</span>
            </label>
        }
        .into_any()
    };
    let sources = move || {
        let mut all = vec![source(
            "The rationales stored with the questions".into(),
            stored.into(),
            Callback::new(move |()| stored.update(|on| *on = !*on)),
        )];
        for run in runs() {
            let (id, of) = (run.id.clone(), run.id.clone());
            let label = format!("{}, {}, {}", run.model(), run.prompt(), when(&run.header.started));
            let toggle = move |()| {
                chosen.update(|chosen| match chosen.iter().position(|other| *other == id) {
                    Some(at) => {
                        chosen.remove(at);
                    }
                    None => chosen.push(id.clone()),
                });
            };
            all.push(source(
                label,
                Signal::derive(move || chosen.with(|c| c.contains(&of))),
                Callback::new(toggle),
            ));
        }
        all
    };
    let why_not = Memo::new(move |_| {
        if rater.with(|r| r.trim().is_empty()) {
            Some("Say who rates: a name or a pseudonym, which stands in the record.")
        } else if !stored.get() && chosen.with(Vec::is_empty) {
            Some("Choose at least one source of rationales.")
        } else {
            None
        }
    });
    let begin = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if why_not.get_untracked().is_some() {
            return;
        }
        let rater = rater.with_untracked(|r| r.trim().to_string());
        prefs::set("rater", &rater);
        let setup = Setup {
            choice: choice.with_untracked(Choice::key),
            stored: stored.get_untracked(),
            runs: chosen.get_untracked(),
            seed: SEED,
            most: most.get_untracked(),
        };
        rate.begin(setup, rater);
    };
    let number = move |event: web_sys::Event| most.set(event_target_value(&event).trim().parse().ok().filter(|n| *n > 0));
    view! {
        <div class="bench narrow-page">
            <div>
                <a class="link" href=Route::Benchmark.href()>"← Benchmark"</a>
                <h1 class="display">"Rate rationales"</h1>
                <p class="lead">
                    "Explanations of the same question from several sources, without their names and in random order, each judged on a scale of five. \
                     Several people’s ratings together say which source explains best, how far raters agree, and which automatic metric agrees with them."
                </p>
            </div>
            <form class="setup-form" on:submit=begin>
                <div class="two">
                    <label class="labelled">
                        <span class="label">"Questions from"</span>
                        <select class="field" data-testid="rate-data"
                            on:change:target=move |event| choice.set(Choice::from_key(&event.target().value()))>{data}</select>
                    </label>
                    <label class="labelled">
                        <span class="label">"How many " <span class="quiet">"at most; empty for all"</span></span>
                        <input class="field" type="number" min="1" step="1" inputmode="numeric" placeholder="all" data-testid="rate-most"
                            prop:value=move || most.get().map(|n| n.to_string()).unwrap_or_default() on:input=number />
                    </label>
                </div>
                <fieldset class="group">
                    <legend class="label">"Whose rationales"</legend>
                    <div class="rate-sources">{sources}</div>
                    <p class="hint" class:is-hidden=move || !runs().is_empty()>
                        "Runs of the benchmark with the protocol paper or lenient write rationales; there is none in this browser yet. A record made elsewhere can be imported there."
                    </p>
                </fieldset>
                <label class="labelled">
                    <span class="label">"Rater"</span>
                    <input class="field" type="text" maxlength="80" autocomplete="off" data-testid="rate-rater"
                        prop:value=move || rater.get() on:input:target=move |event| rater.set(event.target().value()) />
                </label>
                {move || why_not.get().map(|why| view! { <p class="refusal" role="status">{why}</p> })}
                <button type="submit" class="button primary large" data-testid="rate-begin" disabled=move || why_not.get().is_some()>"Begin"</button>
            </form>
            <Kept />
        </div>
    }
}

/// The ratings of this browser, and those that were brought in.
#[component]
fn Kept() -> impl IntoView {
    let rate = expect_context::<Rate>();
    let import = move |event: web_sys::Event| take_chosen(&event, move |file| rate.import(file));
    let item = move |stored: Stored| {
        let header = &stored.ratings.header;
        let (done, all) = (stored.ratings.questions.len(), header.questions);
        let facts = format!(
            "study {} · {} · {done} of {}",
            header.study.get(..8).unwrap_or_default(),
            when(&header.started),
            count(all, "question", "questions")
        );
        let name = header.rater.clone();
        let label = if done < all { "Go on" } else { "Results" };
        let (open, export, remove) = (stored.clone(), stored.clone(), stored.id.clone());
        view! {
            <li class="run-item" data-testid="rate-kept">
                <div><p><strong>{name.clone()}</strong></p><p class="quiet">{facts}</p></div>
                <div class="panel-row">
                    {stored.setup.is_some().then(|| view! {
                        <button type="button" class="button small" data-testid="rate-open" aria-label=format!("{label}: {name}")
                            on:click=move |_| rate.open(open.clone())>{label}</button>
                    })}
                    <button type="button" class="button small" data-testid="rate-export" aria-label=format!("Export: {name}")
                        on:click=move |_| rate.export(&export)>"Export"</button>
                    <button type="button" class="link" aria-label=format!("Delete: {name}") on:click=move |_| rate.remove(remove.clone())>"Delete"</button>
                </div>
            </li>
        }
        .into_any()
    };
    view! {
        <section class="block" data-testid="rate-list">
            <div class="between">
                <h2 class="section-title">"Ratings"</h2>
                <label class="button small">
                    "Import another rater’s …"
                    <input type="file" class="visually-hidden" accept=".jsonl" data-testid="rate-import" on:change=import />
                </label>
            </div>
            {move || match rate.all.get() {
                Some(all) if all.is_empty() => view! { <p class="quiet">"None yet. They stay in this browser until you export them."</p> }.into_any(),
                Some(all) => view! { <ul class="runs">{all.into_iter().map(item).collect::<Vec<_>>()}</ul> }.into_any(),
                None => ().into_any(),
            }}
        </section>
    }
}

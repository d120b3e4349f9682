//! Runs that are kept in this browser: open, go on, export, delete; take in a record from elsewhere; compare two.

use leptos::prelude::*;

use crate::benchmark::store::StoredRun;
use crate::benchmark::{Bench, in_words};
use crate::files::take_chosen;
use crate::route::Route;
use crate::text::{count, when};

#[component]
pub fn Runs() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let import = move |event: web_sys::Event| take_chosen(&event, move |file| bench.import(file));
    let list = move || {
        bench.runs.get().map(|runs| {
            if runs.is_empty() {
                return view! { <p class="quiet">"No runs yet. They stay in this browser, also when the tab is closed."</p> }.into_any();
            }
            let items = runs.into_iter().map(|run| view! { <Item run /> }).collect_view();
            view! { <ul class="runs">{items}</ul> }.into_any()
        })
    };
    view! {
        <section class="block" data-testid="bench-runs">
            <div class="between wrap">
                <h2 class="section-title">"Runs"</h2>
                <span class="panel-row wrap">
                    <a class="button small" href=Route::Rating.href() data-testid="rate-link">"Rate rationales"</a>
                    <label class="button small">
                        "Import a record …"
                        <input type="file" class="visually-hidden" accept=".jsonl" data-testid="bench-import" on:change=import />
                    </label>
                </span>
            </div>
            {list}
        </section>
    }
}

#[component]
fn Item(run: StoredRun) -> impl IntoView {
    let bench = expect_context::<Bench>();
    let id = run.id.clone();
    let name = format!("{}, {}", run.model(), when(&run.header.started));
    let facts = [
        when(&run.header.started),
        run.protocol(),
        run.prompt(),
        run.data(),
        if run.setup.is_none() {
            "imported".to_string()
        } else {
            String::new()
        },
    ];
    let facts = facts.into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>().join(" · ");
    let state = if run.is_finished() {
        format!("{}, {}", count(run.total, "question", "questions"), in_words(run.right, run.done))
    } else {
        format!("{} of {} done, {}", run.done, run.total, in_words(run.right, run.done))
    };
    let label = if run.is_finished() || run.setup.is_none() {
        "Open"
    } else {
        "Open, go on"
    };
    let now = {
        let id = id.clone();
        move || bench.working.with(|w| w.as_deref() == Some(id.as_str()))
    };
    let open = {
        let id = id.clone();
        move |_| bench.open(id.clone())
    };
    let (export, remove) = (id.clone(), id.clone());
    let busy = now.clone();
    view! {
        <li class="run-item" class:is-now=now data-testid="bench-run" data-finished=run.is_finished().to_string()>
            <div>
                <p><strong>{run.model()}</strong></p>
                <p class="quiet">{facts}</p>
                <p>{state}</p>
            </div>
            <div class="panel-row">
                <button type="button" class="button small" data-testid="bench-open" aria-label=format!("{label}: {name}") on:click=open>{label}</button>
                <button type="button" class="button small" data-testid="bench-export" aria-label=format!("Export: {name}")
                    on:click=move |_| bench.export(export.clone())>"Export"</button>
                <button type="button" class="link" aria-label=format!("Delete: {name}") disabled=busy
                    on:click=move |_| bench.remove(remove.clone())>"Delete"</button>
            </div>
        </li>
    }
}

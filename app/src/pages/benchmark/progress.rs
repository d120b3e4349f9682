//! How far a run is, and the buttons to pause and to go on.

use leptos::prelude::*;

use crate::benchmark::Bench;
use crate::text::{clock, count};

/// What is shown of the opened run.
#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    id: String,
    done: usize,
    total: usize,
    /// The model's time.
    seconds: f64,
    /// It was begun here, so that it can go on here.
    ours: bool,
}

#[component]
pub fn Progress() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let facts = Memo::new(move |_| {
        let seconds = bench.report.with(|r| r.as_ref().map_or(0.0, |r| r.speed.seconds));
        let of = |o: &crate::benchmark::Opened| Facts {
            id: o.run.id.clone(),
            done: o.run.done,
            total: o.run.total,
            seconds,
            ours: o.run.setup.is_some(),
        };
        bench.opened.with(|o| o.as_ref().map(of).unwrap_or_default())
    });
    let working = Memo::new(move |_| bench.working.with(|w| w.as_deref() == Some(facts.get().id.as_str())));
    let other_works = Memo::new(move |_| bench.working.with(Option::is_some) && !working.get());
    let left = move || facts.with(|f| f.total.saturating_sub(f.done));
    let state = move || match (working.get(), left(), facts.with(|f| f.ours)) {
        (true, ..) => "running",
        (false, 0, _) => "finished",
        (false, _, true) => "paused",
        (false, _, false) => "part",
    };
    let refusal = Memo::new(move |_| (state() == "paused").then(|| bench.refusal()).flatten());
    let numbers = move || {
        let facts = facts.get();
        let pace = bench.pace.get();
        let mut all = vec![(format!("{} of {}", facts.done, facts.total), "questions".to_string())];
        if working.get() && pace.batches > 0 {
            all.push((format!("{:.1}", pace.per_second), "a second".into()));
            all.push((clock(pace.left), "left".into()));
        } else if facts.seconds > 0.0 {
            all.push((clock(facts.seconds), "of the model’s time".into()));
        }
        all.into_iter()
            .map(|(number, what)| view! { <span><strong>{number}</strong> " " <span class="quiet">{what}</span></span> }.into_any())
            .collect::<Vec<_>>()
    };
    let button = move || {
        match state() {
        "running" => view! {
            <button type="button" class="button" data-testid="bench-pause" disabled=move || bench.pausing.get() on:click=move |_| bench.pause()>
                {move || if bench.pausing.get() { "Pausing …" } else { "Pause" }}
            </button>
        }
        .into_any(),
        "paused" => view! {
            <button type="button" class="button primary" data-testid="bench-resume"
                disabled=move || other_works.get() || refusal.with(Option::is_some) on:click=move |_| bench.resume()>
                "Go on"
            </button>
        }
        .into_any(),
        _ => ().into_any(),
    }
    };
    let spoken = move || match state() {
        "running" => "The run is at work.".to_string(),
        "paused" => format!(
            "The run is paused; {} to go. It stays here, also when the tab is closed.",
            count(left(), "question", "questions")
        ),
        "part" => "A record from elsewhere, which answers a part of its data.".to_string(),
        _ => "The run is finished.".to_string(),
    };
    view! {
        <section class="run-now" aria-label="Progress" data-testid="bench-progress" data-state=state
            data-done=move || facts.get().done.to_string() data-total=move || facts.get().total.to_string()>
            <progress class="progress" aria-label="Questions answered" max=move || facts.get().total.to_string() value=move || facts.get().done.to_string()></progress>
            <div class="between">
                <div class="run-numbers">{numbers}</div>
                {button}
            </div>
            <p class="small quiet" aria-live="polite">{spoken}</p>
            {move || refusal.get().map(|why| view! { <p class="refusal" data-testid="bench-refusal">{why}</p> })}
        </section>
    }
}

//! Accuracies beside published models on MMedBench; which ones is chosen.

use leptos::prelude::*;
use mmedbench::published::published;
use mmedbench::report::{Report, Row};

use crate::benchmark::Bench;
use crate::charts::accuracy;

/// Published models that are shown unless others are chosen.
const USUAL: [&str; accuracy::SIGNS.len()] = ["MMed-Llama 3 8B", "Llama 3 8B", "GPT-4"];

#[component]
pub fn Published() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let known = &published().accuracy;
    let chosen = RwSignal::new(USUAL.map(|name| known.iter().position(|row| row.name() == name).unwrap_or(0)));
    let names = move || chosen.get().map(|i| known[i].name());
    let chart = move || bench.report.with(|report| report.as_ref().map(|report| chart(report, &names())));
    // What the numbers beside the run were made by, where that is another experiment, and what is doubtful about them.
    let warnings = move || {
        let protocol = bench
            .report
            .with(|r| r.as_ref().map(|r| r.run.protocol.clone()).unwrap_or_default());
        let mut lines: Vec<String> = Vec::new();
        for model in chosen.get().map(|i| &known[i]) {
            if model.comparable_protocol() != Some(protocol.as_str()) {
                let means = published().protocols.get(&model.protocol).unwrap_or(&model.protocol);
                lines.push(format!("{}: {means}. This run: {protocol}, another experiment.", model.name()));
            }
            lines.extend(
                model
                    .doubts
                    .iter()
                    .filter_map(|d| Some(format!("{}: {}", model.name(), published().doubts.get(d)?))),
            );
        }
        lines.dedup();
        lines
            .into_iter()
            .map(|line| view! { <li>{line}</li> }.into_any())
            .collect::<Vec<_>>()
    };
    let pick = move |place: usize| {
        let options = known.iter().enumerate().map(move |(i, model)| {
            view! { <option value=i.to_string() prop:selected=move || chosen.get()[place] == i>{model.name()}</option> }.into_any()
        });
        let changed = move |event: web_sys::Event| {
            if let Ok(i) = event_target_value(&event).parse::<usize>() {
                chosen.update(|c| c[place] = i.min(known.len() - 1));
            }
        };
        view! {
            <select class="field" aria-label=format!("Published model {}", place + 1) on:change=changed>{options.collect::<Vec<_>>()}</select>
        }
    };
    // The same chart without them where the questions are of another benchmark.
    let compares = Memo::new(move |_| bench.report.with(|r| r.as_ref().is_some_and(|r| !r.published.is_empty())));
    let none = Memo::new(move |_| bench.report.with(Option::is_none));
    view! {
        <section class="block" class:is-hidden=move || none.get() data-testid="bench-chart">
            <h2 class="section-title">{move || if compares.get() { "Beside published models" } else { "By language" }}</h2>
            <div inner_html=move || chart().unwrap_or_default()></div>
            <div class:is-hidden=move || !compares.get()>
                <div class="two">{(0..USUAL.len()).map(pick).collect_view()}</div>
                <p class="small quiet">
                    "Published accuracies are of the whole MMedBench test sets, from "
                    {published().provenance.get("accuracy").cloned()} "."
                </p>
                <ul class="small quiet plain-list" data-testid="bench-warnings">{warnings}</ul>
            </div>
        </section>
    }
}

fn chart(report: &Report, names: &[String; USUAL.len()]) -> String {
    // By name, because the report has the best ones first.
    let models = || names.iter().map(|name| report.published.iter().find(|row| row.model == *name));
    let one = |(place, row): (usize, &Row)| accuracy::Row {
        label: row.language.map_or(row.name.as_str(), |l| l.own_name()).into(),
        lang: row.language.map_or("", |l| l.code()),
        value: Some((row.accuracy, row.wilson.low, row.wilson.high)),
        chance: row.chance,
        published: models().map(|model| model?.percent[place].map(|p| p / 100.0)).collect(),
    };
    let rows: Vec<accuracy::Row> = report.languages.iter().enumerate().map(one).collect();
    let shown: &[String] = if report.published.is_empty() { &[] } else { names };
    accuracy::accuracy(&rows, shown)
}

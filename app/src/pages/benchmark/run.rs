//! One run: how far it is, its table, its charts, its questions, and another run beside it. The same view while it runs and afterwards.

use leptos::prelude::*;
use mmedbench::Language;
use mmedbench::published::published;

use super::compare::Compare;
use super::questions::Questions;
use crate::benchmark::Bench;
use crate::benchmark::score::{Count, Table, calibrated};
use crate::benchmark::store::StoredRun;
use crate::charts::{accuracy, reliability};
use crate::text::{clock, count, percent, when};

/// Published models that are shown unless others are chosen.
const USUAL: [&str; accuracy::SIGNS.len()] = ["MMed-Llama 3 8B", "Llama 3 8B", "GPT-4"];

#[component]
pub fn RunView() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let run = Memo::new(move |_| bench.opened.with(|o| o.as_ref().map(|o| o.run.clone())));
    let of = move |f: fn(&StoredRun) -> String| move || run.with(|r| r.as_ref().map(f).unwrap_or_default());
    let table = Memo::new(move |_| bench.opened.with(|o| o.as_ref().map(|o| Table::of(&o.records)).unwrap_or_default()));
    let node = NodeRef::<leptos::html::H1>::new();
    Effect::new(move || {
        if let Some(title) = node.get() {
            // A heading with a tabindex takes the focus.
            let _ = title.focus();
        }
    });
    let export = move |_| {
        if let Some(run) = run.get_untracked() {
            bench.export(run.id);
        }
    };
    view! {
        <div class="bench" data-testid="bench-view">
            <div>
                <button type="button" class="link" data-testid="bench-back" on:click=move |_| bench.close()>"← All runs"</button>
                <h1 class="display" tabindex="-1" node_ref=node>{of(StoredRun::model)}</h1>
                <p class="meta">
                    <span>{of(|r| when(&r.header.started))}</span>
                    <span>{of(StoredRun::protocol)}</span>
                    <span>{of(StoredRun::prompt)}</span>
                    <span>{of(StoredRun::data)}</span>
                </p>
            </div>
            <Progress />
            {move || view! { <Scores table=table.get() /> }}
            <Accuracy table run />
            <Calibrated />
            <Compare />
            <Questions />
            <details class="more">
                <summary>"What the record says of this run"</summary>
                {move || run.get().map(|run| facts(&run))}
            </details>
            <div class="panel-row wrap">
                <button type="button" class="button" data-testid="bench-export" on:click=export>"Export the record (JSONL)"</button>
            </div>
        </div>
    }
}

/// How far it is, and the buttons to pause and to go on.
#[component]
fn Progress() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let facts = Memo::new(move |_| {
        bench
            .opened
            .with(|o| {
                o.as_ref()
                    .map(|o| (o.run.id.clone(), o.run.done, o.run.total, o.run.milliseconds, o.run.setup.is_some()))
            })
            .unwrap_or_default()
    });
    let working = Memo::new(move |_| bench.working.with(|w| w.as_deref() == Some(facts.get().0.as_str())));
    let other_works = Memo::new(move |_| bench.working.with(Option::is_some) && !working.get());
    let left = move || facts.with(|(_, done, total, ..)| total.saturating_sub(*done));
    let state = move || match (working.get(), left()) {
        (true, _) => "running",
        (false, 0) => "finished",
        (false, _) => "paused",
    };
    let refusal = Memo::new(move |_| (!working.get() && left() > 0).then(|| bench.refusal()).flatten());
    let numbers = move || {
        let (_, done, total, milliseconds, _) = facts.get();
        let pace = bench.pace.get();
        let mut all = vec![(format!("{done} of {total}"), "questions".to_string())];
        if working.get() && pace.batches > 0 {
            all.push((format!("{:.1}", pace.per_second), "a second".into()));
            all.push((clock(pace.left), "left".into()));
        } else if milliseconds > 0.0 {
            all.push((clock(milliseconds / 1000.0), "taken".into()));
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
        "paused" if facts.with(|f| f.4) => view! {
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
        _ => "The run is finished.".to_string(),
    };
    view! {
        <section class="run-now" aria-label="Progress" data-testid="bench-progress" data-state=state
            data-done=move || facts.get().1.to_string() data-total=move || facts.get().2.to_string()>
            <progress class="progress" aria-label="Questions answered" max=move || facts.get().2.to_string() value=move || facts.get().1.to_string()></progress>
            <div class="between">
                <div class="run-numbers">{numbers}</div>
                {button}
            </div>
            <p class="small quiet" aria-live="polite">{spoken}</p>
            {move || refusal.get().map(|why| view! { <p class="refusal" data-testid="bench-refusal">{why}</p> })}
        </section>
    }
}

#[component]
fn Scores(table: Table) -> impl IntoView {
    let unread = table.all.unread > 0;
    let row = |label: &'static str, lang: &'static str, count: &Count, kind: &'static str| {
        let interval = count.interval();
        view! {
            <tr class=kind data-language=(kind != "is-part").then_some(lang)>
                <th scope="row" lang=(kind.is_empty()).then_some(lang)>{label}</th>
                <td>{format!("{}/{}", count.right, count.total)}</td>
                <td>{interval.map_or("–".to_string(), |(share, ..)| percent(share))}</td>
                <td>{interval.map_or("–".to_string(), |(_, low, high)| format!("{:.1}–{:.1} %", low * 100.0, high * 100.0))}</td>
                <td class="is-wide">{count.chance().map_or("–".to_string(), percent)}</td>
                {unread.then(|| view! { <td>{count.unread}</td> })}
            </tr>
        }
        .into_any()
    };
    let mut rows: Vec<AnyView> = Vec::new();
    for (language, count) in &table.languages {
        rows.push(row(language.own_name(), language.code(), count, ""));
        let parts = table.parts.iter().filter(|(l, ..)| l == language);
        rows.extend(parts.map(|(l, name, count)| row(name, l.code(), count, "is-part")));
    }
    rows.push(row("All questions", "", &table.all, "is-mean"));
    let mean = table.macro_mean().filter(|_| table.languages.len() > 1);
    view! {
        <section class="block">
            <h2 class="section-title">"Accuracy"</h2>
            <div class="table-wrap">
                <table class="bench-scores" data-testid="bench-table">
                    <thead>
                        <tr>
                            <th scope="col">"Language"</th>
                            <th scope="col">"Right"</th>
                            <th scope="col">"Accuracy"</th>
                            <th scope="col">"95 % interval"</th>
                            <th scope="col" class="is-wide">"Guessing"</th>
                            {unread.then(|| view! { <th scope="col">"Unread"</th> })}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <p class="small quiet">
                {mean.map(|mean| format!("Plain mean over the languages, as papers state it: {:.1} %. ", mean * 100.0))}
                "Intervals are Wilson’s. Several right answers count only if all of them, and no other, are given."
            </p>
        </section>
    }
}

/// With published models; which ones is chosen.
#[component]
fn Accuracy(table: Memo<Table>, run: Memo<Option<StoredRun>>) -> impl IntoView {
    let known = &published().accuracy;
    let chosen = RwSignal::new(USUAL.map(|name| known.iter().position(|row| row.name() == name).unwrap_or(0)));
    let chart = move || {
        let models = chosen.get().map(|i| &known[i]);
        let rows: Vec<accuracy::Row> = table.with(|table| {
            let one = |(language, count): &(Language, Count)| accuracy::Row {
                label: language.own_name().into(),
                lang: language.code(),
                value: count.interval(),
                chance: count.chance(),
                published: models.iter().map(|m| m.percent.get(language).map(|p| p / 100.0)).collect(),
            };
            table.languages.iter().map(one).collect()
        });
        accuracy::accuracy(&rows, &models.map(|m| m.name()))
    };
    // What the numbers beside the run were made by, where that is another experiment, and what is doubtful about them.
    let warnings = move || {
        let protocol = run.with(|r| r.as_ref().map(StoredRun::protocol).unwrap_or_default());
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
    view! {
        <section class="block" data-testid="bench-chart">
            <h2 class="section-title">"Beside published models"</h2>
            <div inner_html=chart></div>
            <div class="two">{(0..USUAL.len()).map(pick).collect_view()}</div>
            <p class="small quiet">
                "Published accuracies are of the whole MMedBench test sets, from "
                {published().provenance.get("accuracy").cloned()} "."
            </p>
            <ul class="small quiet plain-list" data-testid="bench-warnings">{warnings}</ul>
        </section>
    }
}

#[component]
fn Calibrated() -> impl IntoView {
    let bench = expect_context::<Bench>();
    move || {
        let calibration = bench.opened.with(|o| o.as_ref().and_then(|o| calibrated(&o.records)))?;
        let bins: Vec<reliability::Bin> = calibration
            .bins
            .iter()
            .map(|b| reliability::Bin {
                confidence: b.confidence,
                accuracy: b.accuracy,
                count: b.n,
            })
            .collect();
        let words = format!(
            "Of answers that the model is 80 % sure of, 80 % should be right: on the dashed line. Its mean distance from the line (expected calibration error, {} bins) is {:.1} points.",
            mmedbench::statistics::calibration::BINS,
            calibration.ece * 100.0
        );
        Some(view! {
            <section class="block" data-testid="bench-reliability">
                <h2 class="section-title">"How well it knows what it knows"</h2>
                <div inner_html=reliability::reliability(&bins)></div>
                <p class="small quiet">{words}</p>
            </section>
        })
    }
}

fn facts(run: &StoredRun) -> AnyView {
    let header = &run.header;
    let mut all = vec![
        ("Run", header.run_id.clone()),
        ("Made by", header.software.clone()),
        ("Seed", header.seed.to_string()),
    ];
    if let Some(m) = &header.model {
        all.push(("Model", format!("{}, {}, {}", m.name, m.architecture, m.quantization)));
        all.push(("Model’s hash", m.sha256.clone().unwrap_or_else(|| "not computed".into())));
        all.push(("Ran on", format!("{}, {}", m.backend, m.adapter)));
    }
    if let Some(p) = &header.prompt {
        all.push(("Prompt", format!("{}, version {}, {}", p.name, p.version, p.hash)));
    }
    if let Some(e) = &header.evaluation {
        all.push(("Protocol", e.protocol.clone()));
        all.push(("Examples", e.shots.to_string()));
        all.push(("Chat template", if e.chat_template { "yes" } else { "no" }.into()));
        all.push(("Order of options", e.option_order.clone()));
        all.push(("Longest text", format!("{} tokens", e.context_length)));
        all.push((
            "Data",
            format!(
                "{}, {}, {}",
                e.data.name,
                count(e.data.questions as usize, "question", "questions"),
                e.data.hash
            ),
        ));
    }
    let rows = all
        .into_iter()
        .map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }.into_any())
        .collect::<Vec<_>>();
    view! { <dl class="facts">{rows}</dl> }.into_any()
}

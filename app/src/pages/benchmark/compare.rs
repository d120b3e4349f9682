//! Another run beside this one, question by question.

use leptos::prelude::*;
use mmedbench::statistics::mcnemar::Paired;

use crate::benchmark::score::{ALPHA, compare};
use crate::benchmark::{Bench, Other};
use crate::charts::difference;
use crate::text::{count, when};

#[component]
pub fn Compare() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let options = move || {
        let this = bench.opened.with(|o| o.as_ref().map(|o| o.run.id.clone()));
        let now = bench.other.with(|o| o.as_ref().map(|o| o.run.id.clone()));
        let others = bench
            .runs
            .get()
            .unwrap_or_default()
            .into_iter()
            .filter(|r| Some(&r.id) != this.as_ref() && r.done > 0);
        others
            .map(|run| {
                let label = format!("{} · {} · {}", run.model(), run.protocol(), when(&run.header.started));
                view! { <option value=run.id.clone() prop:selected=now.as_ref() == Some(&run.id)>{label}</option> }.into_any()
            })
            .collect::<Vec<_>>()
    };
    let alone = move || bench.runs.with(|runs| runs.as_ref().is_none_or(|runs| runs.len() < 2));
    view! {
        <section class="block" class:is-hidden=alone data-testid="bench-compare">
            <h2 class="section-title">"Compare with another run"</h2>
            <select class="field" aria-label="Another run" data-testid="bench-compare-with" on:change=move |event| bench.compare(event_target_value(&event))>
                <option value="">"None"</option>
                {options}
            </select>
            {move || bench.other.with(|other| other.as_ref().map(|other| result(bench, other)))}
        </section>
    }
}

fn result(bench: Bench, other: &Other) -> AnyView {
    let Some((comparison, names, warnings)) = bench.opened.with(|o| {
        let o = o.as_ref()?;
        let names = (o.run.model(), other.run.model());
        let differ = |what: &str, a: String, b: String| (a != b).then(|| format!("The {what} differ: {a} and {b}."));
        let warnings: Vec<String> = [
            differ("protocols", o.run.protocol(), other.run.protocol()),
            differ("prompts", o.run.prompt(), other.run.prompt()),
        ]
        .into_iter()
        .flatten()
        .collect();
        Some((compare(&o.records, &other.records), names, warnings))
    }) else {
        return ().into_any();
    };
    let all = comparison.all;
    if all.total() == 0 {
        return view! { <p class="quiet">"The two runs have no question in common."</p> }.into_any();
    }
    let row = |label: &str, lang: &'static str, p: &Paired| difference::Row {
        label: label.into(),
        lang,
        both: p.both_right,
        only_first: p.only_first,
        only_second: p.only_second,
        neither: p.both_wrong,
    };
    let mut rows: Vec<difference::Row> = comparison.languages.iter().map(|(l, p)| row(l.own_name(), l.code(), p)).collect();
    rows.push(row("All questions", "", &all));
    let interval = all
        .difference_interval(ALPHA)
        .map(|i| format!(" (95 % interval {:+.1} to {:+.1})", i.low * 100.0, i.high * 100.0));
    let words = format!(
        "On {} in common, {} is {:+.1} points{} against {}. McNemar’s test: exact p = {:.3}, mid-p = {:.3}.",
        count(all.total(), "question", "questions"),
        names.0,
        all.difference().unwrap_or(0.0) * 100.0,
        interval.unwrap_or_default(),
        names.1,
        all.exact_p(),
        all.mid_p()
    );
    let legend = format!("Left: only {} is right. Right: only {} is right.", names.0, names.1);
    let differ = comparison.differ.iter().take(50).map(|&place| {
        let text = bench.opened.with(|o| {
            o.as_ref().and_then(|o| {
                let line = o.records.get(place)?;
                Some((
                    o.question(line).map_or(line.id.clone(), |q| q.question.clone()),
                    line.correct == Some(true),
                    line.language.code(),
                ))
            })
        });
        let (text, first, lang) = text.unwrap_or_default();
        let who = format!("only {} is right", if first { &names.0 } else { &names.1 });
        view! {
            <li><button type="button" class="miss" on:click=move |_| bench.question.set(Some(place))>
                <span class="miss-text" lang=lang>{text}</span><span class="quiet">{who}</span>
            </button></li>
        }
        .into_any()
    });
    let differ = differ.collect::<Vec<_>>();
    view! {
        <p data-testid="bench-compare-result">{words}</p>
        {warnings.into_iter().map(|w| view! { <p class="refusal">{w}" The numbers are of different experiments."</p> }).collect_view()}
        <div inner_html=difference::difference(&rows)></div>
        <p class="small quiet">{legend}</p>
        <details class="more"><summary>{format!("Where they differ ({})", comparison.differ.len())}</summary><ul class="misses">{differ}</ul></details>
    }
    .into_any()
}

//! Another run beside this one, question by question. The numbers are `mmedbench::report::compare`'s.

use leptos::prelude::*;
use mmedbench::Language;
use mmedbench::report::compare::{Comparison, Differing, PairedRow};

use super::questions::Pager;
use crate::benchmark::Bench;
use crate::charts::difference;
use crate::text::{count, when};

const PER_PAGE: usize = 20;

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
    let result = move || {
        bench.other.with(|other| {
            Some(match &other.as_ref()?.comparison {
                Ok(comparison) => result(bench, comparison),
                Err(why) => view! { <p class="refusal" role="status" data-testid="bench-compare-refusal">{format!("The two do not compare: {why}.")}</p> }
                    .into_any(),
            })
        })
    };
    view! {
        <section class="block" class:is-hidden=alone data-testid="bench-compare">
            <h2 class="section-title">"Compare with another run"</h2>
            <select class="field" aria-label="Another run" data-testid="bench-compare-with" on:change=move |event| bench.compare(event_target_value(&event))>
                <option value="">"None"</option>
                {options}
            </select>
            {result}
        </section>
    }
}

fn result(bench: Bench, comparison: &Comparison) -> AnyView {
    let (first, second) = (comparison.first.model.clone(), comparison.second.model.clone());
    let names = if first == second {
        ("this run".to_string(), "the other run".to_string())
    } else {
        (first, second)
    };
    let all = &comparison.all;
    let row = |label: &str, lang: &'static str, row: &PairedRow| difference::Row {
        label: label.into(),
        lang,
        both: row.counts.both_right,
        only_first: row.counts.only_first,
        only_second: row.counts.only_second,
        neither: row.counts.both_wrong,
    };
    let of_language = |paired: &PairedRow| match Language::parse(&paired.name) {
        Some(language) => row(language.own_name(), language.code(), paired),
        None => row(&paired.name, "", paired),
    };
    let mut rows: Vec<difference::Row> = comparison.languages.iter().map(of_language).collect();
    rows.push(row("All questions", "", all));
    let words = format!(
        "On {} in common, {} is {:+.1} points (95 % interval {:+.1} to {:+.1}) against {}. McNemar’s test: exact p = {:.3}, mid-p = {:.3}.",
        count(all.n, "question", "questions"),
        names.0,
        all.difference * 100.0,
        all.interval.low * 100.0,
        all.interval.high * 100.0,
        names.1,
        all.exact_p,
        all.mid_p
    );
    let left_out = comparison.only_first + comparison.only_second;
    let left_out = (left_out > 0).then(|| {
        format!(
            " Left out: {} that only the first answered, {} that only the second did.",
            count(comparison.only_first, "question", "questions"),
            comparison.only_second
        )
    });
    let legend = format!("Left: only {} is right. Right: only {} is right.", names.0, names.1);
    let settings = comparison.settings.iter().map(|s| view! { <li>{s.clone()}</li> }.into_any());
    let settings = settings.collect::<Vec<_>>();
    let settings = (!settings.is_empty()).then(|| {
        view! {
            <div class="notes" data-testid="bench-compare-settings">
                <h3>"The difference may come from any of these, in which the runs differ"</h3>
                <ul>{settings}</ul>
            </div>
        }
    });
    // Where both are wrong in different ways nobody is better.
    let differ: Vec<Differing> = comparison
        .differing
        .iter()
        .filter(|d| d.first_correct != d.second_correct)
        .cloned()
        .collect();
    view! {
        <p data-testid="bench-compare-result">{words}{left_out}</p>
        {settings}
        <div inner_html=difference::difference(&rows)></div>
        <p class="small quiet">{legend}</p>
        <details class="more"><summary>{format!("Where they differ ({})", differ.len())}</summary><Differ bench names differ /></details>
    }
    .into_any()
}

/// Questions that only one of the two got right, a page at a time.
#[component]
fn Differ(bench: Bench, names: (String, String), differ: Vec<Differing>) -> impl IntoView {
    let page = RwSignal::new(0usize);
    let pages = differ.len().div_ceil(PER_PAGE).max(1);
    let item = move |differing: &Differing| {
        let text = bench.opened.with_untracked(|o| {
            let question = o.as_ref().and_then(|o| o.asked.question(&differing.question_hash));
            question.map_or(differing.id.clone(), |q| q.question.clone())
        });
        let who = format!("only {} is right", if differing.first_correct { &names.0 } else { &names.1 });
        let (place, lang) = (differing.place, differing.language.code());
        view! {
            <li><button type="button" class="miss" on:click=move |_| bench.question.set(Some(place))>
                <span class="miss-text" lang=lang>{text}</span><span class="quiet">{who}</span>
            </button></li>
        }
        .into_any()
    };
    let shown = move || {
        let from = page.get().min(pages - 1) * PER_PAGE;
        differ.iter().skip(from).take(PER_PAGE).map(&item).collect::<Vec<_>>()
    };
    view! {
        <ul class="misses">{shown}</ul>
        <Pager pages=Signal::derive(move || pages) page />
    }
}

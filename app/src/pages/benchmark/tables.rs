//! Everything else that a report holds, as its tables: sources, how answers were read, lm-evaluation-harness's measures, rationales, and published
//! results beside them.

use leptos::prelude::*;
use mmedbench::report::{Table, more_tables};

use crate::benchmark::{Bench, Written, writes};

/// Tables of at most so many rows are open.
const SHORT: usize = 13;

#[component]
pub fn Tables() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let tables = Memo::new(move |_| {
        let Some(report) = bench.report.get() else { return Vec::new() };
        let mut report = (*report).clone();
        if let Written::Known(Ok(rationales)) = bench.rationales.get() {
            report.rationales = Some(rationales);
        }
        more_tables(&report, None)
    });
    // A table that is there stays as it was opened while its numbers change.
    let titles = Memo::new(move |_| tables.with(|all| all.iter().map(|table| table.title.clone()).collect::<Vec<String>>()));
    let one = move |title: String| {
        let short = tables.with_untracked(|all| all.iter().any(|table| table.title == title && table.rows.len() <= SHORT));
        let name = title.clone();
        let body = {
            let title = title.clone();
            move || tables.with(|all| all.iter().find(|table| table.title == title).map(table))
        };
        view! {
            <details class="more" open=short>
                <summary>{title}</summary>
                <div class="table-wrap" tabindex="0" role="region" aria-label=name>{body}</div>
            </details>
        }
    };
    view! {
        <Rationales />
        <section class="block" class:is-hidden=move || titles.with(Vec::is_empty) data-testid="bench-tables">
            <h2 class="section-title">"More numbers"</h2>
            <div><For each=move || titles.get() key=String::clone children=one /></div>
        </section>
    }
}

fn table(table: &Table) -> AnyView {
    let head = table
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| match (place, column.as_str()) {
            // A column without a heading is the rows' own names.
            (0, "") => view! { <td></td> }.into_any(),
            _ => view! { <th scope="col">{column.clone()}</th> }.into_any(),
        });
    let head = head.collect::<Vec<_>>();
    let row = |cells: &Vec<String>| {
        let mine = cells[0].starts_with("this run");
        let cells = cells.iter().enumerate().map(|(place, cell)| match place {
            0 => view! { <th scope="row">{cell.clone()}</th> }.into_any(),
            _ => view! { <td>{cell.clone()}</td> }.into_any(),
        });
        view! { <tr class:is-mean=mine>{cells.collect::<Vec<_>>()}</tr> }.into_any()
    };
    let rows = table.rows.iter().map(row).collect::<Vec<_>>();
    view! { <table class="bench-scores is-dense"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table> }.into_any()
}

/// Of a run that wrote its answers: the button that compares them with the stored rationales. Their scores are tables.
#[component]
fn Rationales() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let asks = Memo::new(move |_| bench.opened.with(|o| o.as_ref().is_some_and(|o| writes(&o.run) && o.run.done > 0)));
    move || {
        asks.get().then(|| {
            let body = match bench.rationales.get() {
                Written::NotAsked => view! {
                    <button type="button" class="button" data-testid="bench-rationales" on:click=move |_| bench.score_rationales()>
                        "Compare with the stored rationales"
                    </button>
                }
                .into_any(),
                Written::Working => view! { <p class="quiet" role="status">"Comparing …"</p> }.into_any(),
                Written::Known(Ok(_)) => view! { <p class="quiet">"BLEU, ROUGE and others are among the numbers below, beside the published ones. BERTScore is the command line’s (mmedkit report)."</p> }
                    .into_any(),
                Written::Known(Err(why)) => view! { <p class="quiet">{format!("There are no rationale scores: {why}.")}</p> }.into_any(),
            };
            view! { <section class="block"><h2 class="section-title">"Rationales"</h2>{body}</section> }
        })
    }
}

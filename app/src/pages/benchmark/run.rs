//! One run: how far it is, its numbers, its questions, and another run beside it. The same view while it runs and afterwards.

use leptos::prelude::*;

use super::compare::Compare;
use super::numbers::{Calibrated, Notes, Scores};
use super::progress::Progress;
use super::published::Published;
use super::questions::Questions;
use super::tables::Tables;
use crate::benchmark::Bench;
use crate::benchmark::store::StoredRun;
use crate::text::{count, when};

#[component]
pub fn RunView() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let run = Memo::new(move |_| bench.opened.with(|o| o.as_ref().map(|o| o.run.clone())));
    let of = move |f: fn(&StoredRun) -> String| move || run.with(|r| r.as_ref().map(f).unwrap_or_default());
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
            <Scores />
            <Notes />
            <Published />
            <Calibrated />
            <Tables />
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
        all.push(("Begin token", e.begin_token.name().into()));
        all.push(("Order of options", e.option_order.clone()));
        all.push(("Longest text", format!("{} tokens", e.context_length)));
        all.extend(e.max_tokens.map(|n| ("Longest answer", format!("{n} tokens"))));
        all.push((
            "Data",
            format!(
                "{}, {}, {}, {} unreadable",
                e.data.name,
                count(e.data.questions as usize, "question", "questions"),
                e.data.hash,
                count(e.data.unreadable_lines as usize, "line", "lines")
            ),
        ));
    }
    let rows = all
        .into_iter()
        .map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }.into_any())
        .collect::<Vec<_>>();
    view! { <dl class="facts">{rows}</dl> }.into_any()
}

//! The numbers that a run is about: accuracy by language, calibration, and what must be known before they are compared.

use leptos::prelude::*;
use mmedbench::Protocol;
use mmedbench::report::Row;
use mmedbench::statistics::calibration::BINS;

use crate::benchmark::Bench;
use crate::charts::reliability;
use crate::text::{count, percent};

/// Accuracy by language, with the parts that say more than the whole.
#[component]
pub fn Scores() -> impl IntoView {
    let bench = expect_context::<Bench>();
    move || {
        let report = bench.report.get()?;
        let unread = report.unread > 0;
        let row = |label: String, lang: &'static str, row: &Row, kind: &'static str| {
            view! {
                <tr class=kind data-language=(kind != "is-part").then_some(lang)>
                    <th scope="row" lang=(kind.is_empty()).then_some(lang)>{label}</th>
                    <td>{format!("{}/{}", row.correct, row.n)}</td>
                    <td>{percent(row.accuracy)}</td>
                    <td>{format!("{:.1}–{:.1} %", row.wilson.low * 100.0, row.wilson.high * 100.0)}</td>
                    <td class="is-wide">{row.chance.map_or("–".to_string(), percent)}</td>
                    {unread.then(|| view! { <td>{row.unread}</td> })}
                </tr>
            }
            .into_any()
        };
        let mut rows: Vec<AnyView> = Vec::new();
        for of_language in &report.languages {
            let Some(language) = of_language.language else { continue };
            rows.push(row(language.own_name().into(), language.code(), of_language, ""));
            for part in report.parts.iter().filter(|part| part.language == Some(language)) {
                let name = part.name.split_once(", ").map_or(part.name.as_str(), |(_, name)| name);
                rows.push(row(name.into(), language.code(), part, "is-part"));
            }
        }
        rows.push(row("All questions".into(), "", &report.all, "is-mean"));
        let mean = report.macro_mean.as_ref().map(|mean| {
            let interval = mean.interval.map(|i| format!(" ({:.1}–{:.1})", i.low * 100.0, i.high * 100.0));
            format!(
                "Plain mean over the languages, as papers state it: {:.1} %{}. ",
                mean.accuracy * 100.0,
                interval.unwrap_or_default()
            )
        });
        Some(view! {
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
                    {mean}
                    "Intervals of rows are Wilson’s. Several right answers count only if all of them, and no other, are given."
                </p>
            </section>
        })
    }
}

/// What the report warns of, and what this browser knows of the questions.
#[component]
pub fn Notes() -> impl IntoView {
    let bench = expect_context::<Bench>();
    // Of all questions of the run, which do not change.
    let equal = Memo::new(move |_| {
        bench.opened.with(|o| {
            let plan = o.as_ref().and_then(|o| o.asked.plan().cloned())?;
            let by_text = plan.settings.protocol == Protocol::Loglik;
            let equal = plan.questions().iter().filter(|q| q.equal_options().is_some()).count();
            (by_text && equal > 0).then_some(equal)
        })
    });
    move || {
        let mut notes = bench.report.get()?.warnings.clone();
        notes.extend(equal.get().map(|n| {
            format!(
                "{} with two options of the same text: by their texts they tie, and the first one counts.",
                count(n, "question", "questions")
            )
        }));
        let notes = notes
            .into_iter()
            .map(|note| view! { <li>{note}</li> }.into_any())
            .collect::<Vec<_>>();
        (!notes.is_empty()).then(|| {
            view! {
                <section class="notes" aria-labelledby="bench-notes-title" data-testid="bench-notes">
                    <h2 id="bench-notes-title">"Before you compare"</h2>
                    <ul>{notes}</ul>
                </section>
            }
        })
    }
}

/// The reliability diagram.
#[component]
pub fn Calibrated() -> impl IntoView {
    let bench = expect_context::<Bench>();
    move || {
        let report = bench.report.get()?;
        let calibration = report.calibration.as_ref()?;
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
            "Of answers that the model is 80 % sure of, 80 % should be right: on the dashed line. Its mean distance from the line (expected calibration error, {BINS} bins, \
             {} with one right answer) is {:.1} points.",
            count(calibration.n, "question", "questions"),
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

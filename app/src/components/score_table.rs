//! Student and model side by side, per language.

use leptos::prelude::*;
use mmedbench::Language;
use mmedbench::summary::{Score, Tally};

use crate::text::percent;

#[component]
pub fn ScoreTable(rows: Vec<(Language, Score)>) -> impl IntoView {
    let cell = |tally: Tally, class: &'static str| {
        let share = tally.share();
        view! {
            <td>
                <span class="cell">
                    <span class="bar" aria-hidden="true">
                        <span class=format!("bar-fill {class}") style:width=format!("{:.1}%", share.unwrap_or(0.0) * 100.0)></span>
                    </span>
                    <span class="cell-number">
                        {share.map_or("–".to_string(), |share| format!("{} ({}/{})", percent(share), tally.correct, tally.total))}
                    </span>
                </span>
            </td>
        }
    };
    let rows = rows
        .into_iter()
        .map(|(language, score)| {
            view! {
                <tr>
                    <th scope="row">{language.own_name()}</th>
                    {cell(score.student, "of-student")}
                    {cell(score.model, "of-model")}
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-wrap">
            <table class="scores">
                <thead>
                    <tr>
                        <th scope="col">"Language"</th>
                        <th scope="col">"You"</th>
                        <th scope="col">"Model"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

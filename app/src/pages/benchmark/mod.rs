//! Benchmark: a form and the runs of this browser, or one run with its table, charts and questions.

mod compare;
mod form;
mod numbers;
mod progress;
mod published;
mod questions;
mod run;
mod runs;
mod tables;

use leptos::prelude::*;

use crate::benchmark::Bench;
use crate::late::Lasting;

#[component]
pub fn BenchmarkPage() -> impl IntoView {
    let bench = Lasting::context(Bench::of_shell);
    bench.list();
    let opened = Memo::new(move |_| bench.opened.with(|o| o.as_ref().map(|o| o.run.id.clone())));
    move || match (opened.get(), bench.question.get()) {
        (None, _) => view! { <form::Form /> }.into_any(),
        (Some(_), Some(place)) => view! { <questions::OneQuestion place /> }.into_any(),
        (Some(_), None) => view! { <run::RunView /> }.into_any(),
    }
}

//! Rating rationales: a form and the ratings of this browser, the sheets one after the other, and when all is judged what was said.

mod form;
mod result;
mod sheet;

use leptos::prelude::*;

use crate::benchmark::Bench;
use crate::late::Lasting;
use crate::rating::Rate;

#[component]
pub fn RatingPage() -> impl IntoView {
    let bench = Lasting::context(Bench::of_shell);
    let rate = Lasting::context(|| Rate::new(bench, expect_context()));
    rate.list();
    // The sheet that is shown, by what is left; a new one is a new view.
    let left = Memo::new(move |_| rate.opened.with(|o| o.as_ref().map(|o| o.left.len())));
    move || match left.get() {
        None => view! { <form::Form /> }.into_any(),
        Some(0) => view! { <result::Result /> }.into_any(),
        Some(_) => view! { <sheet::OneSheet /> }.into_any(),
    }
}

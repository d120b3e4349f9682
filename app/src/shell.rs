//! What surrounds every page: header with the model's state, notices, footer. Starts what the pages share.

use leptos::prelude::*;

use crate::components::errors::Errors;
use crate::components::model_chip::ModelChip;
use crate::components::theme::ThemeToggle;
use crate::engine::{Engine, Wanted};
use crate::late::{Lasting, Late};
use crate::library::Library;
use crate::notices::Notices;
use crate::pages::{about::AboutPage, history::HistoryPage, models::ModelsPage, quiz::QuizPage};
use crate::quiz::Quiz;
use crate::route::{Route, use_route};

#[component]
pub fn Shell() -> impl IntoView {
    let notices = Notices::new();
    let engine = Engine::new(notices);
    let library = Library::new(notices);
    provide_context(notices);
    provide_context(engine);
    provide_context(library);
    provide_context(Quiz::new(engine, library, notices));
    provide_context(Lasting::here());
    let route = use_route();

    // The demo model is asked for only after the page has been painted: the second frame comes after the first one's pixels.
    request_animation_frame(move || {
        request_animation_frame(move || engine.load(Wanted::demo()));
    });

    Effect::new(move || document().set_title(&format!("{} · mmedkit", route.get().title())));
    let main = NodeRef::<leptos::html::Main>::new();
    let skip = move |_| {
        if let Some(main) = main.get_untracked() {
            // A main element can always take the focus here: it has a tabindex.
            let _ = main.focus();
        }
    };
    let link = move |to: Route| {
        view! {
            <a class="nav-link" href=to.href() aria-current=move || (route.get() == to || (to, route.get()) == (Route::Benchmark, Route::Rating)).then_some("page")>
                {to.title()}
            </a>
        }
    };

    view! {
        <button type="button" class="skip" on:click=skip>"Skip to content"</button>
        <header class="top">
            <div class="top-inner">
                <a class="brand" href=Route::Quiz.href() aria-label="mmedkit, to the quiz">
                    <span class="brand-mark" aria-hidden="true">"m"</span>
                    "mmedkit"
                </a>
                <nav class="nav" aria-label="Pages">{Route::HEADER.map(link)}</nav>
                <div class="top-end">
                    <ModelChip />
                    <ThemeToggle />
                </div>
            </div>
        </header>
        <Errors />
        <main class="main" tabindex="-1" node_ref=main>
            {move || match route.get() {
                Route::Quiz => view! { <QuizPage /> }.into_any(),
                Route::Benchmark => view! { <Late which=|pages| pages.benchmark /> }.into_any(),
                Route::Rating => view! { <Late which=|pages| pages.rating /> }.into_any(),
                Route::Models => view! { <ModelsPage /> }.into_any(),
                Route::History => view! { <HistoryPage /> }.into_any(),
                Route::About => view! { <AboutPage /> }.into_any(),
            }}
        </main>
        <footer class="foot">
            <p>"For learning, not for medical use. Everything runs in this browser; nothing you answer leaves it."</p>
        </footer>
    }
}

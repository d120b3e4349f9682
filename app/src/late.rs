//! What is loaded later: the pages that the first paint does not need travel as a module of their own, fetched when one of them is opened.
//!
//! `cargo xtask` cuts that module out of the app (`crates/xtask/src/late_module.rs`); in a plain build nothing is cut, and the same code calls straight in.

use leptos::prelude::*;
use wasm_split_helpers::SplitLoaderError;

use crate::pages::benchmark::BenchmarkPage;
use crate::pages::rating::RatingPage;

/// Makes a page's view; called again at every visit.
pub type Page = fn() -> AnyView;

/// The pages of the late module.
#[derive(Clone, Copy)]
pub struct Pages {
    pub benchmark: Page,
    pub rating: Page,
}

/// Everything reachable from here, and from nothing else, is in the late module.
#[cfg_attr(late_module, wasm_split_helpers::wasm_split(benchmark, fallible))]
fn pages() -> Result<Pages, SplitLoaderError> {
    Ok(Pages {
        benchmark: || view! { <BenchmarkPage /> }.into_any(),
        rating: || view! { <RatingPage /> }.into_any(),
    })
}

#[cfg(late_module)]
async fn fetch() -> Result<Pages, SplitLoaderError> {
    pages().await
}

#[cfg(not(late_module))]
async fn fetch() -> Result<Pages, SplitLoaderError> {
    pages()
}

/// Where what a late page keeps between visits belongs: to the shell, which outlives every page.
#[derive(Clone)]
pub struct Lasting(Owner);

impl Lasting {
    /// Belonging to what runs now.
    pub fn here() -> Lasting {
        Lasting(Owner::current().expect("the shell runs under an owner"))
    }

    /// The context of this type; made at the first visit.
    pub fn context<T: Clone + Send + Sync + 'static>(make: impl FnOnce() -> T) -> T {
        use_context::<T>().unwrap_or_else(|| {
            expect_context::<Lasting>().0.with(|| {
                let made = make();
                provide_context(made.clone());
                made
            })
        })
    }
}

#[derive(Clone, Copy)]
enum State {
    Fetching,
    There(Pages),
    Failed,
}

/// One of the pages, as soon as the module is there.
#[component]
pub fn Late(which: fn(Pages) -> Page) -> impl IntoView {
    let state = RwSignal::new(State::Fetching);
    let load = move || {
        state.set(State::Fetching);
        leptos::task::spawn_local(async move {
            let result = fetch().await;
            // The page may have been left meanwhile.
            state.try_set(result.map_or(State::Failed, State::There));
        });
    };
    load();
    move || {
        match state.get() {
        State::There(pages) => which(pages)(),
        State::Fetching => view! { <p class="quiet" role="status">"Loading the page …"</p> }.into_any(),
        State::Failed => view! {
            <section class="block" role="alert">
                <p class="refusal">"This part of the app could not be loaded. It is fetched from the same place as the page itself: is the network there?"</p>
                <div class="panel-row"><button type="button" class="button" on:click=move |_| load()>"Try again"</button></div>
            </section>
        }
        .into_any(),
    }
    }
}

//! Pages by the address's hash (`#/models`), so that the app works from any file host and any sub-path.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Quiz,
    Benchmark,
    Rating,
    Models,
    History,
    About,
}

impl Route {
    pub const ALL: [Route; 6] = [
        Route::Quiz,
        Route::Benchmark,
        Route::Rating,
        Route::Models,
        Route::History,
        Route::About,
    ];
    /// The links in the header; the others are reached from these.
    pub const HEADER: [Route; 5] = [Route::Quiz, Route::Benchmark, Route::Models, Route::History, Route::About];

    pub fn title(self) -> &'static str {
        match self {
            Route::Quiz => "Quiz",
            Route::Benchmark => "Benchmark",
            Route::Rating => "Rate rationales",
            Route::Models => "Models",
            Route::History => "History",
            Route::About => "About",
        }
    }

    pub fn href(self) -> &'static str {
        match self {
            Route::Quiz => "#/",
            Route::Benchmark => "#/benchmark",
            Route::Rating => "#/rating",
            Route::Models => "#/models",
            Route::History => "#/history",
            Route::About => "#/about",
        }
    }

    /// An unknown hash is the quiz.
    fn from_hash(hash: &str) -> Route {
        Route::ALL.into_iter().find(|route| route.href() == hash).unwrap_or(Route::Quiz)
    }
}

fn current() -> Route {
    Route::from_hash(&window().location().hash().unwrap_or_default())
}

/// The page of the address, now and whenever it changes.
pub fn use_route() -> ReadSignal<Route> {
    let (route, set_route) = signal(current());
    let listener = Closure::<dyn FnMut()>::new(move || {
        set_route.set(current());
        window().scroll_to_with_x_and_y(0.0, 0.0);
    });
    // Listens as long as the page lives, like the shell that calls this once.
    let _ = window().add_event_listener_with_callback("hashchange", listener.as_ref().unchecked_ref());
    listener.forget();
    route
}

/// Goes to a page.
pub fn go(route: Route) {
    let _ = window().location().set_hash(route.href());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_by_its_address() {
        for route in Route::ALL {
            assert_eq!(Route::from_hash(route.href()), route);
        }
        assert_eq!(Route::from_hash(""), Route::Quiz);
        assert_eq!(Route::from_hash("#/nowhere"), Route::Quiz);
    }
}

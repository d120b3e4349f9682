//! What went wrong, in plain words, with a way on. Shown at the top of every page (`data-testid="error"`), until it is dismissed or solved.
//!
//! What must hold: one notice per cause ([`Topic`]): a new one replaces the old, and success clears it.

use leptos::prelude::*;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Model,
    Scoring,
    Questions,
    History,
    Benchmark,
    Rating,
}

/// A way on that a notice offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    LoadAgain,
    UseCpu,
    LoadDemo,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub topic: Topic,
    pub title: String,
    /// Lines under the title, at most a few dozen.
    pub details: Vec<String>,
    pub remedies: Vec<Remedy>,
}

/// All notices.
#[derive(Clone, Copy)]
pub struct Notices(RwSignal<Vec<Notice>>);

impl Notices {
    pub fn new() -> Notices {
        Notices(RwSignal::new(Vec::new()))
    }

    pub fn show(self, notice: Notice) {
        self.0.update(|all| {
            all.retain(|n| n.topic != notice.topic);
            all.push(notice);
        });
    }

    /// A notice without a list and without remedies.
    pub fn say(self, topic: Topic, title: impl Into<String>) {
        self.show(Notice {
            topic,
            title: title.into(),
            details: Vec::new(),
            remedies: Vec::new(),
        });
    }

    pub fn clear(self, topic: Topic) {
        if self.0.with_untracked(|all| all.iter().any(|n| n.topic == topic)) {
            self.0.update(|all| all.retain(|n| n.topic != topic));
        }
    }

    pub fn get(self) -> Vec<Notice> {
        self.0.get()
    }
}

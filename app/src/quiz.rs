//! Drives one run: from the start through answers, the model's scores and explanations to the result.
//!
//! What must hold: every change of the session is stored (`save`), one write after the other; the model is asked one question at a time,
//! the one on the screen first; a model's failure never touches the student's answers.

use std::collections::{BTreeMap, BTreeSet};

use leptos::leptos_dom::helpers::IntervalHandle;
use leptos::prelude::*;
use mmedbench::extract::rationale_text;
use mmedbench::{Language, Question};
use worker::client::Canceller;

use crate::engine::Engine;
use crate::library::{Choice, Library};
use crate::notices::{Notices, Topic};
use crate::pick::pick;
use crate::session::{Mode, Session};
use crate::storage::idb::{self, Store};

/// Questions after the one on the screen that the model answers ahead.
const AHEAD: usize = 2;

/// What the setup form asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    pub choice: Choice,
    pub languages: Vec<Language>,
    pub count: usize,
    pub mode: Mode,
    pub seconds_per_question: u32,
}

/// The text that the model writes now, or wrote last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Writing {
    pub index: Option<usize>,
    pub text: String,
    pub running: bool,
}

#[derive(Clone, Copy)]
pub struct Quiz {
    pub session: RwSignal<Option<Session>>,
    pub writing: RwSignal<Writing>,
    /// Of a finished run: a question is looked at again.
    pub reviewing: RwSignal<bool>,
    /// Of an exam: seconds left.
    pub time_left: RwSignal<f64>,
    pub engine: Engine,
    library: Library,
    notices: Notices,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    /// Whether this run was taken now (and not just opened from history).
    live: bool,
    asking: bool,
    unanswerable: BTreeSet<usize>,
    saving: bool,
    /// Runs to be stored, by id, as JSON.
    unsaved: BTreeMap<String, String>,
    shown_at: f64,
    writer: Option<(u32, Canceller)>,
    writings: u32,
    ticker: Option<IntervalHandle>,
}

impl Quiz {
    pub fn new(engine: Engine, library: Library, notices: Notices) -> Quiz {
        let quiz = Quiz {
            session: RwSignal::new(None),
            writing: RwSignal::new(Writing::default()),
            reviewing: RwSignal::new(false),
            time_left: RwSignal::new(0.0),
            engine,
            library,
            notices,
            inner: StoredValue::new_local(Inner::default()),
        };
        // A model that becomes ready in the middle of a run catches up.
        Effect::new(move || {
            if engine.is_ready() {
                quiz.ask_model();
                quiz.explain_if_due();
            }
        });
        quiz
    }

    /// Draws questions and begins.
    pub async fn start(self, setup: Setup) {
        let title = self.library.title(&setup.choice);
        let pool = match self.library.questions(&setup.choice, &setup.languages).await {
            Ok(pool) => pool,
            Err(problem) => return self.notices.say(Topic::Questions, format!("{problem}.")),
        };
        let seed = (js_sys::Math::random() * 9e15) as u64;
        let questions = pick(&pool, &setup.languages, setup.count, seed);
        self.begin(questions, setup.mode, seed, title, setup.seconds_per_question);
    }

    /// Begins with these questions, in this order.
    pub fn begin(self, questions: Vec<Question>, mode: Mode, seed: u64, title: String, seconds_per_question: u32) {
        if questions.is_empty() {
            return self
                .notices
                .say(Topic::Questions, "There are no questions in the chosen languages.");
        }
        let started = String::from(js_sys::Date::new_0().to_iso_string());
        let id = format!("{}-{seed:013x}", started.replace([':', '.'], "-"));
        let limit = (mode == Mode::Exam).then(|| seconds_per_question * questions.len() as u32);
        let session = Session::new(id, started, mode, seed, title, questions, limit);
        self.open(session, true);
        self.save();
    }

    /// Shows a run: a new one, one to be gone on with, or a finished one to look at.
    pub fn open(self, session: Session, live: bool) {
        self.leave();
        self.reviewing.set(false);
        self.time_left.set(session.time_left);
        let ticking = session.mode == Mode::Exam && !session.finished;
        self.inner.update_value(|i| {
            i.live = live;
            i.unanswerable.clear();
            i.shown_at = js_sys::Date::now();
        });
        self.session.set(Some(session));
        if ticking {
            self.start_clock();
        }
        self.ask_model();
    }

    /// Back to the form. The run stays in history.
    pub fn leave(self) {
        self.stop_writing();
        if let Some(ticker) = self.inner.try_update_value(|i| i.ticker.take()).flatten() {
            ticker.clear();
        }
        if self.session.with_untracked(|s| s.as_ref().is_some_and(|s| !s.finished)) {
            self.note_time();
            self.save();
        }
        self.session.set(None);
        self.notices.clear(Topic::Scoring);
    }

    pub fn toggle(self, letter: char) {
        if self.change(|s| s.toggle(letter)) {
            self.save();
        }
    }

    /// In practice: makes the choice the answer and shows what is right.
    pub fn submit(self) {
        self.note_time();
        if self.change(Session::submit) {
            self.save();
            self.ask_model();
            self.explain_if_due();
        }
    }

    /// To the next question, or to the result after the last.
    pub fn next(self) {
        let Some((position, len, finished)) = self
            .session
            .with_untracked(|s| s.as_ref().map(|s| (s.position, s.len(), s.finished)))
        else {
            return;
        };
        if position + 1 < len {
            self.go_to(position + 1);
        } else if !finished {
            self.finish();
        }
    }

    /// Whether the model is at work on an answer.
    pub fn is_asking(self) -> bool {
        self.inner.with_value(|i| i.asking)
    }

    pub fn go_to(self, index: usize) {
        self.note_time();
        let moved = self.change(|s| {
            let allowed = index != s.position && index <= s.furthest();
            if allowed {
                s.position = index;
            }
            allowed
        });
        if moved {
            self.stop_writing();
            self.save();
            self.ask_model();
            self.explain_if_due();
        }
    }

    /// Looks at a question of a finished run.
    pub fn review(self, index: usize) {
        self.go_to(index);
        self.reviewing.set(true);
    }

    /// To the result. In practice, questions that were not reached are left out of the run.
    pub fn finish(self) {
        self.note_time();
        self.stop_writing();
        if let Some(ticker) = self.inner.try_update_value(|i| i.ticker.take()).flatten() {
            ticker.clear();
        }
        self.change(|s| {
            if s.mode == Mode::Practice {
                let answered: Vec<bool> = s.entries.iter().map(|e| e.answer.is_some()).collect();
                let mut keep = answered.iter();
                s.questions.retain(|_| *keep.next().unwrap_or(&false));
                s.entries.retain(|e| e.answer.is_some());
                // Places have changed, and what could not be asked is tried once more.
                self.inner.update_value(|i| i.unanswerable.clear());
            }
            s.position = 0;
            s.finished = true;
            true
        });
        if self.session.with_untracked(|s| s.as_ref().is_some_and(|s| s.questions.is_empty())) {
            // Nothing was answered: nothing to show, nothing to keep.
            let id = self.session.with_untracked(|s| s.as_ref().map(|s| s.id.clone()));
            self.session.set(None);
            if let Some(id) = id {
                self.inner.update_value(|i| {
                    i.unsaved.remove(&id);
                });
                leptos::task::spawn_local(async move {
                    // If this fails, an empty run stays in the history, where it can be deleted.
                    let _ = idb::delete(&[Store::Runs], &id).await;
                });
            }
            return;
        }
        self.save();
        self.ask_model();
    }

    /// Stops the explanation; what was written stays.
    pub fn stop_writing(self) {
        let Some((_, canceller)) = self.inner.try_update_value(|i| i.writer.take()).flatten() else {
            return;
        };
        canceller.cancel();
        self.keep_writing();
    }

    /// Writes the explanation of the question on the screen (again).
    pub fn write_again(self) {
        self.stop_writing();
        self.change(|s| {
            s.entries[s.position].explanation = None;
            true
        });
        self.explain_if_due();
    }

    fn explain_if_due(self) {
        let due = self.session.with_untracked(|s| {
            let s = s.as_ref()?;
            let due = !s.finished && s.is_revealed(s.position) && s.entry().explanation.is_none();
            due.then(|| (s.position, s.question().clone()))
        });
        let Some((index, question)) = due else { return };
        let busy = self.inner.with_value(|i| i.writer.is_some());
        if busy
            || !self
                .engine
                .state
                .with_untracked(|s| matches!(s, crate::engine::ModelState::Ready { .. }))
        {
            return;
        }
        let number = self.inner.try_update_value(|i| {
            i.writings += 1;
            i.writings
        });
        let number = number.unwrap_or_default();
        let current = move || self.inner.with_value(|i| i.writer.as_ref().is_some_and(|(n, _)| *n == number));
        self.writing.set(Writing {
            index: Some(index),
            text: String::new(),
            running: true,
        });
        let pending = self.engine.explain(&question, move |piece| {
            if current() {
                self.writing.update(|w| w.text += &piece);
            }
        });
        let pending = match pending {
            Ok(pending) => pending,
            Err(failure) => {
                self.writing.set(Writing::default());
                return self.engine.failed_at_work(failure);
            }
        };
        self.inner.update_value(|i| i.writer = Some((number, pending.canceller())));
        leptos::task::spawn_local(async move {
            let result = pending.await;
            if !current() {
                return;
            }
            self.inner.update_value(|i| i.writer = None);
            if let Ok(generated) = &result {
                self.writing.update(|w| w.text = generated.text.clone());
            }
            self.keep_writing();
            if let Err(failure) = result {
                self.engine.failed_at_work(failure);
            }
        });
    }

    /// Moves what was written into the session.
    fn keep_writing(self) {
        let writing = self.writing.get_untracked();
        self.writing.update(|w| w.running = false);
        let text = rationale_text(&writing.text).to_string();
        if let Some(index) = writing.index.filter(|_| writing.running && !text.is_empty()) {
            self.change(|s| {
                if let Some(entry) = s.entries.get_mut(index) {
                    entry.explanation = Some(text);
                }
                true
            });
            self.save();
        }
    }

    /// Asks the model for the next answer that is wanted, one at a time, until there is none.
    pub fn ask_model(self) {
        let ready = self.engine.model_id().filter(|_| self.inner.with_value(|i| i.live && !i.asking));
        let Some(model) = ready else { return };
        let skip = self.inner.with_value(|i| i.unanswerable.clone());
        let next = self.session.with_untracked(|s| {
            let s = s.as_ref()?;
            let last = if s.finished {
                s.len() - 1
            } else {
                (s.position + AHEAD).min(s.len() - 1)
            };
            let other_model = s.model.as_ref().is_some_and(|m| *m != model);
            let wanted = |i: &usize| !skip.contains(i) && (other_model || s.entries[*i].model.is_none());
            let index = (s.position..=last).find(wanted).or_else(|| (0..s.position).find(wanted))?;
            Some((s.id.clone(), index, s.questions[index].clone(), other_model))
        });
        let Some((id, index, question, other_model)) = next else { return };
        self.change(|s| {
            if other_model {
                // One run, one model: the answers of the one before are asked anew.
                s.entries.iter_mut().for_each(|e| e.model = None);
            }
            let first = s.model.as_ref() != Some(&model);
            s.model = Some(model);
            first
        });
        self.inner.update_value(|i| i.asking = true);
        leptos::task::spawn_local(async move {
            let result = self.engine.answer(&question).await;
            self.inner.update_value(|i| i.asking = false);
            let same = self.session.with_untracked(|s| s.as_ref().is_some_and(|s| s.id == id));
            match result {
                Ok(entry) if same => {
                    self.change(|s| {
                        // A practice that ended meanwhile has fewer questions: find the place again.
                        let place = s.questions.iter().position(|q| q.id == question.id && *q == question);
                        if let Some(place) = place {
                            s.entries[place].model = Some(entry);
                        }
                        place.is_some()
                    });
                    self.save();
                }
                Ok(_) => {}
                Err(failure) => {
                    let go_on = failure.recoverable;
                    self.inner.update_value(|i| {
                        i.unanswerable.insert(index);
                    });
                    self.engine.failed_at_work(failure);
                    if !go_on {
                        // Asked again when a model is ready again.
                        self.inner.update_value(|i| i.unanswerable.clear());
                        return;
                    }
                }
            }
            self.ask_model();
        });
    }

    fn start_clock(self) {
        let tick = move || {
            let left = self.time_left.try_update(|left| {
                *left -= 1.0;
                *left
            });
            if left.is_some_and(|left| left <= 0.0) {
                self.finish();
            }
        };
        if let Ok(handle) = set_interval_with_handle(tick, std::time::Duration::from_secs(1)) {
            self.inner.update_value(|i| i.ticker = Some(handle));
        }
    }

    /// Adds the time on the screen to the question, as long as it is open.
    fn note_time(self) {
        let now = js_sys::Date::now();
        let elapsed = self
            .inner
            .try_update_value(|i| now - std::mem::replace(&mut i.shown_at, now))
            .unwrap_or(0.0);
        let left = self.time_left.get_untracked();
        self.session.update_untracked(|s| {
            if let Some(s) = s.as_mut().filter(|s| !s.finished) {
                s.time_left = left;
                if !s.is_revealed(s.position) {
                    s.entries[s.position].milliseconds += elapsed.max(0.0);
                }
            }
        });
    }

    /// Changes the session; tells the page only if something changed.
    fn change(self, change: impl FnOnce(&mut Session) -> bool) -> bool {
        let mut changed = false;
        self.session.maybe_update(|s| {
            changed = s.as_mut().is_some_and(change);
            changed
        });
        changed
    }

    /// Stores the run as it is now. Calls during a write are made up for by the next one.
    pub fn save(self) {
        let run = self
            .session
            .with_untracked(|s| s.as_ref().map(|s| (s.id.clone(), serde_json::to_string(s))));
        let Some((id, Ok(json))) = run else { return };
        let busy = self.inner.try_update_value(|i| {
            i.unsaved.insert(id, json);
            std::mem::replace(&mut i.saving, true)
        });
        if busy.unwrap_or(true) {
            return;
        }
        leptos::task::spawn_local(async move {
            while let Some((id, json)) = self.inner.try_update_value(|i| i.unsaved.pop_first()).flatten() {
                match idb::put(Store::Runs, &id, &json).await {
                    Ok(()) => self.notices.clear(Topic::History),
                    Err(error) => self.notices.say(
                        Topic::History,
                        format!(
                            "This run cannot be stored in the browser: {}. Export it at the end to keep it.",
                            error.0
                        ),
                    ),
                }
            }
            self.inner.update_value(|i| i.saving = false);
        });
    }
}

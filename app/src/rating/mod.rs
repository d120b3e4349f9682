//! Ratings of rationales in this browser: a study made from the person's own questions and runs, judged blind, kept question by question.
//!
//! `mmedbench::rating` says what a study and its ratings are; here is where they come from and where they stay. What must hold: a judged
//! question is stored before the next one is shown; which source wrote what is not shown before a rater has judged everything.

mod store;

use leptos::prelude::*;
use mmedbench::rating::{RatedQuestion, RatingsHeader, Sheet, Source, Study};
use mmedbench::{Language, Question};

pub use store::{Setup, Stored};

use crate::benchmark::Bench;
use crate::benchmark::store as runs;
use crate::download::save;
use crate::files::read_text;
use crate::library::Choice;
use crate::notices::{Notices, Topic};

/// No file of ratings is larger, in bytes.
const LARGEST: f64 = (64 << 20) as f64;

/// A study that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    pub stored: Stored,
    pub study: Study,
    /// What is still to be judged, in the rater's order.
    pub left: Vec<Sheet>,
    /// The data that it was made from.
    pub questions: Vec<Question>,
}

impl Opened {
    /// The question of a sheet.
    pub fn question(&self, sheet: &Sheet) -> Option<&Question> {
        let hash = &self.study.items.get(sheet.item)?.question_hash;
        self.questions.iter().find(|question| question.hash() == *hash)
    }
}

#[derive(Clone, Copy)]
pub struct Rate {
    pub all: RwSignal<Option<Vec<Stored>>>,
    pub opened: RwSignal<Option<Opened>>,
    pub bench: Bench,
    notices: Notices,
}

impl Rate {
    pub fn new(bench: Bench, notices: Notices) -> Rate {
        Rate {
            all: RwSignal::new(None),
            opened: RwSignal::new(None),
            bench,
            notices,
        }
    }

    fn say(self, problem: impl Into<String>) {
        self.notices.say(Topic::Rating, problem);
    }

    /// Reads what is stored anew.
    pub fn list(self) {
        self.bench.list();
        leptos::task::spawn_local(async move {
            match store::all().await {
                Ok(all) => self.all.set(Some(all)),
                Err(error) => {
                    self.say(format!("The ratings cannot be read: {}.", error.0));
                    self.all.set(Some(Vec::new()));
                }
            }
        });
    }

    fn note(self, stored: &Stored) {
        self.all.update(|all| {
            let all = all.get_or_insert_default();
            match all.iter_mut().find(|other| other.id == stored.id) {
                Some(known) => *known = stored.clone(),
                None => all.push(stored.clone()),
            }
        });
    }

    async fn questions(self, choice: &str) -> Result<Vec<Question>, String> {
        self.bench.library.questions(&Choice::from_key(choice), &Language::ALL).await
    }

    /// The texts that a setup names.
    async fn study(self, setup: &Setup) -> Result<(Study, Vec<Question>), String> {
        let questions = self.questions(&setup.choice).await?;
        let mut sources = Vec::new();
        if setup.stored {
            sources.push(Source::stored(&questions));
        }
        let known = runs::runs().await.map_err(|e| e.0)?;
        for id in &setup.runs {
            let run = known.iter().find(|run| run.id == *id).ok_or("a run of this study was deleted")?;
            let record = runs::record(id).await.map_err(|e| e.0)?;
            // Two runs of one model differ by when they were begun.
            let name = format!("{}, {}, {}", run.model(), run.prompt(), run.header.started);
            sources.push(Source::of_run(&name, &record));
        }
        let study = Study::new(&questions, &sources, setup.seed, setup.most).map_err(|e| e.to_string())?;
        Ok((study, questions))
    }

    /// Begins a study, or goes on with the rater's own record of it.
    pub fn begin(self, setup: Setup, rater: String) {
        leptos::task::spawn_local(async move {
            let (study, questions) = match self.study(&setup).await {
                Ok(made) => made,
                Err(problem) => return self.say(format!("There is nothing to rate: {problem}.")),
            };
            let started = String::from(js_sys::Date::new_0().to_iso_string());
            let software = concat!("mmedkit-app ", env!("CARGO_PKG_VERSION"));
            let header = RatingsHeader::new(&study, &rater, &started, software);
            let fresh = Stored::new(header, Some(setup));
            let stored = store::all()
                .await
                .ok()
                .and_then(|all| all.into_iter().find(|other| other.id == fresh.id));
            self.show(stored.unwrap_or(fresh), study, questions);
        });
    }

    /// Goes on with stored ratings, or shows what they say.
    pub fn open(self, stored: Stored) {
        leptos::task::spawn_local(async move {
            let Some(setup) = stored.setup.clone() else { return };
            match self.study(&setup).await {
                Ok((study, questions)) => self.show(stored, study, questions),
                Err(problem) => self.say(format!("This study cannot be opened: {problem}.")),
            }
        });
    }

    fn show(self, stored: Stored, study: Study, questions: Vec<Question>) {
        match stored.ratings.remaining(&study) {
            Ok(left) => {
                self.notices.clear(Topic::Rating);
                self.note(&stored);
                self.opened.set(Some(Opened {
                    stored,
                    study,
                    left,
                    questions,
                }));
            }
            Err(error) => self.say(format!("The questions or runs have changed since this study was begun. {error}.")),
        }
    }

    /// Stores the scores of the texts of the first sheet that is left, in the order in which they were shown.
    pub fn judge(self, scores: Vec<u8>, milliseconds: f64) {
        let Some(mut opened) = self.opened.get_untracked() else { return };
        let Some(sheet) = opened.left.first() else { return };
        let Some(judged) = RatedQuestion::new(&opened.study, sheet, &scores, Some(milliseconds)) else {
            return;
        };
        opened.stored.ratings.questions.push(judged);
        opened.left.remove(0);
        leptos::task::spawn_local(async move {
            match store::put(&opened.stored).await {
                Ok(()) => {
                    self.note(&opened.stored);
                    self.opened.set(Some(opened));
                }
                Err(error) => self.say(format!("This rating could not be stored: {}. Try again.", error.0)),
            }
        });
    }

    pub fn close(self) {
        self.opened.set(None);
    }

    pub fn remove(self, id: String) {
        leptos::task::spawn_local(async move {
            match store::delete(&id).await {
                Ok(()) => self
                    .all
                    .update(|all| all.iter_mut().for_each(|all| all.retain(|other| other.id != id))),
                Err(error) => self.say(format!("The ratings could not be deleted: {}.", error.0)),
            }
        });
    }

    /// Gives one rater's record as a file.
    pub fn export(self, stored: &Stored) {
        save(
            &format!("mmedkit-ratings-{}.jsonl", stored.id),
            "application/jsonl",
            &stored.ratings.to_jsonl(),
        );
    }

    /// Takes in another rater's record.
    pub async fn import(self, file: web_sys::File) {
        let name = file.name();
        let text = match read_text(&file, LARGEST).await {
            Ok(text) => text,
            Err(problem) => return self.say(format!("{problem}.")),
        };
        let stored = match mmedbench::rating::Ratings::from_jsonl(&text) {
            Ok(ratings) => Stored::of(ratings),
            Err(error) => return self.say(format!("{name}: {error}.")),
        };
        match store::put(&stored).await {
            Ok(()) => {
                self.notices.clear(Topic::Rating);
                self.note(&stored);
            }
            Err(error) => self.say(format!("{name} could not be stored: {}.", error.0)),
        }
    }
}

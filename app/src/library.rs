//! Which questions there are: the samples that come with the app (`questions/sources.json`) and decks of the student's own.
//!
//! What must hold: a deck's questions are loaded only when a quiz is drawn from it; the list of sources is small.

use leptos::prelude::*;
use mmedbench::{Language, Question, ReadReport};
use serde::{Deserialize, Serialize};

use crate::files::{fetch_json, fetch_text};
use crate::notices::{Notices, Topic};
use crate::storage::idb::{self, Store};

/// An entry of `questions/sources.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SampleSource {
    pub id: String,
    pub file: String,
    pub language: Language,
    pub title: String,
    pub about: String,
    pub licence: String,
    pub licence_url: String,
    pub url: String,
    pub attribution: String,
    pub changes: String,
    pub questions: usize,
}

/// A student's own questions, without them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deck {
    pub id: String,
    pub title: String,
    pub counts: Vec<(Language, usize)>,
    /// Lines that were no questions, of each file that had some.
    #[serde(default)]
    pub broken: Vec<(String, usize)>,
}

impl Deck {
    pub fn total(&self) -> usize {
        self.counts.iter().map(|(_, n)| n).sum()
    }
}

/// What a quiz draws from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All sample questions.
    Samples,
    /// One sample source, by its title (in whatever languages it has).
    Sample(String),
    /// A deck, by its id.
    Deck(String),
}

impl Choice {
    /// For a form's value.
    pub fn key(&self) -> String {
        match self {
            Choice::Samples => "samples".into(),
            Choice::Sample(title) => format!("sample:{title}"),
            Choice::Deck(id) => format!("deck:{id}"),
        }
    }

    pub fn from_key(key: &str) -> Choice {
        match key.split_once(':') {
            Some(("sample", title)) => Choice::Sample(title.into()),
            Some(("deck", id)) => Choice::Deck(id.into()),
            _ => Choice::Samples,
        }
    }
}

#[derive(Clone, Copy)]
pub struct Library {
    pub samples: RwSignal<Vec<SampleSource>>,
    pub decks: RwSignal<Vec<Deck>>,
    notices: Notices,
}

impl Library {
    /// Begins to load what there is.
    pub fn new(notices: Notices) -> Library {
        let library = Library {
            samples: RwSignal::new(Vec::new()),
            decks: RwSignal::new(Vec::new()),
            notices,
        };
        leptos::task::spawn_local(async move {
            match fetch_json::<Vec<SampleSource>>("questions/sources.json").await {
                Ok(samples) => library.samples.set(samples),
                Err(problem) => notices.say(Topic::Questions, format!("The sample questions are missing. {problem}.")),
            }
        });
        leptos::task::spawn_local(async move {
            // No database: no decks from before; the page says so when something is to be stored.
            let stored = idb::all(Store::Decks).await.unwrap_or_default();
            let known: Vec<Deck> = stored.iter().filter_map(|json| serde_json::from_str(json).ok()).collect();
            library.decks.update(|decks| decks.splice(0..0, known).for_each(drop));
        });
        library
    }

    /// Questions of each language in a choice; tracked.
    pub fn counts(self, choice: &Choice) -> Vec<(Language, usize)> {
        let of_samples = |keep: &dyn Fn(&SampleSource) -> bool| {
            self.samples.with(|all| {
                let sum = |l| {
                    all.iter()
                        .filter(|s| s.language == l && keep(s))
                        .map(|s| s.questions)
                        .sum::<usize>()
                };
                Language::ALL
                    .into_iter()
                    .map(|l| (l, sum(l)))
                    .filter(|(_, n)| *n > 0)
                    .collect::<Vec<_>>()
            })
        };
        match choice {
            Choice::Samples => of_samples(&|_| true),
            Choice::Sample(title) => of_samples(&|s| s.title == *title),
            Choice::Deck(id) => self
                .decks
                .with(|decks| decks.iter().find(|d| d.id == *id).map(|d| d.counts.clone()).unwrap_or_default()),
        }
    }

    /// Everything that questions can be looked for in: decks first.
    pub fn choices(self) -> Vec<Choice> {
        let mut choices: Vec<Choice> = self
            .decks
            .with_untracked(|decks| decks.iter().map(|deck| Choice::Deck(deck.id.clone())).collect());
        choices.push(Choice::Samples);
        self.samples.with_untracked(|samples| {
            for sample in samples {
                let choice = Choice::Sample(sample.title.clone());
                if !choices.contains(&choice) {
                    choices.push(choice);
                }
            }
        });
        choices
    }

    /// Lines of a choice that were no questions, by file.
    pub fn broken(self, choice: &Choice) -> Vec<(String, usize)> {
        let Choice::Deck(id) = choice else { return Vec::new() };
        self.decks
            .with_untracked(|decks| decks.iter().find(|d| d.id == *id).map(|d| d.broken.clone()).unwrap_or_default())
    }

    /// A choice in words.
    pub fn title(self, choice: &Choice) -> String {
        match choice {
            Choice::Samples => "Sample questions".into(),
            Choice::Sample(title) => title.clone(),
            Choice::Deck(id) => self
                .decks
                .with_untracked(|decks| decks.iter().find(|d| d.id == *id).map(|d| d.title.clone()).unwrap_or_default()),
        }
    }

    /// The questions of a choice in some languages. The error is a sentence.
    pub async fn questions(self, choice: &Choice, languages: &[Language]) -> Result<Vec<Question>, String> {
        if let Choice::Deck(id) = choice {
            let json = idb::get(Store::DeckQuestions, id).await.map_err(|e| e.0)?;
            let json = json.ok_or("These questions are no longer stored in this browser; open the file again")?;
            let all: Vec<Question> =
                serde_json::from_str(&json).map_err(|e| format!("The stored questions are damaged ({e}); open the file again"))?;
            return Ok(all.into_iter().filter(|q| languages.contains(&q.language)).collect());
        }
        let wanted: Vec<SampleSource> = self.samples.with_untracked(|all| {
            let keep = |s: &&SampleSource| languages.contains(&s.language) && !matches!(choice, Choice::Sample(title) if *title != s.title);
            all.iter().filter(keep).cloned().collect()
        });
        let texts = futures::future::join_all(wanted.iter().map(|s| {
            let path = format!("questions/{}", s.file);
            async move { fetch_text(&path).await }
        }))
        .await;
        let mut report = ReadReport::default();
        for (source, text) in wanted.iter().zip(texts) {
            report.read_file(&source.file, text?.as_bytes());
        }
        match report.errors.first() {
            Some(error) => Err(format!("A sample file is damaged: {error}")),
            None => Ok(report.questions),
        }
    }

    /// Keeps questions that were read from the student's files, and says which deck they are now.
    pub async fn add_deck(self, title: String, report: &ReadReport) -> Result<Deck, String> {
        let questions = &report.questions;
        let count = |l| questions.iter().filter(|q| q.language == l).count();
        let counts = Language::ALL.into_iter().map(|l| (l, count(l))).filter(|(_, n)| *n > 0).collect();
        // The same questions are the same deck, however often they are opened.
        let all_hashes: String = questions.iter().map(Question::hash).collect();
        let deck = Deck {
            id: mmedbench::sha256_hex(all_hashes.as_bytes())[..16].to_string(),
            title,
            counts,
            broken: report
                .files
                .iter()
                .filter(|file| file.broken > 0)
                .map(|file| (file.file.clone(), file.broken))
                .collect(),
        };
        let json = |e: serde_json::Error| e.to_string();
        idb::put(Store::DeckQuestions, &deck.id, &serde_json::to_string(questions).map_err(json)?)
            .await
            .map_err(|e| e.0)?;
        idb::put(Store::Decks, &deck.id, &serde_json::to_string(&deck).map_err(json)?)
            .await
            .map_err(|e| e.0)?;
        let kept = deck.clone();
        self.decks.update(|decks| {
            decks.retain(|d| d.id != kept.id);
            decks.push(kept);
        });
        Ok(deck)
    }

    pub fn remove_deck(self, id: String) {
        self.decks.update(|decks| decks.retain(|d| d.id != id));
        leptos::task::spawn_local(async move {
            if let Err(error) = idb::delete(&[Store::Decks, Store::DeckQuestions], &id).await {
                self.notices
                    .say(Topic::Questions, format!("The questions could not be deleted: {}", error.0));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_a_form() {
        for choice in [Choice::Samples, Choice::Sample("MedQA (MCMLE)".into()), Choice::Deck("a:b".into())] {
            assert_eq!(Choice::from_key(&choice.key()), choice);
        }
    }

    #[test]
    fn the_list_of_samples_is_read_and_is_true() {
        let samples: Vec<SampleSource> = serde_json::from_str(include_str!("../../www/questions/sources.json")).unwrap();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/questions");
        let mut languages = std::collections::BTreeSet::new();
        for sample in &samples {
            let mut report = ReadReport::default();
            report.read_file(&sample.file, &std::fs::read(folder.join(&sample.file)).unwrap());
            assert_eq!(
                (report.questions.len(), report.errors.len()),
                (sample.questions, 0),
                "{}",
                sample.file
            );
            assert!(report.questions.iter().all(|q| q.language == sample.language), "{}", sample.file);
            languages.insert(sample.language);
        }
        assert_eq!(languages.len(), 6);
        let files = std::fs::read_dir(&folder)
            .unwrap()
            .filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "jsonl"));
        assert_eq!(files.count(), samples.len(), "every file of questions is in sources.json");
    }
}

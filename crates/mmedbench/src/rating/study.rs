//! Which texts are judged, and in which order a rater sees them.
//!
//! What must hold: a question is in a study only if every source wrote something for it, so that sources are compared on the same questions;
//! orders depend on seed, rater and question alone, so that a rater who comes back goes on with the same sheets.

use std::collections::{BTreeMap, BTreeSet};

use crate::extract::rationale_text;
use crate::report::rationales::references;
use crate::seed::Random;
use crate::statistics::anytime::sample_order;
use crate::{Language, Question, RunRecord};

/// Name of the source that is the data's own rationales.
pub const STORED: &str = "stored rationale";

/// Somebody's rationales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    /// By [`Question::hash`]; none is empty.
    texts: BTreeMap<String, String>,
}

impl Source {
    /// What a run wrote, without the sentences that name the answer.
    pub fn of_run(name: &str, record: &RunRecord) -> Source {
        let lines = record.questions.iter().filter(|line| line.rotation.unwrap_or(0) == 0);
        let texts = lines.filter_map(|line| Some((line.question_hash.clone(), rationale_text(line.text.as_deref()?))));
        Source::new(name, texts)
    }

    /// The rationales of the data; where it marks those that people checked, only these.
    pub fn stored(questions: &[Question]) -> Source {
        Source::new(STORED, references(questions))
    }

    fn new<'a>(name: &str, texts: impl IntoIterator<Item = (String, &'a str)>) -> Source {
        let texts = texts.into_iter().map(|(hash, text)| (hash, text.trim().to_string()));
        Source {
            name: name.into(),
            texts: texts.filter(|(_, text)| !text.is_empty()).collect(),
        }
    }
}

/// What is to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Study {
    pub seed: u64,
    /// Names, never shown to a rater.
    pub sources: Vec<String>,
    pub items: Vec<Item>,
    /// Questions that a source has no text for.
    pub left_out: usize,
}

/// One question's texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub question_hash: String,
    pub language: Language,
    /// In the order of [`Study::sources`].
    pub texts: Vec<String>,
}

/// One question as a rater sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Of [`Study::items`].
    pub item: usize,
    /// Of [`Item::texts`]: the text that stands first, second, …
    pub order: Vec<usize>,
}

/// Why there is nothing to judge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StudyError {
    #[error("no source of rationales is chosen")]
    NoSource,
    #[error("two sources are called {0}")]
    SameName(String),
    #[error("no question has a text of every source")]
    NoQuestion,
}

impl Study {
    /// The texts of `sources` for those of `questions` that all of them have one for: at most `most`, a random sample with the languages in
    /// turn.
    pub fn new(questions: &[Question], sources: &[Source], seed: u64, most: Option<usize>) -> Result<Study, StudyError> {
        if sources.is_empty() {
            return Err(StudyError::NoSource);
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = sources.iter().find(|source| !names.insert(&source.name)) {
            return Err(StudyError::SameName(twice.name.clone()));
        }
        let of = |question: &Question| {
            let question_hash = question.hash();
            let texts = sources.iter().map(|source| source.texts.get(&question_hash).cloned());
            Some(Item {
                texts: texts.collect::<Option<_>>()?,
                language: question.language,
                question_hash,
            })
        };
        let mut seen = BTreeSet::new();
        let items: Vec<Item> = questions
            .iter()
            .filter_map(of)
            .filter(|item| seen.insert(item.question_hash.clone()))
            .collect();
        if items.is_empty() {
            return Err(StudyError::NoQuestion);
        }
        let keys: Vec<(usize, &str)> = items
            .iter()
            .map(|item| (item.language as usize, item.question_hash.as_str()))
            .collect();
        let chosen = sample_order(&keys, seed);
        Ok(Study {
            seed,
            sources: sources.iter().map(|source| source.name.clone()).collect(),
            left_out: questions.len() - items.len(),
            items: chosen
                .into_iter()
                .take(most.unwrap_or(usize::MAX))
                .map(|place| items[place].clone())
                .collect(),
        })
    }

    /// SHA-256 (hex) of seed, sources, questions and texts.
    pub fn hash(&self) -> String {
        let items: Vec<_> = self.items.iter().map(|item| (&item.question_hash, &item.texts)).collect();
        crate::sha256_hex(serde_json::json!([self.seed, self.sources, items]).to_string().as_bytes())
    }

    /// What `rater` sees, in this order.
    pub fn sheets(&self, rater: &str) -> Vec<Sheet> {
        let mut sheets: Vec<Sheet> = (0..self.items.len())
            .map(|item| {
                let mut order: Vec<usize> = (0..self.sources.len()).collect();
                let purpose = format!("rating/{rater}/{}", self.items[item].question_hash);
                Random::of(self.seed, &purpose).shuffle(&mut order);
                Sheet { item, order }
            })
            .collect();
        Random::of(self.seed, &format!("rating/{rater}")).shuffle(&mut sheets);
        sheets
    }
}

//! A few documents to read, for each thing that can happen to a document.
//!
//! Of every group and language those with the smallest ids are taken. Ids are hashes, so this is a random choice, and the same one in any
//! order and for any cut into tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LanguageTag;
use crate::Document;

/// Samples a group and language.
pub const SAMPLES: usize = 4;
/// Characters of text in a sample.
pub const EXCERPT: usize = 600;

/// The beginning of a document, and why it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub source: String,
    pub file: String,
    pub position: u64,
    /// Of the whole document.
    pub characters: u64,
    /// At most [`EXCERPT`] characters.
    pub excerpt: String,
    /// What the step measured, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Step → outcome (`kept`, `dropped: REASON`, `nearly dropped`, `nearly kept`) → language → id → sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Samples(pub BTreeMap<String, BTreeMap<String, BTreeMap<LanguageTag, BTreeMap<String, Sample>>>>);

impl Samples {
    /// Takes the document if it belongs to the sample of this outcome. `note` is only asked then.
    pub fn offer(&mut self, step: &str, outcome: &str, document: &Document, note: impl FnOnce() -> String) {
        let language = LanguageTag::of(document.language);
        let group = self.0.get(step).and_then(|outcomes| outcomes.get(outcome)?.get(&language));
        if group.is_some_and(|group| group.len() >= SAMPLES && group.last_key_value().is_some_and(|(largest, _)| *largest <= document.id)) {
            return;
        }
        let sample = Sample {
            source: document.source.clone(),
            file: document.file.clone(),
            position: document.position,
            characters: document.text.chars().count() as u64,
            excerpt: document.text.chars().take(EXCERPT).collect(),
            note: note(),
        };
        let outcomes = self.0.entry(step.into()).or_default();
        let group = outcomes.entry(outcome.into()).or_default().entry(language).or_default();
        group.insert(document.id.clone(), sample);
        shorten(group);
    }

    pub fn merge(&mut self, other: &Samples) {
        for (step, outcomes) in &other.0 {
            for (outcome, languages) in outcomes {
                for (language, samples) in languages {
                    let outcomes = self.0.entry(step.clone()).or_default();
                    let group = outcomes.entry(outcome.clone()).or_default().entry(*language).or_default();
                    group.extend(samples.iter().map(|(id, sample)| (id.clone(), sample.clone())));
                    shorten(group);
                }
            }
        }
    }
}

fn shorten(group: &mut BTreeMap<String, Sample>) {
    while group.len() > SAMPLES {
        group.pop_last();
    }
}

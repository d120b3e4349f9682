//! What a corpus consists of, and what became of every document that was read.
//!
//! Numbers are gathered document by document, one [`Statistics`] a task, and merged. What must hold: merging is the same in any order and
//! for any cut into tasks, and memory does not grow with the corpus (histograms have few bins, samples are bounded).
//!
//! - [`tally`]: documents, characters, bytes, tokens, by source and language
//! - [`histogram`]: lengths and keyword densities
//! - [`samples`]: a few documents to read
//! - [`table`]: the paper's table as text

pub mod histogram;
pub mod samples;
pub mod table;
pub mod tally;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Counts, Document};
pub use histogram::{Densities, Lengths};
pub use samples::{Sample, Samples};
pub use table::table;
pub use tally::{BySource, LanguageTag, Tally};

/// Everything that is known about a corpus and its making.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// As read, before any step.
    pub read: BySource,
    /// Documents and files that could not be read, by kind of problem.
    pub problems: BTreeMap<String, u64>,
    /// What readers counted, e.g. broken UTF-8.
    pub reading: Counts,
    /// In the order in which they ran.
    pub steps: Vec<StepStatistics>,
    /// What is in the corpus.
    pub kept: BySource,
    /// Documents in the corpus by licence, as providers state it.
    pub licenses: BTreeMap<String, u64>,
    /// Characters a document, before and after all steps.
    pub characters_read: BTreeMap<LanguageTag, Lengths>,
    pub characters_kept: BTreeMap<LanguageTag, Lengths>,
    /// Tokens a document, where a tokenizer was given.
    pub tokens_kept: BTreeMap<LanguageTag, Lengths>,
    /// Of the medical filter.
    pub densities: BTreeMap<LanguageTag, Densities>,
    pub samples: Samples,
}

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepStatistics {
    pub name: String,
    /// Documents that passed, as they left the step.
    pub kept: BTreeMap<LanguageTag, Tally>,
    /// By reason.
    pub dropped: BTreeMap<String, BTreeMap<LanguageTag, Tally>>,
    /// What the step itself counted.
    pub counts: Counts,
}

impl StepStatistics {
    /// A step that has seen nothing yet.
    pub fn new(name: &str) -> StepStatistics {
        StepStatistics {
            name: name.into(),
            ..StepStatistics::default()
        }
    }

    /// Sums over languages and reasons: kept, dropped.
    pub fn totals(&self) -> (Tally, Tally) {
        let dropped = self.dropped.values().flat_map(BTreeMap::values);
        (self.kept.values().sum(), dropped.sum())
    }

    fn merge(&mut self, other: &StepStatistics) {
        tally::merge(&mut self.kept, &other.kept);
        for (reason, languages) in &other.dropped {
            tally::merge(self.dropped.entry(reason.clone()).or_default(), languages);
        }
        self.counts.merge(&other.counts);
    }
}

impl Statistics {
    /// Adds a document as it was read.
    pub fn add_read(&mut self, document: &Document) {
        let language = LanguageTag::of(document.language);
        let tally = Tally::of(&document.text);
        self.characters_read.entry(language).or_default().add(tally.characters);
        self.read.add(&document.source, language, &tally);
    }

    /// Adds a document of the finished corpus.
    pub fn add_kept(&mut self, document: &Document, tokens: Option<u64>) {
        let language = LanguageTag::of(document.language);
        let mut tally = Tally::of(&document.text);
        self.characters_kept.entry(language).or_default().add(tally.characters);
        if let Some(tokens) = tokens {
            tally.tokens = tokens;
            self.tokens_kept.entry(language).or_default().add(tokens);
        }
        match self.licenses.get_mut(&document.license) {
            Some(count) => *count += 1,
            None => drop(self.licenses.insert(document.license.clone(), 1)),
        }
        self.kept.add(&document.source, language, &tally);
    }

    /// The statistics of the step called `name`, which is put behind all others where it is new.
    pub fn step(&mut self, name: &str) -> &mut StepStatistics {
        let place = self.steps.iter().position(|step| step.name == name).unwrap_or_else(|| {
            self.steps.push(StepStatistics::new(name));
            self.steps.len() - 1
        });
        &mut self.steps[place]
    }

    /// Adds another part of the same corpus. Steps keep their order.
    pub fn merge(&mut self, other: &Statistics) {
        self.read.merge(&other.read);
        for (ours, theirs) in [(&mut self.problems, &other.problems), (&mut self.licenses, &other.licenses)] {
            for (name, count) in theirs {
                *ours.entry(name.clone()).or_default() += count;
            }
        }
        self.reading.merge(&other.reading);
        for step in &other.steps {
            self.step(&step.name).merge(step);
        }
        self.kept.merge(&other.kept);
        for (ours, theirs) in [
            (&mut self.characters_read, &other.characters_read),
            (&mut self.characters_kept, &other.characters_kept),
            (&mut self.tokens_kept, &other.tokens_kept),
        ] {
            for (language, lengths) in theirs {
                ours.entry(*language).or_default().merge(lengths);
            }
        }
        for (language, densities) in &other.densities {
            self.densities.entry(*language).or_default().merge(densities);
        }
        self.samples.merge(&other.samples);
    }

    /// Whether tokens were counted.
    pub fn has_tokens(&self) -> bool {
        self.kept.total().tokens > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    fn document(position: u64) -> Document {
        let language = [Some(Language::En), Some(Language::Ja), None][position as usize % 3];
        let source = ["web", "textbooks"][position as usize % 2];
        Document {
            id: Document::make_id(source, "a.txt", position),
            text: "結核 tuberculosis ".repeat(1 + (position as usize * 7) % 90),
            language,
            source: source.into(),
            license: String::new(),
            file: "a.txt".into(),
            position,
        }
    }

    fn of(positions: impl Iterator<Item = u64>) -> Statistics {
        let mut statistics = Statistics::default();
        statistics.step("first");
        statistics.step("second");
        for position in positions {
            let document = document(position);
            let language = LanguageTag::of(document.language);
            statistics.add_read(&document);
            let tally = Tally::of(&document.text);
            let step = statistics.step("first");
            step.counts.add("characters", tally.characters);
            if position.is_multiple_of(4) {
                *step.dropped.entry("short".into()).or_default().entry(language).or_default() += tally;
                statistics.samples.offer("first", "dropped: short", &document, String::new);
                continue;
            }
            *step.kept.entry(language).or_default() += tally;
            statistics.densities.entry(language).or_default().add(position % 60, 1000, true);
            statistics.samples.offer("kept", "kept", &document, || format!("number {position}"));
            statistics.add_kept(&document, Some(position));
        }
        statistics
    }

    #[test]
    fn any_cut_into_tasks_and_any_order_give_the_same() {
        let whole = of(0..500);
        let json = serde_json::to_string(&whole).unwrap();
        for tasks in [2, 3, 7] {
            let parts: Vec<Statistics> = (0..tasks).map(|task| of((0..500).filter(|n| n % tasks == task))).collect();
            for order in [parts.iter().collect::<Vec<_>>(), parts.iter().rev().collect()] {
                let mut merged = Statistics::default();
                for part in order {
                    // As they travel between tasks.
                    let part: Statistics = serde_json::from_str(&serde_json::to_string(part).unwrap()).unwrap();
                    merged.merge(&part);
                }
                assert_eq!(merged, whole);
                assert_eq!(serde_json::to_string(&merged).unwrap(), json);
            }
        }
        assert_eq!(whole.read.total().documents, 500);
        assert_eq!(whole.kept.total().documents, 375);
        assert_eq!(whole.steps[0].totals().1.documents, 125);
    }
}

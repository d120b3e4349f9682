//! What every step over single documents has in common: look at one document, perhaps change it, keep or drop it, and count.
//!
//! Steps that must see the whole corpus (near-duplicates) are not of this kind; they run as map and reduce over files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Document;

/// What a step decided about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    /// With a short fixed reason, which reports count by.
    Drop(Cow<'static, str>),
}

/// One step over single documents. A step holds its configuration and nothing that changes, so that threads share it and the order of
/// documents cannot matter.
pub trait Step: Send + Sync {
    /// The name in reports and in the configuration.
    fn name(&self) -> &'static str;

    /// Looks at a document and may change its text.
    fn apply(&self, document: &mut Document, counts: &mut Counts) -> Verdict;
}

/// Named counters; those of several tasks add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<String, u64>);

impl Counts {
    /// Adds `amount` to the counter `name`.
    pub fn add(&mut self, name: &str, amount: u64) {
        match self.0.get_mut(name) {
            Some(count) => *count += amount,
            None => drop(self.0.insert(name.to_string(), amount)),
        }
    }

    /// Adds all of another's counters.
    pub fn merge(&mut self, other: &Counts) {
        for (name, amount) in &other.0 {
            self.add(name, *amount);
        }
    }
}

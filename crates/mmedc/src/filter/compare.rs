//! Where the two rules differ: a table by language, and the documents on which they disagree.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::decision::round6;
use super::{Decision, Keywords, MedicalFilter, Rule};
use crate::Language;

/// Both rules over the same lists.
pub struct Comparison {
    mmedc: MedicalFilter,
    mmedkit: MedicalFilter,
}

/// How many documents of a language each rule keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    pub both: u64,
    pub only_mmedc: u64,
    pub only_mmedkit: u64,
    pub neither: u64,
}

impl Agreement {
    /// Adds one document.
    pub fn add(&mut self, mmedc: &Decision, mmedkit: &Decision) {
        *match (mmedc.keep, mmedkit.keep) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.only_mmedc,
            (false, true) => &mut self.only_mmedkit,
            (false, false) => &mut self.neither,
        } += 1;
    }

    pub fn total(&self) -> u64 {
        self.both + self.only_mmedc + self.only_mmedkit + self.neither
    }
}

impl Comparison {
    pub fn new(keywords: &Keywords) -> Comparison {
        Comparison {
            mmedc: MedicalFilter::new(Rule::Mmedc, keywords),
            mmedkit: MedicalFilter::new(Rule::Mmedkit, keywords),
        }
    }

    /// The two decisions, `mmedc` first; none where the language has no keywords.
    pub fn decide(&self, language: Language, text: &str) -> Option<(Decision, Decision)> {
        Some((self.mmedc.decide(language, text)?, self.mmedkit.decide(language, text)?))
    }
}

/// One line about a document on which the rules disagree: both counts, densities and verdicts.
pub fn to_json(file: &str, language: Language, mmedc: &Decision, mmedkit: &Decision) -> String {
    let rule = |d: &Decision| {
        serde_json::json!({
            "unique_hits": d.unique_hits, "hit_chars": d.hit_chars, "density": round6(d.density), "keep": d.keep,
        })
    };
    serde_json::json!({
        "file": file, "lang": language, "chars": mmedc.chars, "mmedc": rule(mmedc), "mmedkit": rule(mmedkit),
    })
    .to_string()
}

/// A table for the terminal.
pub fn table(agreements: &BTreeMap<Language, Agreement>) -> String {
    let mut out = String::from("language  documents  both keep  only mmedc  only mmedkit  neither\n");
    for (language, a) in agreements {
        let _ = writeln!(
            out,
            "{:<8} {:>10} {:>10} {:>11} {:>13} {:>8}",
            language.code(),
            a.total(),
            a.both,
            a.only_mmedc,
            a.only_mmedkit,
            a.neither
        );
    }
    out
}

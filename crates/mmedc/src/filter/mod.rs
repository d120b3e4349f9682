//! The medical filter: is a text about medicine, by the share of it that keywords make up.
//!
//! Two rules with names of their own. [`mmedc`] is the authors', to the letter. [`mmedkit`] mends its known faults. Both compare two
//! numbers with two thresholds of the language ([`keywords`]): how many distinct words, and what share of the characters.

pub mod compare;
pub mod decision;
pub mod inflect;
pub mod keywords;
pub mod mmedc;
pub mod mmedkit;
pub mod python_text;

use std::collections::BTreeMap;

use crate::{Counts, Document, Language, Step, Verdict};
pub use decision::{Decision, Stage};
pub use keywords::{KeywordError, KeywordList, Keywords};

/// The rule, by its name on the command line and in configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The authors' rule to the letter.
    Mmedc,
    /// The same with its known faults mended.
    Mmedkit,
}

enum Compiled {
    Mmedc(mmedc::MmedcRule),
    Mmedkit(mmedkit::MmedkitRule),
}

/// One rule, compiled for every language that has keywords.
pub struct MedicalFilter {
    rule: Rule,
    languages: BTreeMap<Language, Compiled>,
}

impl MedicalFilter {
    pub fn new(rule: Rule, keywords: &Keywords) -> MedicalFilter {
        let compile = |language| {
            let list = keywords.get(language).expect("a language of these lists");
            match rule {
                Rule::Mmedc => Compiled::Mmedc(mmedc::MmedcRule::new(language, list)),
                Rule::Mmedkit => Compiled::Mmedkit(mmedkit::MmedkitRule::new(language, list)),
            }
        };
        MedicalFilter {
            rule,
            languages: keywords.languages().map(|language| (language, compile(language))).collect(),
        }
    }

    /// Looks at a text of a language; none where the language has no keywords.
    pub fn decide(&self, language: Language, text: &str) -> Option<Decision> {
        Some(match self.languages.get(&language)? {
            Compiled::Mmedc(rule) => rule.decide(text),
            Compiled::Mmedkit(rule) => rule.decide(text),
        })
    }
}

impl Step for MedicalFilter {
    fn name(&self) -> &'static str {
        match self.rule {
            Rule::Mmedc => "filter_mmedc",
            Rule::Mmedkit => "filter_mmedkit",
        }
    }

    /// Drops for `no_language`, `no_keywords_for_language` or `not_medical`.
    fn apply(&self, document: &mut Document, counts: &mut Counts) -> Verdict {
        let Some(language) = document.language else {
            return Verdict::Drop("no_language".into());
        };
        let Some(decision) = self.decide(language, &document.text) else {
            return Verdict::Drop("no_keywords_for_language".into());
        };
        counts.add("chars", decision.chars);
        counts.add("hit_chars", decision.hit_chars);
        if decision.keep {
            Verdict::Keep
        } else {
            Verdict::Drop("not_medical".into())
        }
    }
}

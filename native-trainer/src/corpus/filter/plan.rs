//! The steps of the filter, and what becomes of a document.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use mmedc::contamination::{self, Contamination};
use mmedc::filter::compare::Comparison;
use mmedc::filter::{Decision, Keywords, MedicalFilter, Rule};
use mmedc::lang_id::{LanguageId, OnDisagreement};
use mmedc::normalise::{Form, Normalise};
use mmedc::pii::MaskPersonalData;
use mmedc::quality::Quality;
use mmedc::{Counts, Document, Step, Verdict};

use super::{Args, FormArg, OnDisagreementArg, RuleArg};

/// What the threads share.
pub struct Plan {
    before: Vec<Box<dyn Step>>,
    rule: Option<MedicalFilter>,
    comparison: Option<Comparison>,
    benchmark: Option<Contamination>,
    after: Vec<Box<dyn Step>>,
}

/// What became of one document.
pub struct Outcome {
    pub document: Document,
    /// None where no rule looked at it.
    pub decision: Option<Decision>,
    /// By both rules, where they are compared.
    pub both: Option<(Decision, Decision)>,
    /// What it shares with a benchmark's question.
    pub contaminated: Option<contamination::Line>,
    pub verdict: Verdict,
    /// The step that decided, where that was not the rule with a decision.
    pub step: Option<&'static str>,
    pub counts: BTreeMap<&'static str, Counts>,
}

impl Outcome {
    pub fn is_kept(&self) -> bool {
        self.verdict == Verdict::Keep
    }
}

impl Plan {
    /// Reads what the steps need.
    pub fn new(args: &Args) -> Result<Plan> {
        let keywords = match &args.keywords {
            None => Keywords::mmedc(),
            Some(path) => {
                let json = std::fs::read(path).with_context(|| path.display().to_string())?;
                Keywords::from_json(&path.display().to_string(), &json)?
            }
        };
        let mut before: Vec<Box<dyn Step>> = Vec::new();
        if let Some(form) = args.normalise {
            before.push(Box::new(Normalise::new(match form {
                FormArg::Nfc => Form::Nfc,
                FormArg::Nfkc => Form::Nfkc,
            })));
        }
        if let Some(action) = args.identify_language {
            before.push(Box::new(LanguageId {
                on_disagreement: match action {
                    OnDisagreementArg::Report => OnDisagreement::Report,
                    OnDisagreementArg::Drop => OnDisagreement::Drop,
                },
            }));
        }
        if args.quality {
            before.push(Box::new(Quality::all()));
        }
        let mut after: Vec<Box<dyn Step>> = Vec::new();
        if args.mask_personal_data {
            after.push(Box::new(MaskPersonalData::new()));
        }
        Ok(Plan {
            before,
            rule: match args.rule {
                RuleArg::Mmedc => Some(MedicalFilter::new(Rule::Mmedc, &keywords)),
                RuleArg::Mmedkit => Some(MedicalFilter::new(Rule::Mmedkit, &keywords)),
                RuleArg::None => None,
            },
            comparison: args.compare.as_ref().map(|_| Comparison::new(&keywords)),
            benchmark: args.benchmark.open()?.map(|benchmark| benchmark.runs),
            after,
        })
    }

    /// Decides about a document.
    pub fn apply(&self, document: Document) -> Outcome {
        let mut outcome = Outcome {
            document,
            decision: None,
            both: None,
            contaminated: None,
            verdict: Verdict::Keep,
            step: None,
            counts: BTreeMap::new(),
        };
        steps(&self.before, &mut outcome);
        if outcome.is_kept() {
            self.decide(&mut outcome);
        }
        if outcome.is_kept()
            && let Some(benchmark) = &self.benchmark
        {
            outcome.contaminated = benchmark.look_at(&outcome.document);
            let hit = outcome.contaminated.as_ref().map(|line| &line.hit);
            let counts = outcome.counts.entry(contamination::STEP).or_default();
            outcome.verdict = benchmark.verdict(hit, counts);
            outcome.step = (!outcome.is_kept()).then_some(contamination::STEP);
        }
        if outcome.is_kept() {
            steps(&self.after, &mut outcome);
        }
        outcome
    }

    fn decide(&self, outcome: &mut Outcome) {
        let document = &outcome.document;
        if let (Some(comparison), Some(language)) = (&self.comparison, document.language) {
            outcome.both = comparison.decide(language, &document.text);
        }
        let Some(rule) = &self.rule else { return };
        let undecided = match document.language.map(|language| rule.decide(language, &document.text)) {
            None => "no_language",
            Some(None) => "no_keywords_for_language",
            Some(Some(decision)) => {
                if !decision.keep {
                    outcome.verdict = Verdict::Drop("not_medical".into());
                }
                outcome.decision = Some(decision);
                return;
            }
        };
        outcome.verdict = Verdict::Drop(undecided.into());
        outcome.step = Some(rule.name());
    }
}

/// Applies steps until one drops the document.
fn steps(steps: &[Box<dyn Step>], outcome: &mut Outcome) {
    for step in steps {
        let counts = outcome.counts.entry(step.name()).or_default();
        outcome.verdict = step.apply(&mut outcome.document, counts);
        if !outcome.is_kept() {
            outcome.step = Some(step.name());
            return;
        }
    }
}

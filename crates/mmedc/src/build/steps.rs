//! The steps over single documents, by the names that configurations use.
//!
//! Beside what every step does (keep or drop, with a reason), the medical filter shows what it measured: densities for the histogram, and the
//! documents closest to its thresholds for the samples; and samples of contaminated documents name what they share with which question.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::Settings;
use crate::contamination::{self, Contamination};
use crate::filter::{Decision, Keywords, MedicalFilter, Rule};
use crate::lang_id::{LanguageId, OnDisagreement};
use crate::normalise::{Form, Normalise};
use crate::pii::MaskPersonalData;
use crate::quality::Quality;
use crate::statistics::{LanguageTag, Statistics, Tally};
use crate::{Document, Error, Result, Step, Verdict};

/// A step in `steps = […]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    Normalise,
    Language,
    Filter,
    Quality,
    Contamination,
    PersonalData,
    /// Over the whole corpus: see [`super::copies`].
    Duplicates,
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StepName::Normalise => "normalise",
            StepName::Language => "language",
            StepName::Filter => "filter",
            StepName::Quality => "quality",
            StepName::Contamination => "contamination",
            StepName::PersonalData => "personal_data",
            StepName::Duplicates => "duplicates",
        })
    }
}

/// Where a configuration names no steps: all but the quality heuristics, and contamination where there are questions to look for.
pub fn default_order(questions: bool) -> Vec<StepName> {
    let all = [
        StepName::Normalise,
        StepName::Language,
        StepName::Filter,
        StepName::Contamination,
        StepName::PersonalData,
        StepName::Duplicates,
    ];
    all.into_iter()
        .filter(|step| *step != StepName::Contamination || questions)
        .collect()
}

/// `[normalise]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NormaliseSettings {
    pub form: Form,
}

/// `[language]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanguageSettings {
    pub on_disagreement: OnDisagreement,
}

/// `[filter]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterSettings {
    pub rule: Rule,
    /// Lists and thresholds in place of those of MMedC.
    pub keywords: Option<String>,
}

impl Default for FilterSettings {
    fn default() -> FilterSettings {
        FilterSettings {
            rule: Rule::Mmedc,
            keywords: None,
        }
    }
}

/// `[contamination]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContaminationSettings {
    /// JSONL files with the benchmark's `question` and `options`. Each option is looked for too, as a text of its own.
    pub questions: Vec<String>,
    pub words: usize,
    pub least_words: usize,
    pub characters: usize,
    pub least_characters: usize,
    /// Contaminated documents are dropped; else only counted.
    pub drop: bool,
}

impl Default for ContaminationSettings {
    fn default() -> ContaminationSettings {
        let options = contamination::Options::default();
        ContaminationSettings {
            questions: Vec::new(),
            words: options.words,
            least_words: options.least_words,
            characters: options.characters,
            least_characters: options.least_characters,
            drop: options.drop,
        }
    }
}

/// All steps of a build, ready to run.
pub struct Steps {
    steps: Vec<Prepared>,
}

enum Prepared {
    Plain(Box<dyn Step>),
    Filter(MedicalFilter, Keywords),
    Contamination(Contamination),
}

impl Prepared {
    fn name(&self) -> &'static str {
        match self {
            Prepared::Plain(step) => step.name(),
            Prepared::Filter(filter, _) => filter.name(),
            Prepared::Contamination(step) => step.name(),
        }
    }
}

impl Steps {
    /// Reads what the steps need.
    pub fn new(settings: &Settings) -> Result<Steps> {
        let config = &settings.config;
        let prepare = |name: &StepName| {
            Some(Ok(match name {
                StepName::Duplicates => return None,
                StepName::Filter => {
                    let keywords = match &config.filter.keywords {
                        None => Ok(Keywords::mmedc()),
                        Some(file) => settings
                            .read(file)
                            .and_then(|json| Keywords::from_json(file, &json).map_err(|error| Error::Refused(error.to_string()))),
                    };
                    match keywords {
                        Ok(keywords) => Prepared::Filter(MedicalFilter::new(config.filter.rule, &keywords), keywords),
                        Err(error) => return Some(Err(error)),
                    }
                }
                StepName::Normalise => Prepared::Plain(Box::new(Normalise::new(config.normalise.form))),
                StepName::Language => Prepared::Plain(Box::new(LanguageId {
                    on_disagreement: config.language.on_disagreement,
                })),
                StepName::Quality => Prepared::Plain(Box::new(config.quality.clone().unwrap_or_else(Quality::all))),
                StepName::PersonalData => Prepared::Plain(Box::new(MaskPersonalData::new())),
                StepName::Contamination => match find_questions(settings) {
                    Ok(step) => Prepared::Contamination(step),
                    Err(error) => return Some(Err(error)),
                },
            }))
        };
        Ok(Steps {
            steps: config.order().iter().filter_map(prepare).collect::<Result<_>>()?,
        })
    }

    /// Enters all steps, so that one that saw nothing is in the report too.
    pub fn enter(&self, statistics: &mut Statistics) {
        for step in &self.steps {
            let entered = statistics.step(step.name());
            if let Prepared::Filter(_, keywords) = step {
                debug_assert!(entered.kept.is_empty());
                for language in keywords.languages() {
                    let Some(list) = keywords.get(language) else { continue };
                    let densities = statistics.densities.entry(LanguageTag::of(Some(language))).or_default();
                    densities.minimal_density = list.hit_ratio_threshold;
                    densities.minimal_words = list.hit_times_threshold;
                }
            }
        }
    }

    /// Whether a benchmark's questions are looked for.
    pub fn look_for_questions(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Prepared::Contamination(_)))
    }

    /// Runs all steps on a document until one drops it.
    pub fn apply(&self, document: &mut Document, statistics: &mut Statistics) -> Outcome {
        let mut contaminated = None;
        for prepared in &self.steps {
            let entered = statistics.step(prepared.name());
            let mut note = String::new();
            let (verdict, decision) = match prepared {
                Prepared::Plain(step) => (step.apply(document, &mut entered.counts), None),
                Prepared::Contamination(step) => {
                    let hit = step.find(&document.text);
                    let verdict = step.verdict(hit.as_ref(), &mut entered.counts);
                    if let Some(hit) = hit {
                        note = format!("shares “{}” with {}", hit.ngram, hit.question);
                        contaminated = Some(contamination::Line::of(document, hit));
                    }
                    (verdict, None)
                }
                Prepared::Filter(filter, keywords) => {
                    let decision = document.language.and_then(|language| filter.decide(language, &document.text));
                    match decision {
                        Some(decision) => {
                            let verdict = if decision.keep {
                                Verdict::Keep
                            } else {
                                Verdict::Drop("not_medical".into())
                            };
                            (verdict, Some((decision, keywords)))
                        }
                        // Its own words for what it cannot decide.
                        None => (filter.apply(document, &mut entered.counts), None),
                    }
                }
            };
            let language = LanguageTag::of(document.language);
            let tally = Tally::of(&document.text);
            let dropped = match &verdict {
                Verdict::Keep => {
                    *entered.kept.entry(language).or_default() += tally;
                    None
                }
                Verdict::Drop(reason) => {
                    let languages = match entered.dropped.get_mut(reason.as_ref()) {
                        Some(languages) => languages,
                        None => entered.dropped.entry(reason.to_string()).or_default(),
                    };
                    *languages.entry(language).or_default() += tally;
                    Some(reason)
                }
            };
            if let Some((decision, keywords)) = &decision {
                measured(prepared.name(), document, decision, keywords, statistics);
            }
            let outcome = match dropped {
                Some(reason) => format!("dropped: {reason}"),
                None if !note.is_empty() => "kept though contaminated".to_owned(),
                None => continue,
            };
            statistics.samples.offer(prepared.name(), &outcome, document, || {
                decision.as_ref().map_or(note, |(decision, _)| describe(decision))
            });
            if dropped.is_some() {
                return Outcome {
                    stays: false,
                    contaminated,
                };
            }
        }
        Outcome { stays: true, contaminated }
    }
}

/// What became of a document.
pub struct Outcome {
    pub stays: bool,
    /// What it shares with a benchmark's question.
    pub contaminated: Option<contamination::Line>,
}

fn describe(decision: &Decision) -> String {
    format!(
        "{} different keywords, {:.2} % of the characters",
        decision.unique_hits,
        100.0 * decision.density
    )
}

/// The histogram, and documents near a threshold: within a quarter of the density, or one word of the count.
fn measured(step: &str, document: &Document, decision: &Decision, keywords: &Keywords, statistics: &mut Statistics) {
    let language = LanguageTag::of(document.language);
    let densities = statistics.densities.entry(language).or_default();
    densities.add(decision.hit_chars, decision.chars, decision.keep);
    let Some(list) = document.language.and_then(|language| keywords.get(language)) else {
        return;
    };
    let (words, share) = (list.hit_times_threshold, list.hit_ratio_threshold);
    let outcome = if decision.keep {
        (decision.density < 1.25 * share || decision.unique_hits <= words).then_some("nearly dropped")
    } else {
        (decision.density >= 0.75 * share && decision.unique_hits + 1 >= words).then_some("nearly kept")
    };
    if let Some(outcome) = outcome {
        statistics.samples.offer(step, outcome, document, || describe(decision));
    }
}

/// The questions' texts, and those of their options (an object of texts by letter, as in MMedBench, or a list).
fn find_questions(settings: &Settings) -> Result<Contamination> {
    let config = &settings.config.contamination;
    let mut texts = Vec::new();
    for name in &config.questions {
        let bytes = settings.read(name)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| Error::format(name, error.to_string()))?;
        for (number, line) in (1u64..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let value: serde_json::Value = serde_json::from_str(line).map_err(|error| Error::line(name, number, error.to_string()))?;
            let question = value["question"]
                .as_str()
                .ok_or_else(|| Error::line(name, number, "no text in the field \"question\""))?;
            let options = match &value["options"] {
                serde_json::Value::Object(options) => options.values().collect(),
                serde_json::Value::Array(options) => options.iter().collect(),
                _ => Vec::new(),
            };
            let options = options.into_iter().filter_map(serde_json::Value::as_str);
            texts.extend(
                std::iter::once(question)
                    .chain(options)
                    .map(|text| (format!("{name}:{number}"), text.to_owned())),
            );
        }
    }
    let options = contamination::Options {
        words: config.words,
        least_words: config.least_words,
        characters: config.characters,
        least_characters: config.least_characters,
        drop: config.drop,
    };
    Contamination::new(texts, options)
}

//! Counting a record line by line, so that a record of any length is counted in the memory of its groups.
//!
//! What must hold: nothing of a line is kept but what it adds to its groups; whatever a report says comes from here, so the command line and the
//! page, which counts while a run is at work, say the same. Next: `build.rs` makes a [`super::Report`] of the counts.

use std::collections::{BTreeMap, BTreeSet};

use super::choice::ChoiceSums;
use super::{ReportError, Speed, chance, lines};
use crate::extract::rationale_text;
use crate::metrics::consistency::Consistency;
use crate::published::{english_benchmark, may_be_mmedbench};
use crate::run::Rotations;
use crate::statistics::calibration::{Answers, BINS};
use crate::{Language, QuestionRecord};

/// Right answers of a group of questions, and what chance would reach.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub n: usize,
    pub correct: usize,
    pub unread: usize,
    /// Sum over the lines that tell it.
    chance: f64,
    chance_known: usize,
}

impl Group {
    fn add(&mut self, line: &QuestionRecord) {
        self.n += 1;
        self.correct += usize::from(line.correct == Some(true));
        self.unread += usize::from(lines::unread(line));
        if let Some(chance) = chance::of_line(line) {
            self.chance += chance;
            self.chance_known += 1;
        }
    }

    /// `None` where a line does not tell how many options there were.
    pub fn chance(&self) -> Option<f64> {
        (self.n > 0 && self.chance_known == self.n).then(|| self.chance / self.n as f64)
    }
}

/// One language's lines.
#[derive(Clone, Debug, Default)]
pub(super) struct OfLanguage {
    pub all: Group,
    pub one_right: Group,
    pub several_right: Group,
    pub text_alone: Group,
    pub needs_image: Group,
    /// Lines of a benchmark that is no part of MMedBench.
    pub elsewhere: usize,
    pub written: Consistency,
    pub choice: ChoiceSums,
}

/// All that is counted of a record.
#[derive(Clone, Debug)]
pub struct Counts {
    pub(super) all: Group,
    pub(super) languages: BTreeMap<Language, OfLanguage>,
    pub(super) sources: BTreeMap<(Language, String), Group>,
    /// English benchmarks by their names in the published table.
    pub(super) english: BTreeMap<String, Group>,
    pub(super) rules: BTreeMap<String, usize>,
    pub(super) truncated: usize,
    pub(super) confidences: Answers,
    pub(super) rotations: Rotations,
    /// Over every line, all rotations included.
    pub(super) every: Group,
    pub(super) protocols: BTreeSet<String>,
    pub(super) speed: Speed,
    /// The first line whose scores are damaged.
    pub(super) damage: Option<ReportError>,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            all: Group::default(),
            languages: BTreeMap::new(),
            sources: BTreeMap::new(),
            english: BTreeMap::new(),
            rules: BTreeMap::new(),
            truncated: 0,
            confidences: Answers::new(BINS),
            rotations: Rotations::default(),
            every: Group::default(),
            protocols: BTreeSet::new(),
            speed: Speed::default(),
            damage: None,
        }
    }
}

impl Counts {
    /// The next line.
    pub fn add(&mut self, line: &QuestionRecord) {
        if let Some(protocol) = line.protocol.as_ref().filter(|p| !self.protocols.contains(*p)) {
            self.protocols.insert(protocol.clone());
        }
        self.speed.tokens += line.tokens.map_or(0, u64::from);
        self.speed.written_tokens += line.written_tokens.map_or(0, u64::from);
        self.speed.seconds += line.milliseconds.unwrap_or(0.0) / 1000.0;
        self.rotations.add(line);
        if line.correct.is_some() {
            self.every.add(line);
        }
        if lines::counts(line) {
            self.count(line);
        }
    }

    fn count(&mut self, line: &QuestionRecord) {
        self.all.add(line);
        self.truncated += usize::from(line.truncated_tokens.is_some_and(|n| n > 0));
        if let Some(rule) = &line.rule {
            *self.rules.entry(rule.clone()).or_default() += 1;
        }
        if let (Some(confidence), Some(right)) = (lines::confidence(line), line.correct) {
            self.confidences.add(confidence, right);
        }
        self.sources.entry((line.language, line.source.clone())).or_default().add(line);
        let language = self.languages.entry(line.language).or_default();
        if line.language == Language::English
            && let Some(benchmark) = english_benchmark(&line.id, &line.source)
        {
            self.english.entry(benchmark).or_default().add(line);
        }
        language.elsewhere += usize::from(!may_be_mmedbench(&line.id, &line.source));
        language.all.add(line);
        if lines::several(line) {
            &mut language.several_right
        } else {
            &mut language.one_right
        }
        .add(line);
        if line.needs_image {
            &mut language.needs_image
        } else {
            &mut language.text_alone
        }
        .add(line);
        if let Some(text) = &line.text {
            language.written.count(rationale_text(text), line.language);
        }
        if let Err(error) = language.choice.add(line)
            && self.damage.is_none()
        {
            self.damage = Some(ReportError::Scores {
                id: line.id.clone(),
                error,
            });
        }
    }

    /// Questions that rows count; one that was asked in every rotation counts once.
    pub fn questions(&self) -> usize {
        self.all.n
    }

    /// Lines with a result, every rotation included.
    pub fn lines(&self) -> usize {
        self.every.n
    }
}

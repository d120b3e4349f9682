//! From counts to a [`Report`].

use std::collections::BTreeSet;

use super::counts::{Counts, Group};
use super::{ALPHA, Beside, LanguageOfText, MacroMean, Position, PublishedRow, Report, Row, Run, choice, warnings};
use crate::choice::ChoiceError;
use crate::published::published;
use crate::statistics::Interval;
use crate::statistics::distribution::normal_two_sided_quantile;
use crate::statistics::group::{self, Mean, Member};
use crate::statistics::interval::{exact, wilson};
use crate::{Language, RunHeader, RunRecord};

/// Why there is nothing to report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error("run {run_id} holds no question that a model answered")]
    Nothing { run_id: String },
    #[error("question {id}: {error}; the record is damaged, evaluate the question again")]
    Scores { id: String, error: ChoiceError },
}

/// Everything that a record says.
pub fn report(record: &RunRecord) -> Result<Report, ReportError> {
    let mut counts = Counts::default();
    record.questions.iter().for_each(|line| counts.add(line));
    counts.report(&record.header)
}

impl Counts {
    /// What is known so far of the run that began with `header`.
    pub fn report(&self, header: &RunHeader) -> Result<Report, ReportError> {
        let all = row("all", None, &self.all).ok_or_else(|| ReportError::Nothing {
            run_id: header.run_id.clone(),
        })?;
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        let languages: Vec<Row> = self
            .languages
            .iter()
            .filter_map(|(language, of)| row(language.name(), Some(*language), &of.all))
            .collect();
        let mut report = Report {
            run: run_of(header, &self.protocols),
            macro_mean: macro_mean(&languages),
            sources: self
                .sources
                .iter()
                .filter_map(|((language, source), group)| row(source, Some(*language), group))
                .collect(),
            parts: parts(self),
            unread: all.unread,
            rules: self.rules.iter().map(|(rule, n)| (rule.clone(), *n)).collect(),
            truncated: self.truncated,
            calibration: self.confidences.calibration(),
            choice: choice::measures(&self.languages),
            position: position(self),
            language_of_text: language_of_text(self),
            rationales: None,
            speed: self.speed,
            published: published_rows(self, &languages),
            english: english(self),
            warnings: Vec::new(),
            all,
            languages,
        };
        report.warnings = warnings::of(&report);
        Ok(report)
    }
}

fn run_of(header: &RunHeader, protocols: &BTreeSet<String>) -> Run {
    let evaluation = header.evaluation.clone().unwrap_or_default();
    let model = header.model.as_ref();
    let protocol = if evaluation.protocol.is_empty() {
        protocols.iter().map(String::as_str).collect::<Vec<_>>().join(" and ")
    } else {
        evaluation.protocol
    };
    Run {
        run_id: header.run_id.clone(),
        started: header.started.clone(),
        software: header.software.clone(),
        model: model.map_or_else(|| "none".into(), |m| m.name.clone()),
        quantization: model.map(|m| m.quantization.clone()).unwrap_or_default(),
        backend: model.map(|m| m.backend.clone()).unwrap_or_default(),
        protocol,
        prompt: header
            .prompt
            .as_ref()
            .map(|p| format!("{}.{}", p.name, p.version))
            .unwrap_or_default(),
        shots: evaluation.shots,
        chat_template: evaluation.chat_template,
        option_order: evaluation.option_order,
        data: evaluation.data.name,
        data_hash: evaluation.data.hash,
        data_questions: evaluation.data.questions,
        unreadable_lines: evaluation.data.unreadable_lines,
        until: evaluation.until,
    }
}

/// A group's row; `None` for an empty one.
fn row(name: &str, language: Option<Language>, group: &Group) -> Option<Row> {
    let Mean { value, stderr } = group::mean_of_share(group.correct, group.n)?;
    Some(Row {
        name: name.into(),
        language,
        correct: group.correct,
        n: group.n,
        accuracy: value,
        wilson: wilson(group.correct, group.n, ALPHA)?,
        exact: exact(group.correct, group.n, ALPHA)?,
        stderr,
        chance: group.chance(),
        unread: group.unread,
    })
}

fn macro_mean(languages: &[Row]) -> Option<MacroMean> {
    if languages.len() < 2 {
        return None;
    }
    let members: Vec<Member> = languages
        .iter()
        .map(|row| Member {
            value: row.accuracy,
            stderr: row.stderr,
            size: row.n,
        })
        .collect();
    let Mean { value, stderr } = group::plain(&members)?;
    let half = stderr.map(|se| normal_two_sided_quantile(ALPHA) * se);
    Some(MacroMean {
        accuracy: value,
        stderr,
        interval: half.map(|half| Interval {
            low: (value - half).max(0.0),
            high: (value + half).min(1.0),
        }),
        languages: languages.len(),
    })
}

/// One and several right answers where a language has both; items with and without need of an image where it has any.
fn parts(counts: &Counts) -> Vec<Row> {
    let mut out = Vec::new();
    for (language, of) in &counts.languages {
        let mut split = |without: (&str, &Group), with: (&str, &Group)| {
            for (name, group) in [without, with].into_iter().filter(|_| with.1.n > 0) {
                out.extend(row(&format!("{language}, {name}"), Some(*language), group));
            }
        };
        split(("one right answer", &of.one_right), ("several right answers", &of.several_right));
        split(("text alone", &of.text_alone), ("needs its image", &of.needs_image));
    }
    out
}

fn position(counts: &Counts) -> Option<Position> {
    let bias = counts.rotations.bias()?;
    Some(Position {
        questions: bias.questions,
        mean_accuracy: counts.every.correct as f64 / counts.every.n.max(1) as f64,
        always_right: (bias.questions > 0).then(|| bias.always_right as f64 / bias.questions as f64),
        follows_content: bias.follows_content(),
        follows_position: bias.follows_position(),
        by_position: bias.by_position.clone(),
    })
}

fn language_of_text(counts: &Counts) -> Vec<LanguageOfText> {
    let mut out = Vec::new();
    for (language, of) in &counts.languages {
        let seen = of.written;
        // Where only letters were written there is nothing to tell.
        if seen.same + seen.other > 0 {
            out.push(LanguageOfText {
                language: *language,
                same: seen.same,
                other: seen.other,
                unclear: seen.unclear,
            });
        }
    }
    out
}

/// The published accuracies on MMedBench beside the languages whose lines may be its; none where no line is.
fn published_rows(counts: &Counts, languages: &[Row]) -> Vec<PublishedRow> {
    let compares = |row: &Row| row.language.filter(|language| counts.languages[language].elsewhere == 0);
    if languages.iter().all(|row| compares(row).is_none()) {
        return Vec::new();
    }
    let mut rows: Vec<PublishedRow> = published()
        .accuracy
        .iter()
        .map(|row| PublishedRow {
            model: row.name(),
            protocol: row.protocol.clone(),
            percent: languages.iter().map(|mine| row.percent.get(&compares(mine)?).copied()).collect(),
            mean: Some(row.macro_percent()),
            doubts: row.doubts.clone(),
        })
        .collect();
    rows.sort_by(|a, b| b.mean.partial_cmp(&a.mean).unwrap_or(std::cmp::Ordering::Equal));
    rows
}

/// English benchmarks beside the published table of them.
fn english(counts: &Counts) -> Option<Beside> {
    let mine: Vec<Row> = counts
        .english
        .iter()
        .filter_map(|(name, group)| row(name, Some(Language::English), group))
        .collect();
    let mut published: Vec<PublishedRow> = published()
        .english
        .iter()
        .map(|row| PublishedRow {
            model: row.name(),
            protocol: row.protocol.clone(),
            percent: mine.iter().map(|mine| row.percent.get(&mine.name).copied().flatten()).collect(),
            mean: row.reported_average,
            doubts: row.doubts.clone(),
        })
        .collect();
    published.sort_by(|a, b| b.mean.partial_cmp(&a.mean).unwrap_or(std::cmp::Ordering::Equal));
    (!mine.is_empty()).then_some(Beside { mine, published })
}

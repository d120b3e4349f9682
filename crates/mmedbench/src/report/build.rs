//! Counting: from a record to a [`Report`].

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ALPHA, ChoiceMeasures, ChoiceRow, LanguageOfText, MacroMean, Measure, Position, PublishedRow, Report, Row, Run, Speed, chance, lines,
};
use crate::choice::{ChoiceError, ChoiceItem, ChoiceScores};
use crate::extract::rationale_text;
use crate::metrics::consistency::Consistency;
use crate::published::published;
use crate::run::position_bias;
use crate::statistics::Interval;
use crate::statistics::calibration::{BINS, calibration};
use crate::statistics::distribution::normal_two_sided_quantile;
use crate::statistics::group::{self, Mean, Member};
use crate::statistics::interval::{exact, wilson};
use crate::{Language, QuestionRecord, RunRecord, choice};

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
    let counted = lines::counted(&record.questions);
    let all = row("all", None, &counted).ok_or_else(|| ReportError::Nothing {
        run_id: record.header.run_id.clone(),
    })?;
    let by_language = grouped(&counted, |line| line.language);
    let languages = rows(&by_language, |language| (language.name().to_string(), *language));
    let by_source = grouped(&counted, |line| (line.language, line.source.clone()));
    let run = run_of(record);
    let mut report = Report {
        macro_mean: macro_mean(&languages),
        sources: rows(&by_source, |(language, source)| (source.clone(), *language)),
        parts: parts(&by_language),
        unread: all.unread,
        rules: rules(&counted),
        truncated: counted.iter().filter(|line| line.truncated_tokens.is_some_and(|n| n > 0)).count(),
        calibration: calibration(&confidences(&counted), BINS),
        choice: choice_measures(&by_language)?,
        position: position(&record.questions),
        language_of_text: language_of_text(&by_language),
        rationales: None,
        speed: speed(&record.questions),
        published: published_rows(&languages),
        warnings: Vec::new(),
        run,
        all,
        languages,
    };
    report.warnings = warnings(&report);
    Ok(report)
}

fn run_of(record: &RunRecord) -> Run {
    let header = &record.header;
    let evaluation = header.evaluation.clone().unwrap_or_default();
    let model = header.model.as_ref();
    let mut protocols: BTreeSet<&str> = record.questions.iter().filter_map(|line| line.protocol.as_deref()).collect();
    protocols.remove(evaluation.protocol.as_str());
    let protocol = if evaluation.protocol.is_empty() {
        protocols.into_iter().collect::<Vec<_>>().join(" and ")
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
    }
}

fn grouped<'a, K: Ord>(lines: &[&'a QuestionRecord], key: impl Fn(&QuestionRecord) -> K) -> BTreeMap<K, Vec<&'a QuestionRecord>> {
    let mut groups: BTreeMap<K, Vec<&QuestionRecord>> = BTreeMap::new();
    for line in lines {
        groups.entry(key(line)).or_default().push(line);
    }
    groups
}

fn rows<K>(groups: &BTreeMap<K, Vec<&QuestionRecord>>, name: impl Fn(&K) -> (String, Language)) -> Vec<Row> {
    groups
        .iter()
        .filter_map(|(key, lines)| {
            let (name, language) = name(key);
            row(&name, Some(language), lines)
        })
        .collect()
}

/// Counts a group; `None` for an empty one.
fn row(name: &str, language: Option<Language>, lines: &[&QuestionRecord]) -> Option<Row> {
    let n = lines.len();
    let correct = lines.iter().filter(|line| line.correct == Some(true)).count();
    let Mean { value, stderr } = group::mean_of_share(correct, n)?;
    Some(Row {
        name: name.into(),
        language,
        correct,
        n,
        accuracy: value,
        wilson: wilson(correct, n, ALPHA)?,
        exact: exact(correct, n, ALPHA)?,
        stderr,
        chance: chance::of_lines(lines.iter().copied()),
        unread: lines.iter().filter(|line| lines::unread(line)).count(),
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
fn parts(by_language: &BTreeMap<Language, Vec<&QuestionRecord>>) -> Vec<Row> {
    let mut out = Vec::new();
    for (language, lines) in by_language {
        let mut split = |test: fn(&QuestionRecord) -> bool, yes: &str, no: &str| {
            let (with, without): (Vec<&QuestionRecord>, Vec<&QuestionRecord>) = lines.iter().partition(|line| test(line));
            if !with.is_empty() {
                let mut part =
                    |name: &str, lines: &[&QuestionRecord]| out.extend(row(&format!("{language}, {name}"), Some(*language), lines));
                part(no, &without);
                part(yes, &with);
            }
        };
        split(lines::several, "several right answers", "one right answer");
        split(|line| line.needs_image, "needs its image", "text alone");
    }
    out
}

fn rules(lines: &[&QuestionRecord]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in lines.iter().filter_map(|line| line.rule.as_deref()) {
        *counts.entry(rule).or_default() += 1;
    }
    counts.into_iter().map(|(rule, n)| (rule.to_string(), n)).collect()
}

fn confidences(lines: &[&QuestionRecord]) -> Vec<(f64, bool)> {
    lines
        .iter()
        .filter_map(|line| Some((lines::confidence(line)?, line.correct?)))
        .collect()
}

fn choice_measures(by_language: &BTreeMap<Language, Vec<&QuestionRecord>>) -> Result<Option<ChoiceMeasures>, ReportError> {
    let mut languages = Vec::new();
    for (language, lines) in by_language {
        let mut scores = Vec::new();
        for line in lines {
            scores.extend(choice_scores(line).map_err(|error| ReportError::Scores {
                id: line.id.clone(),
                error,
            })?);
        }
        if !scores.is_empty() {
            languages.push(choice_row(language.name(), &scores));
        }
    }
    if languages.is_empty() {
        return Ok(None);
    }
    Ok(Some(ChoiceMeasures {
        weighted: pooled("weighted by size", &languages, group::weighted),
        plain: pooled("plain mean", &languages, group::plain),
        languages,
    }))
}

/// lm-evaluation-harness's scores of a `loglik` line; `None` for any other.
fn choice_scores(line: &QuestionRecord) -> Result<Option<ChoiceScores>, ChoiceError> {
    let (Some("loglik"), Some(choices), Some(log_likelihoods)) = (line.protocol.as_deref(), &line.choices, &line.log_likelihoods) else {
        return Ok(None);
    };
    let texts: Vec<&str> = choices.iter().map(String::as_str).collect();
    // Letters of the data in order: the first option is A.
    let gold: BTreeSet<usize> = line
        .gold
        .chars()
        .filter(char::is_ascii_uppercase)
        .map(|letter| letter as usize - 'A' as usize)
        .collect();
    choice::score(&ChoiceItem {
        texts: &texts,
        log_likelihoods,
        unconditional: line.unconditional_log_likelihoods.as_deref(),
        greedy: line.greedy.as_deref(),
        gold: &gold,
    })
    .map(Some)
}

fn choice_row(name: &str, scores: &[ChoiceScores]) -> ChoiceRow {
    let measure = |values: &[f64]| {
        let Mean { value, stderr } = group::mean(values).unwrap_or(Mean { value: 0.0, stderr: None });
        Measure { value, stderr }
    };
    let share = |right: fn(&ChoiceScores) -> bool| {
        let values: Vec<f64> = scores.iter().map(|s| f64::from(u8::from(right(s)))).collect();
        measure(&values)
    };
    let perhaps = |value: fn(&ChoiceScores) -> Option<f64>| scores.iter().map(value).collect::<Option<Vec<f64>>>().map(|v| measure(&v));
    ChoiceRow {
        name: name.into(),
        n: scores.len(),
        acc: share(|s| s.acc),
        acc_norm: share(|s| s.acc_norm),
        acc_bytes: share(|s| s.acc_bytes),
        acc_mutual_info: perhaps(|s| s.acc_mutual_info.map(|right| f64::from(u8::from(right)))),
        exact_match: perhaps(|s| s.exact_match.map(|right| f64::from(u8::from(right)))),
        brier: perhaps(|s| s.brier),
    }
}

fn pooled(name: &str, rows: &[ChoiceRow], pool: fn(&[Member]) -> Option<Mean>) -> ChoiceRow {
    let of = |measure: fn(&ChoiceRow) -> Option<Measure>| {
        let members: Option<Vec<Member>> = rows
            .iter()
            .map(|row| {
                measure(row).map(|m| Member {
                    value: m.value,
                    stderr: m.stderr,
                    size: row.n,
                })
            })
            .collect();
        pool(&members?).map(|Mean { value, stderr }| Measure { value, stderr })
    };
    let nothing = Measure { value: 0.0, stderr: None };
    ChoiceRow {
        name: name.into(),
        n: rows.iter().map(|row| row.n).sum(),
        acc: of(|row| Some(row.acc)).unwrap_or(nothing),
        acc_norm: of(|row| Some(row.acc_norm)).unwrap_or(nothing),
        acc_bytes: of(|row| Some(row.acc_bytes)).unwrap_or(nothing),
        acc_mutual_info: of(|row| row.acc_mutual_info),
        exact_match: of(|row| row.exact_match),
        brier: of(|row| row.brier),
    }
}

fn position(questions: &[QuestionRecord]) -> Option<Position> {
    let bias = position_bias(questions)?;
    let answered: Vec<bool> = questions.iter().filter_map(|line| line.correct).collect();
    let right = answered.iter().filter(|right| **right).count();
    Some(Position {
        questions: bias.questions,
        mean_accuracy: right as f64 / answered.len().max(1) as f64,
        always_right: (bias.questions > 0).then(|| bias.always_right as f64 / bias.questions as f64),
        follows_content: bias.follows_content(),
        follows_position: bias.follows_position(),
        by_position: bias.by_position,
    })
}

fn language_of_text(by_language: &BTreeMap<Language, Vec<&QuestionRecord>>) -> Vec<LanguageOfText> {
    let mut out = Vec::new();
    for (language, lines) in by_language {
        let mut seen = Consistency::default();
        for text in lines.iter().filter_map(|line| line.text.as_deref()) {
            seen.count(rationale_text(text), *language);
        }
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

fn speed(questions: &[QuestionRecord]) -> Speed {
    Speed {
        tokens: questions.iter().filter_map(|line| line.tokens).map(u64::from).sum(),
        written_tokens: questions.iter().filter_map(|line| line.written_tokens).map(u64::from).sum(),
        seconds: questions.iter().filter_map(|line| line.milliseconds).sum::<f64>() / 1000.0,
    }
}

fn published_rows(languages: &[Row]) -> Vec<PublishedRow> {
    let mut rows: Vec<PublishedRow> = published()
        .accuracy
        .iter()
        .map(|row| PublishedRow {
            model: row.name(),
            protocol: row.protocol.clone(),
            percent: languages
                .iter()
                .map(|mine| mine.language.and_then(|language| row.percent.get(&language).copied()))
                .collect(),
            macro_percent: row.macro_percent(),
            doubts: row.doubts.clone(),
        })
        .collect();
    rows.sort_by(|a, b| b.macro_percent.total_cmp(&a.macro_percent));
    rows
}

fn warnings(report: &Report) -> Vec<String> {
    let mut out = Vec::new();
    let run = &report.run;
    if run.protocol != "paper" {
        out.push(format!(
            "The published rows are by generation after fine-tuning, read strictly (protocol paper); this run is by protocol {}. They are different experiments: compare the \
             languages within a row, not the rows.",
            run.protocol
        ));
    } else {
        out.push(
            "The published models were fine-tuned on MMedBench's training set, and the GPT and Gemini rows were not. The record does not say whether this model was.".into(),
        );
    }
    let sizes = &published().test_sizes;
    let other: Vec<String> = report
        .languages
        .iter()
        .filter_map(|row| Some((row, *sizes.get(&row.language?)?)))
        .filter(|(row, size)| row.n != *size)
        .map(|(row, size)| format!("{} {}, there {size}", row.name, row.n))
        .collect();
    if !other.is_empty() {
        out.push(format!(
            "The published rows rest on the whole test sets of MMedBench; these are other questions, or not all of them ({}).",
            other.join("; ")
        ));
    }
    if let Some(position) = &report.position {
        out.push(format!(
            "Every rotation of the options was asked. The rows count the options as given; over all rotations the accuracy is {:.1}%.",
            100.0 * position.mean_accuracy
        ));
    }
    if report.unread > 0 {
        out.push(format!("Answers that could not be read, and count as wrong: {}.", report.unread));
    }
    if report.truncated > 0 {
        out.push(format!(
            "Questions that did not fit the model and were cut on the left: {}.",
            report.truncated
        ));
    }
    if run.unreadable_lines > 0 {
        out.push(format!(
            "Lines of the data that are no questions, and in no score: {}.",
            run.unreadable_lines
        ));
    }
    if run.data_questions as usize > report.all.n && report.position.is_none() {
        out.push(format!(
            "{} of {} questions of the data are answered.",
            report.all.n, run.data_questions
        ));
    }
    out
}

//! What raters said of each source, and how far they agree.
//!
//! A question is the unit: the score of a source on a question is the mean of its raters there, so that many raters of one question do not
//! count as many questions. What must hold: records of different studies, and two of one rater, are refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{RatedQuestion, RatingError, Ratings};
use crate::Language;
use crate::statistics::Interval;
use crate::statistics::agreement::{Scale, krippendorff_alpha};
use crate::statistics::distribution::student_t_two_sided_quantile;
use crate::statistics::group::{Mean, mean};

/// Intervals are at 95%.
const ALPHA: f64 = 0.05;

/// What a study's ratings say.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub study: String,
    /// Questions of the study; the groups count those that somebody judged.
    pub questions: usize,
    pub raters: Vec<Rater>,
    pub all: Group,
    /// More than one language apart.
    pub languages: Vec<Group>,
}

/// One rater.
#[derive(Clone, Debug, Serialize)]
pub struct Rater {
    pub name: String,
    /// Questions judged.
    pub questions: usize,
}

/// Some questions.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub name: String,
    /// Questions that somebody judged, and those that several raters did.
    pub questions: usize,
    pub by_several: usize,
    /// Krippendorff's alpha of the scores on the ordinal scale; absent where no text was judged twice or all scores are equal.
    pub alpha: Option<f64>,
    /// Best first.
    pub sources: Vec<SourceRow>,
}

/// One source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceRow {
    pub source: String,
    /// Judgements, and of how many questions.
    pub ratings: usize,
    pub questions: usize,
    /// Mean over questions of the raters' mean score.
    pub score: f64,
    /// Of that mean over questions: sample standard deviation / √n.
    pub stderr: Option<f64>,
    /// score ± t × stderr, Student's t with n − 1 degrees of freedom, kept on the scale.
    pub interval: Option<Interval>,
    /// Mean rank within a question, 1 best, ties sharing the mean of their places.
    pub rank: f64,
    /// How often each score was given, from the lowest.
    pub counts: Vec<usize>,
}

/// What all raters of one study said.
pub fn summary(all: &[Ratings]) -> Result<Summary, RatingError> {
    let first = &all.first().ok_or(RatingError::Empty)?.header;
    let mut names = BTreeSet::new();
    for ratings in all {
        ratings.header.must_equal(first)?;
        if !names.insert(&ratings.header.rater) {
            return Err(RatingError::SameRater(ratings.header.rater.clone()));
        }
    }
    let languages: BTreeSet<Language> = all.iter().flat_map(|r| &r.questions).map(|q| q.language).collect();
    let of = |name: &str, language: Option<Language>| group(name, &first.sources, all, |q| language.is_none_or(|l| l == q.language));
    Ok(Summary {
        study: first.study.clone(),
        questions: first.questions,
        raters: all
            .iter()
            .map(|ratings| Rater {
                name: ratings.header.rater.clone(),
                questions: ratings.questions.len(),
            })
            .collect(),
        all: of("all", None).ok_or(RatingError::Empty)?,
        languages: match languages.len() {
            0 | 1 => Vec::new(),
            _ => languages
                .iter()
                .filter_map(|language| of(language.name(), Some(*language)))
                .collect(),
        },
    })
}

/// `None` where nothing was judged.
fn group(name: &str, sources: &[String], all: &[Ratings], wanted: impl Fn(&RatedQuestion) -> bool) -> Option<Group> {
    // Question to the raters that judged it and what they said.
    let mut by_question: BTreeMap<&str, Vec<(usize, &RatedQuestion)>> = BTreeMap::new();
    for (rater, ratings) in all.iter().enumerate() {
        for question in ratings.questions.iter().filter(|q| wanted(q)) {
            by_question.entry(&question.question_hash).or_default().push((rater, question));
        }
    }
    if by_question.is_empty() {
        return None;
    }
    let mut rows: Vec<SourceRow> = sources.iter().filter_map(|source| row(source, by_question.values())).collect();
    rows.sort_by(|a, b| b.score.total_cmp(&a.score));
    // A row for each rater, a column for each text.
    let columns = by_question
        .values()
        .flat_map(|said| sources.iter().map(move |source| (said, source)));
    let mut table: Vec<Vec<Option<f64>>> = vec![Vec::new(); all.len()];
    for (said, source) in columns {
        for (rater, row) in table.iter_mut().enumerate() {
            let mine = said.iter().find(|(who, _)| *who == rater);
            row.push(mine.and_then(|(_, question)| score(question, source)));
        }
    }
    Some(Group {
        name: name.into(),
        questions: by_question.len(),
        by_several: by_question.values().filter(|said| said.len() > 1).count(),
        alpha: krippendorff_alpha(&table, Scale::Ordinal),
        sources: rows,
    })
}

fn row<'a>(source: &str, questions: impl Iterator<Item = &'a Vec<(usize, &'a RatedQuestion)>>) -> Option<SourceRow> {
    let (mut scores, mut ranks) = (Vec::new(), Vec::new());
    let mut counts = vec![0; super::ANCHORS.len()];
    for said in questions {
        let mine: Vec<f64> = said.iter().filter_map(|(_, question)| score(question, source)).collect();
        for &score in &mine {
            counts[score as usize - 1] += 1;
        }
        scores.extend(mean(&mine).map(|m| m.value));
        let places: Vec<f64> = said.iter().filter_map(|(_, question)| rank(question, source)).collect();
        ranks.extend(mean(&places).map(|m| m.value));
    }
    let Mean { value, stderr } = mean(&scores)?;
    let half = stderr.map(|se| se * student_t_two_sided_quantile(ALPHA, scores.len() as u32 - 1));
    Some(SourceRow {
        source: source.into(),
        ratings: counts.iter().sum(),
        questions: scores.len(),
        score: value,
        stderr,
        interval: half.map(|half| Interval {
            low: (value - half).max(1.0),
            high: (value + half).min(super::ANCHORS.len() as f64),
        }),
        rank: mean(&ranks)?.value,
        counts,
    })
}

fn score(question: &RatedQuestion, source: &str) -> Option<f64> {
    question.ratings.iter().find(|r| r.source == source).map(|r| f64::from(r.score))
}

/// 1 for the best of the question's texts.
fn rank(question: &RatedQuestion, source: &str) -> Option<f64> {
    let mine = score(question, source)?;
    let others = |test: fn(f64, f64) -> bool| question.ratings.iter().filter(|r| test(f64::from(r.score), mine)).count() as f64;
    Some(others(|theirs, mine| theirs > mine) + (others(|theirs, mine| theirs == mine) + 1.0) / 2.0)
}

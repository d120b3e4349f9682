//! Which automatic metric orders texts as people do?
//!
//! Kendall's tau-b over texts: the mean score of a text's raters against a metric's value of the same text. What must hold: the stored
//! rationale, which metrics compare with, is not a text among the others here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ratings, STORED};
use crate::report::rationales::{Pair, Scores, of_text, references};
use crate::statistics::group::mean;
use crate::statistics::kendall::tau_b;
use crate::{Language, Question};

/// A text that people judged and metrics can: the stored rationale of its question is known.
#[derive(Clone, Debug, PartialEq)]
pub struct RatedText<'a> {
    pub source: &'a str,
    pub pair: Pair<'a>,
    /// Mean over raters.
    pub score: f64,
}

/// How a metric goes with people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Correlation {
    pub metric: String,
    /// Texts.
    pub n: usize,
    /// In [−1, 1]. TER falls where texts are better, so good agreement is negative there.
    pub tau_b: f64,
    /// Two-sided, by the normal approximation. Texts of one question are not independent, so it is too small rather than too large.
    pub p: Option<f64>,
}

/// The judged texts of all sources but the stored rationales.
pub fn rated_texts<'a>(all: &'a [Ratings], questions: &'a [Question]) -> Vec<RatedText<'a>> {
    let references = references(questions);
    let mut texts: BTreeMap<(&str, &str), (Language, &str, Vec<f64>)> = BTreeMap::new();
    for question in all.iter().flat_map(|ratings| &ratings.questions) {
        for rating in question.ratings.iter().filter(|rating| rating.source != STORED) {
            let (_, _, scores) = texts
                .entry((&question.question_hash, &rating.source))
                .or_insert_with(|| (question.language, &rating.text, Vec::new()));
            scores.push(f64::from(rating.score));
        }
    }
    texts
        .into_iter()
        .filter_map(|((hash, source), (language, text, scores))| {
            Some(RatedText {
                source,
                pair: Pair {
                    language,
                    text,
                    reference: references.get(hash)?,
                },
                score: mean(&scores)?.value,
            })
        })
        .collect()
}

/// Fewer texts have no correlation: their p value would be a normal approximation of nothing, and one text more could turn the sign.
pub const FEWEST_TEXTS: usize = 10;

/// Of one metric, given its value of each text. `None` where there is nothing to order: fewer than [`FEWEST_TEXTS`], or all alike.
pub fn correlation(metric: &str, texts: &[RatedText], values: &[f64]) -> Option<Correlation> {
    if texts.len() < FEWEST_TEXTS {
        return None;
    }
    let scores: Vec<f64> = texts.iter().map(|text| text.score).collect();
    let tau = tau_b(values, &scores)?;
    Some(Correlation {
        metric: metric.into(),
        n: texts.len(),
        tau_b: tau.tau_b,
        p: tau.p_asymptotic,
    })
}

/// Of every metric that reports give, BERTScore left out.
pub fn correlations(texts: &[RatedText]) -> Vec<Correlation> {
    let values: Vec<_> = texts.iter().map(|text| metrics(&of_text(&text.pair))).collect();
    let Some(first) = values.first() else { return Vec::new() };
    let of = |metric: usize| {
        let column: Vec<f64> = values.iter().map(|row| row[metric].1).collect();
        correlation(first[metric].0, texts, &column)
    };
    (0..first.len()).filter_map(of).collect()
}

fn metrics(s: &Scores) -> [(&'static str, f64); 14] {
    [
        ("BLEU-1", s.bleu[0]),
        ("BLEU-2", s.bleu[1]),
        ("BLEU-3", s.bleu[2]),
        ("BLEU-4", s.bleu[3]),
        ("ROUGE-1 (authors)", s.rouge_authors[0]),
        ("ROUGE-2 (authors)", s.rouge_authors[1]),
        ("ROUGE-L (authors)", s.rouge_authors[2]),
        ("ROUGE-1", s.rouge[0]),
        ("ROUGE-2", s.rouge[1]),
        ("ROUGE-L", s.rouge[2]),
        ("BLEU of sacrebleu", s.corpus_bleu),
        ("chrF", s.chrf),
        ("chrF++", s.chrf_plus_plus),
        ("TER", s.ter),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_texts_say_nothing() {
        let text = |score: usize| RatedText {
            source: "a",
            pair: Pair {
                language: Language::English,
                text: "",
                reference: "",
            },
            score: score as f64,
        };
        let texts: Vec<RatedText> = (0..FEWEST_TEXTS).map(text).collect();
        let values: Vec<f64> = (0..FEWEST_TEXTS).map(|n| n as f64).collect();
        assert!(correlation("m", &texts, &values).unwrap().tau_b > 0.999);
        let few = FEWEST_TEXTS - 1;
        assert_eq!(correlation("m", &texts[..few], &values[..few]), None);
    }
}

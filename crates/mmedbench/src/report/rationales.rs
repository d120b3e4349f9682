//! How like the stored rationales are the ones that a model wrote? Needs the data beside the record, because records do not hold the
//! references.
//!
//! What must hold: a text is compared with the rationale of the question whose hash its line has; where the data marks rationales that
//! people checked, only those count, as in the paper; scores name the tokens they were computed on. Texts that are missing score 0 and are
//! counted.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::lines;
use crate::extract::rationale_text;
use crate::metrics::rouge::Rouge;
use crate::metrics::tokens::{Scheme, mteval};
use crate::metrics::{bleu, chrf, rouge, rouge_authors, ter};
use crate::{Language, Question, RunRecord};

/// Similarity of one language's rationales: means over texts in [0, 1], and corpus scores in [0, 100] as their libraries print them.
#[derive(Clone, Debug, Serialize)]
pub struct RationaleRow {
    pub language: Language,
    pub n: usize,
    /// Texts without a rationale.
    pub empty: usize,
    /// [`Scheme::name`] of the words that BLEU and ROUGE were computed on.
    pub tokens: &'static str,
    /// Whether the paper's scripts cut this language the same way.
    pub tokens_of_the_paper: bool,
    /// BLEU-1 to BLEU-4.
    pub bleu: [f64; 4],
    /// ROUGE-1, -2, -L as the paper's scripts compute them.
    pub rouge_authors: [f64; 3],
    /// The standard ROUGE-1, -2, -L.
    pub rouge: [f64; 3],
    pub corpus_bleu: f64,
    pub chrf: f64,
    pub chrf_plus_plus: f64,
    pub ter: f64,
}

/// A row per language in which texts and stored rationales meet; empty where nothing was written or nothing is stored.
pub fn rationales(record: &RunRecord, questions: &[Question]) -> Vec<RationaleRow> {
    let only_checked = questions.iter().any(|q| q.rationale_checked);
    let references: HashMap<String, &str> = questions
        .iter()
        .filter(|q| q.rationale_checked || !only_checked)
        .filter_map(|q| Some((q.hash(), q.rationale.as_deref()?)))
        .collect();
    let mut pairs: BTreeMap<Language, Vec<(&str, &str)>> = BTreeMap::new();
    for line in lines::counted(&record.questions) {
        if let (Some(text), Some(reference)) = (&line.text, references.get(&line.question_hash)) {
            pairs.entry(line.language).or_default().push((rationale_text(text), reference));
        }
    }
    // Answers without any rationale are another kind of run.
    pairs.retain(|_, pairs| pairs.iter().any(|(text, _)| !text.is_empty()));
    pairs.iter().map(|(language, pairs)| row(*language, pairs)).collect()
}

fn row(language: Language, pairs: &[(&str, &str)]) -> RationaleRow {
    let scheme = Scheme::of(language);
    let n = pairs.len() as f64;
    let (mut bleu_sum, mut authors_sum, mut rouge_sum) = ([0.0; 4], [0.0; 3], [0.0; 3]);
    let add = |sum: &mut [f64], values: &[f64]| sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / n);
    let three = |r: Rouge| [r.rouge1, r.rouge2, r.rouge_l];
    let mut corpus = Vec::with_capacity(pairs.len());
    for (text, reference) in pairs {
        let (mine, theirs) = (scheme.tokens(text), scheme.tokens(reference));
        let (mine, theirs): (Vec<&str>, Vec<&str>) = (
            mine.iter().map(String::as_str).collect(),
            theirs.iter().map(String::as_str).collect(),
        );
        add(&mut bleu_sum, &bleu::sentence(&mine, &theirs));
        add(&mut authors_sum, &three(rouge_authors::rouge(&mine, &theirs).unwrap_or_default()));
        add(&mut rouge_sum, &three(rouge::rouge(&mine, &theirs)));
        let cut = match language {
            Language::Chinese => mteval::chinese,
            Language::Japanese => mteval::characters,
            _ => mteval::mteval,
        };
        corpus.push((cut(text), cut(reference)));
    }
    RationaleRow {
        language,
        n: pairs.len(),
        empty: pairs.iter().filter(|(text, _)| text.is_empty()).count(),
        tokens: scheme.name(),
        tokens_of_the_paper: scheme.is_the_papers(),
        bleu: bleu_sum,
        rouge_authors: authors_sum,
        rouge: rouge_sum,
        corpus_bleu: bleu::corpus(&corpus),
        chrf: chrf::corpus(pairs, 0),
        chrf_plus_plus: chrf::corpus(pairs, 2),
        ter: ter::corpus(pairs),
    }
}

//! How like the stored rationales are the ones that a model wrote? Needs the data beside the record, because records do not hold the
//! references.
//!
//! What must hold: a text is compared with the rationale of the question whose hash its line has; where the data marks rationales that
//! people checked, only those count, as in the paper; scores name the tokens they were computed on. Texts without a rationale score 0 and
//! are counted. Next: `rating/` compares the same scores with what people say.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::lines;
use crate::extract::rationale_text;
use crate::metrics::rouge::Rouge;
use crate::metrics::tokens::{Scheme, mteval};
use crate::metrics::{bleu, chrf, rouge, rouge_authors, ter};
use crate::{Language, Question, RunRecord};

/// What a model wrote beside what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    pub language: Language,
    /// The rationale alone, without the sentence that names the answer; empty where there is none.
    pub text: &'a str,
    pub reference: &'a str,
}

/// The rationales of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Rationales {
    pub languages: Vec<RationaleRow>,
    /// The plain mean of the languages, as in the paper; absent for a single one.
    pub macro_mean: Option<Scores>,
    /// Which model and layer BERTScore was computed with; absent where it was not.
    pub bert_score: Option<String>,
}

/// One language's rationales.
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
    #[serde(flatten)]
    pub scores: Scores,
}

/// Similarities: means over texts in [0, 1], and corpus scores in [0, 100] as their libraries print them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// BLEU-1 to BLEU-4.
    pub bleu: [f64; 4],
    /// ROUGE-1, -2, -L as the paper's scripts compute them.
    pub rouge_authors: [f64; 3],
    /// The standard ROUGE-1, -2, -L.
    pub rouge: [f64; 3],
    /// F1; a program that has a BERT fills it in, see [`Rationales::set_bert_score`].
    pub bert_score: Option<f64>,
    pub corpus_bleu: f64,
    pub chrf: f64,
    pub chrf_plus_plus: f64,
    pub ter: f64,
}

/// Texts of the record whose questions have a stored rationale.
pub fn pairs<'a>(record: &'a RunRecord, questions: &'a [Question]) -> Vec<Pair<'a>> {
    let references = references(questions);
    lines::counted(&record.questions)
        .into_iter()
        .filter_map(|line| {
            Some(Pair {
                language: line.language,
                text: rationale_text(line.text.as_deref()?),
                reference: references.get(&line.question_hash)?,
            })
        })
        .collect()
}

/// Why [`rationales`] has nothing to say, for people.
pub fn missing(wrote: bool, pairs: &[Pair]) -> &'static str {
    if !wrote {
        "no answer was written (protocols paper and lenient write)"
    } else if pairs.is_empty() {
        "no question of the run has a stored rationale in the data"
    } else {
        "no answer holds a rationale (the prompt paper-rationale asks for one)"
    }
}

/// Stored rationales by [`Question::hash`]: those that people checked where the data marks any, otherwise all.
pub fn references(questions: &[Question]) -> HashMap<String, &str> {
    let only_checked = questions.iter().any(|q| q.rationale_checked);
    let counts = |q: &&Question| q.rationale_checked || !only_checked;
    questions
        .iter()
        .filter(counts)
        .filter_map(|q| Some((q.hash(), q.rationale.as_deref()?)))
        .collect()
}

/// Scores of each language in which texts and stored rationales meet; `None` where no rationale was written or none is stored.
pub fn rationales(pairs: &[Pair]) -> Option<Rationales> {
    let by_language = grouped(pairs);
    let languages: Vec<RationaleRow> = by_language.iter().map(|(language, pairs)| row(*language, pairs)).collect();
    (!languages.is_empty()).then(|| Rationales {
        macro_mean: macro_mean(&languages),
        languages,
        bert_score: None,
    })
}

impl Rationales {
    /// Fills in BERTScore: `how` names model and layer, `f1` is of each of the `pairs` that these scores were made from.
    pub fn set_bert_score(&mut self, how: String, pairs: &[Pair], f1: &[f64]) {
        for row in &mut self.languages {
            let of_language = pairs.iter().zip(f1).filter(|(pair, _)| pair.language == row.language);
            row.scores.bert_score = Some(of_language.map(|(_, f1)| f1).sum::<f64>() / row.n as f64);
        }
        self.macro_mean = macro_mean(&self.languages);
        self.bert_score = Some(how);
    }
}

/// Every score of one text alone, BERTScore left out.
pub fn of_text(pair: &Pair) -> Scores {
    words(pair, corpus(pair.language, std::slice::from_ref(pair)))
}

/// `rest` with the BLEU and ROUGE of one text.
fn words(pair: &Pair, rest: Scores) -> Scores {
    let scheme = Scheme::of(pair.language);
    let (mine, theirs) = (scheme.tokens(pair.text), scheme.tokens(pair.reference));
    let mine: Vec<&str> = mine.iter().map(String::as_str).collect();
    let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
    let three = |r: Rouge| [r.rouge1, r.rouge2, r.rouge_l];
    Scores {
        bleu: bleu::sentence(&mine, &theirs),
        rouge_authors: three(rouge_authors::rouge(&mine, &theirs).unwrap_or_default()),
        rouge: three(rouge::rouge(&mine, &theirs)),
        ..rest
    }
}

/// The scores that are of all texts together.
fn corpus(language: Language, pairs: &[Pair]) -> Scores {
    let cut = match language {
        Language::Chinese => mteval::chinese,
        Language::Japanese => mteval::characters,
        _ => mteval::mteval,
    };
    let texts: Vec<(&str, &str)> = pairs.iter().map(|pair| (pair.text, pair.reference)).collect();
    let tokens: Vec<_> = texts.iter().map(|(text, reference)| (cut(text), cut(reference))).collect();
    Scores {
        corpus_bleu: bleu::corpus(&tokens),
        chrf: chrf::corpus(&texts, 0),
        chrf_plus_plus: chrf::corpus(&texts, 2),
        ter: ter::corpus(&texts),
        ..Scores::default()
    }
}

fn grouped<'a>(pairs: &[Pair<'a>]) -> BTreeMap<Language, Vec<Pair<'a>>> {
    let mut out: BTreeMap<Language, Vec<Pair>> = BTreeMap::new();
    for pair in pairs {
        out.entry(pair.language).or_default().push(*pair);
    }
    // Answers without any rationale are another kind of run.
    out.retain(|_, pairs| pairs.iter().any(|pair| !pair.text.is_empty()));
    out
}

fn row(language: Language, pairs: &[Pair]) -> RationaleRow {
    let scheme = Scheme::of(language);
    let mean = mean(&pairs.iter().map(|pair| words(pair, Scores::default())).collect::<Vec<_>>());
    RationaleRow {
        language,
        n: pairs.len(),
        empty: pairs.iter().filter(|pair| pair.text.is_empty()).count(),
        tokens: scheme.name(),
        tokens_of_the_paper: scheme.is_the_papers(),
        scores: Scores {
            bleu: mean.bleu,
            rouge_authors: mean.rouge_authors,
            rouge: mean.rouge,
            ..corpus(language, pairs)
        },
    }
}

fn macro_mean(rows: &[RationaleRow]) -> Option<Scores> {
    let scores: Vec<Scores> = rows.iter().map(|row| row.scores).collect();
    (rows.len() > 1).then(|| mean(&scores))
}

fn mean(of: &[Scores]) -> Scores {
    let mean = |value: &dyn Fn(&Scores) -> f64| of.iter().map(value).sum::<f64>() / of.len().max(1) as f64;
    Scores {
        bleu: std::array::from_fn(|i| mean(&|s| s.bleu[i])),
        rouge_authors: std::array::from_fn(|i| mean(&|s| s.rouge_authors[i])),
        rouge: std::array::from_fn(|i| mean(&|s| s.rouge[i])),
        bert_score: of
            .iter()
            .map(|s| s.bert_score)
            .collect::<Option<Vec<f64>>>()
            .map(|all| all.iter().sum::<f64>() / all.len().max(1) as f64),
        corpus_bleu: mean(&|s| s.corpus_bleu),
        chrf: mean(&|s| s.chrf),
        chrf_plus_plus: mean(&|s| s.chrf_plus_plus),
        ter: mean(&|s| s.ter),
    }
}

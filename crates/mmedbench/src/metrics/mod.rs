//! How like a reference text is a model's? The measures of the paper for rationales, the standard ones, and the language of an answer.
//!
//! What must hold: a measure has one definition and one name (the authors' ROUGE is not the standard one); the tokens it was computed on
//! are named too, since scores on different tokens do not compare. A text without tokens scores 0. Compared with the Python libraries in
//! `tests/conformance_text.rs`.
//!
//! - [`tokens`]: words, by language: NLTK's rules, jieba, ICU, characters
//! - [`bleu`]: BLEU of one text (NLTK, smoothing method 1) and of a corpus (sacrebleu)
//! - [`rouge`]: the standard ROUGE-1, -2, -L; [`rouge_authors`]: what the paper's scripts compute
//! - [`chrf`], [`ter`]: corpus scores of sacrebleu, on characters and on edits
//! - [`consistency`]: is the answer in the question's language?

pub mod bleu;
pub mod chrf;
pub mod consistency;
pub mod ngrams;
pub mod rouge;
pub mod rouge_authors;
pub mod ter;
pub mod tokens;

//! Few-shot examples: which training questions stand before a question.
//!
//! What must hold: equal seeds and equal training data choose equal examples, in whatever order the data was read; every question of a
//! language sees the same ones, so that their part of the prompt is computed once; no question is its own example (it gets the next one
//! instead). Next: `template.rs` writes them down.

use std::collections::BTreeMap;

use crate::seed::Random;
use crate::{Language, Question};

/// The examples of each language: `k`, and one more for questions that are among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shots {
    k: usize,
    chosen: BTreeMap<Language, Vec<Question>>,
}

/// Too few training questions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} examples need {} training questions in {language}, and there are {found}; take fewer, or name a file with more", wanted + 1)]
pub struct TooFew {
    pub language: Language,
    pub wanted: usize,
    pub found: usize,
}

impl Shots {
    /// Chooses `k` examples for each of `languages` from `pool`. Questions that occur twice, or need a picture, are no examples.
    pub fn choose(pool: &[Question], languages: impl IntoIterator<Item = Language>, k: usize, seed: u64) -> Result<Shots, TooFew> {
        let mut chosen = BTreeMap::new();
        for language in languages.into_iter().filter(|_| k > 0) {
            let mut candidates: Vec<(String, &Question)> = pool
                .iter()
                .filter(|q| q.language == language && !q.needs_image)
                .map(|q| (q.hash(), q))
                .collect();
            candidates.sort_by(|a, b| a.0.cmp(&b.0));
            candidates.dedup_by(|a, b| a.1.question == b.1.question);
            if candidates.len() <= k {
                return Err(TooFew {
                    language,
                    wanted: k,
                    found: candidates.len(),
                });
            }
            Random::of(seed, &format!("shots {language}")).shuffle(&mut candidates);
            chosen.insert(language, candidates.into_iter().take(k + 1).map(|(_, q)| q.clone()).collect());
        }
        Ok(Shots { k, chosen })
    }

    /// The examples for a question, in order.
    pub fn for_question<'a>(&'a self, question: &'a Question) -> impl Iterator<Item = &'a Question> {
        let chosen = self.chosen.get(&question.language).map_or(&[][..], Vec::as_slice);
        chosen.iter().filter(|shot| shot.question != question.question).take(self.k)
    }

    /// Solved examples before each question.
    pub fn count(&self) -> usize {
        self.k
    }

    /// SHA-256 over the chosen questions, hex; none without examples.
    pub fn hash(&self) -> Option<String> {
        let hashes: Vec<String> = self.chosen.values().flatten().map(Question::hash).collect();
        (self.k > 0).then(|| crate::sha256_hex(hashes.join(" ").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(n: usize, language: Language) -> Question {
        let line = format!(r#"{{"question":"Q{n}","options":{{"A":"1","B":"2"}},"answer_idx":"A"}}"#);
        Question::from_json_line(&line, "q", "x.jsonl", Some(language)).unwrap()
    }

    #[test]
    fn the_same_examples_in_whatever_order_and_never_the_question_itself() {
        let mut pool: Vec<Question> = (0..30).map(|n| question(n, Language::French)).collect();
        pool.extend((0..30).map(|n| question(n, Language::Russian)));
        let shots = Shots::choose(&pool, [Language::French], 5, 7).unwrap();
        pool.reverse();
        assert_eq!(Shots::choose(&pool, [Language::French], 5, 7).unwrap(), shots);
        assert_ne!(Shots::choose(&pool, [Language::French], 5, 8).unwrap().hash(), shots.hash());
        let other = question(100, Language::French);
        let usual: Vec<&Question> = shots.for_question(&other).collect();
        assert_eq!(usual.len(), 5);
        for shot in &usual {
            let its_own: Vec<&Question> = shots.for_question(shot).collect();
            assert_eq!(its_own.len(), 5);
            assert!(!its_own.contains(shot));
        }
        assert_eq!(shots.for_question(&question(1, Language::Russian)).count(), 0);
    }

    #[test]
    fn too_few_training_questions_are_said() {
        let pool = vec![question(1, Language::Spanish), question(1, Language::Spanish)];
        let error = Shots::choose(&pool, [Language::Spanish], 1, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 examples need 2 training questions in Spanish, and there are 1; take fewer, or name a file with more"
        );
    }
}

//! What a model is asked to score about a question, and what its scores say.
//!
//! - Protocol `letters` (one right answer): after the prompt and [`ANSWER_LEAD`], the next token of each ` A`, ` B`, …: one forward pass.
//! - Protocol `letter-sets` (several right answers): every set of letters as the whole end of an answer (` A,C IS CORRECT.`), so that sets of
//!   different length compare fairly; an option's probability is the sum over the sets that hold it.
//!
//! What must hold: probabilities are finite or the question is an error, never a wrong answer; the first maximum wins ties.

use std::collections::BTreeSet;

use crate::Question;
use crate::prompt::{ANSWER_LEAD, ANSWER_TAIL, Prompt};

/// Sets are scored up to this many options (2⁶ − 1 = 63 sets); beyond it `letters` is used, and its one answer counts.
pub const MOST_OPTIONS_FOR_SETS: usize = 6;

/// How a question is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Each option's letter as the next token.
    Letters,
    /// Each set of letters as a continuation.
    LetterSets,
}

impl Protocol {
    /// The protocol for a question.
    pub fn for_question(question: &Question) -> Protocol {
        if question.is_multiple() && question.options.len() <= MOST_OPTIONS_FOR_SETS {
            Protocol::LetterSets
        } else {
            Protocol::Letters
        }
    }

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Letters => "letters",
            Protocol::LetterSets => "letter-sets",
        }
    }
}

/// A context with its continuations, and the letters that each one stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub protocol: Protocol,
    pub context: String,
    pub continuations: Vec<String>,
    pub sets: Vec<BTreeSet<char>>,
}

/// What a model's scores say about a question.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelAnswer {
    /// The letters it would answer.
    pub prediction: BTreeSet<char>,
    /// Natural logarithm of each option's probability, in the options' order. Among the options (`letters`) they sum to 1; with
    /// `letter-sets` each is its own yes or no.
    pub option_log_probabilities: Vec<f64>,
}

/// Scores that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScoringError {
    #[error("question {id}: the model gave {found} scores for {expected} continuations")]
    Count { id: String, found: usize, expected: usize },
    #[error("question {id}: the model gave a score that is no number; the question is not counted")]
    NotANumber { id: String },
}

/// What to score for `question` after `prompt`.
pub fn task(question: &Question, prompt: &Prompt) -> Task {
    let protocol = Protocol::for_question(question);
    let context = format!("{}{ANSWER_LEAD}", prompt.render(question));
    let letters: Vec<char> = question.options.iter().map(|(letter, _)| *letter).collect();
    let sets: Vec<BTreeSet<char>> = match protocol {
        Protocol::Letters => letters.iter().map(|l| BTreeSet::from([*l])).collect(),
        Protocol::LetterSets => (1u32..1 << letters.len())
            .map(|bits| {
                letters
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| bits >> i & 1 == 1)
                    .map(|(_, l)| *l)
                    .collect()
            })
            .collect(),
    };
    let tail = if protocol == Protocol::LetterSets { ANSWER_TAIL } else { "" };
    let continuations = sets.iter().map(|set| format!(" {}{tail}", crate::letters_to_string(set))).collect();
    Task {
        protocol,
        context,
        continuations,
        sets,
    }
}

/// Reads the scores of a [`Task`]: one for each continuation, each a log-likelihood up to a common constant.
pub fn interpret(question: &Question, task: &Task, scores: &[f64]) -> Result<ModelAnswer, ScoringError> {
    if scores.len() != task.sets.len() {
        return Err(ScoringError::Count {
            id: question.id.clone(),
            found: scores.len(),
            expected: task.sets.len(),
        });
    }
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if scores.iter().any(|s| s.is_nan()) || !best.is_finite() {
        return Err(ScoringError::NotANumber { id: question.id.clone() });
    }
    let total: f64 = scores.iter().map(|s| (s - best).exp()).sum();
    let log_total = best + total.ln();
    let first_best = scores.iter().position(|s| *s == best).unwrap_or(0);
    let option_log_probabilities = question
        .options
        .iter()
        .map(|(letter, _)| {
            let mass: f64 = task
                .sets
                .iter()
                .zip(scores)
                .filter(|(set, _)| set.contains(letter))
                .map(|(_, score)| (score - log_total).exp())
                .sum();
            mass.ln().min(0.0)
        })
        .collect();
    Ok(ModelAnswer {
        prediction: task.sets[first_best].clone(),
        option_log_probabilities,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, PromptVariant};

    fn question(key: &str) -> Question {
        let line = format!(r#"{{"question":"Q","options":{{"A":"1","B":"2","C":"3"}},"answer_idx":"{key}"}}"#);
        Question::from_json_line(&line, "q", "English.jsonl", Some(Language::English)).unwrap()
    }

    #[test]
    fn letters_are_softmaxed() {
        let q = question("B");
        let task = task(&q, &PromptVariant::Answer.prompt());
        assert!(task.context.ends_with("### Response:###Answer: OPTION"));
        assert_eq!(task.continuations, [" A", " B", " C"]);
        let answer = interpret(&q, &task, &[-1.0, 2.0, 0.5]).unwrap();
        assert_eq!(answer.prediction, BTreeSet::from(['B']));
        // softmax([-1, 2, 0.5]) computed by hand: e^-3 + 1 + e^-1.5 = 1.27291723...
        let z: f64 = 0.049_787_068_367_863_944 + 1.0 + 0.223_130_160_148_429_83;
        for (got, want) in answer.option_log_probabilities.iter().zip([-3.0 - z.ln(), -z.ln(), -1.5 - z.ln()]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
    }

    #[test]
    fn sets_give_marginals_that_agree_with_letters_by_hand() {
        let q = question("A,C");
        let task = task(&q, &PromptVariant::Answer.prompt());
        assert_eq!(task.continuations.len(), 7);
        assert_eq!(task.continuations[3], " C IS CORRECT.");
        assert_eq!(task.continuations[6], " A,B,C IS CORRECT.");
        // Probabilities 1/10, 1/10, 2/10, 1/10, 3/10, 1/10, 1/10 for A, B, AB, C, AC, BC, ABC; scaled by a constant.
        let p = [1.0, 1.0, 2.0, 1.0, 3.0, 1.0, 1.0f64];
        let answer = interpret(&q, &task, &p.map(|p| p.ln() - 40.0)).unwrap();
        assert_eq!(crate::letters_to_string(&answer.prediction), "A,C");
        for (got, want) in answer.option_log_probabilities.iter().zip([0.7f64, 0.5, 0.6]) {
            assert!((got.exp() - want).abs() < 1e-12, "{got} {want}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_an_error() {
        let q = question("A");
        let task = task(&q, &PromptVariant::Answer.prompt());
        assert!(matches!(
            interpret(&q, &task, &[0.0, f64::NAN, 0.0]),
            Err(ScoringError::NotANumber { .. })
        ));
        assert!(matches!(
            interpret(&q, &task, &[f64::NEG_INFINITY; 3]),
            Err(ScoringError::NotANumber { .. })
        ));
        assert!(matches!(interpret(&q, &task, &[0.0]), Err(ScoringError::Count { .. })));
        // Ties go to the first, and an option that is ruled out is no error.
        let tied = interpret(&q, &task, &[0.0, 0.0, f64::NEG_INFINITY]).unwrap();
        assert_eq!(tied.prediction, BTreeSet::from(['A']));
        assert_eq!(tied.option_log_probabilities[2], f64::NEG_INFINITY);
    }
}

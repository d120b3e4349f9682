//! What is shown of a record: how many right, per language, for the student and for the model.
//!
//! What must hold: computed from the record alone; a question left open counts as wrong for the student, a question that the model was
//! not asked does not count for the model. Intervals and published tables come with the benchmark's own statistics.

use crate::{Language, QuestionRecord};

/// Right answers out of so many questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub correct: usize,
    pub total: usize,
}

impl Tally {
    fn count(&mut self, correct: bool) {
        self.total += 1;
        self.correct += usize::from(correct);
    }

    /// In [0, 1]; `None` for no question.
    pub fn share(&self) -> Option<f64> {
        (self.total > 0).then(|| self.correct as f64 / self.total as f64)
    }
}

/// Student and model side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub student: Tally,
    pub model: Tally,
}

impl Score {
    fn count(&mut self, question: &QuestionRecord) {
        self.student.count(question.student_correct == Some(true));
        if let Some(correct) = question.correct {
            self.model.count(correct);
        }
    }
}

/// All questions, and each language that occurs, in the order of [`Language::ALL`].
pub fn scores(questions: &[QuestionRecord]) -> (Score, Vec<(Language, Score)>) {
    let mut all = Score::default();
    let mut each: Vec<(Language, Score)> = Vec::new();
    for question in questions {
        all.count(question);
        let at = each
            .iter()
            .position(|(language, _)| *language == question.language)
            .unwrap_or_else(|| {
                each.push((question.language, Score::default()));
                each.len() - 1
            });
        each[at].1.count(question);
    }
    each.sort_by_key(|(language, _)| *language);
    (all, each)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(language: Language, student: Option<bool>, model: Option<bool>) -> QuestionRecord {
        serde_json::from_value(serde_json::json!({
            "id": "q", "question_hash": "", "language": language, "source": "", "gold": "A", "key_position": 0,
            "student_correct": student, "correct": model,
        }))
        .unwrap()
    }

    #[test]
    fn counts_per_language() {
        let (all, each) = scores(&[
            question(Language::Spanish, Some(true), None),
            question(Language::English, Some(false), Some(true)),
            question(Language::Spanish, None, Some(false)),
        ]);
        assert_eq!(
            all,
            Score {
                student: Tally { correct: 1, total: 3 },
                model: Tally { correct: 1, total: 2 }
            }
        );
        assert_eq!(each[0].0, Language::English);
        assert_eq!(each[1].1.student, Tally { correct: 1, total: 2 });
        assert_eq!(Tally::default().share(), None);
    }
}

//! One run of the quiz as plain data: questions, answers, what the model said, where the student is. No browser in here.
//!
//! What must hold: an answer, once given in practice, does not change; everything shown at the end is computed from [`Session::record`].
//! A session is what history stores, so fields are only ever added, with a default.

use std::collections::BTreeSet;

use mmedbench::record::{ModelId, RUN_VERSION};
use mmedbench::scoring::{ModelAnswer, Protocol};
use mmedbench::{PromptVariant, Question, QuestionRecord, RunHeader, RunRecord, letters_from, letters_to_string};
use serde::{Deserialize, Serialize};

/// How a quiz goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The answer is shown at once.
    Practice,
    /// Timed; answers are shown at the end and can be changed until then.
    Exam,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Practice => "quiz-practice",
            Mode::Exam => "quiz-exam",
        }
    }
}

/// What belongs to one question of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Chosen now, not yet an answer in practice.
    pub selected: BTreeSet<char>,
    /// The student's answer.
    pub answer: Option<BTreeSet<char>>,
    /// Time that the question was on the screen without an answer.
    pub milliseconds: f64,
    pub model: Option<ModelEntry>,
    /// What the model wrote.
    pub explanation: Option<String>,
}

/// The model's answer to a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    pub prediction: BTreeSet<char>,
    /// Probabilities in [0, 1], in the options' order.
    pub probabilities: Vec<f64>,
    pub milliseconds: f64,
}

impl ModelEntry {
    pub fn new(answer: ModelAnswer, milliseconds: f64) -> ModelEntry {
        let probabilities = answer.option_log_probabilities.iter().map(|lp| lp.exp()).collect();
        ModelEntry {
            prediction: answer.prediction,
            probabilities,
            milliseconds,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    /// RFC 3339, UTC.
    pub started: String,
    pub mode: Mode,
    pub seed: u64,
    /// What was chosen to draw from, for people.
    pub title: String,
    pub questions: Vec<Question>,
    pub entries: Vec<Entry>,
    /// The question on the screen.
    pub position: usize,
    pub finished: bool,
    /// Of an exam: seconds allowed and seconds left.
    #[serde(default)]
    pub time_limit: Option<u32>,
    #[serde(default)]
    pub time_left: f64,
    #[serde(default)]
    pub model: Option<ModelId>,
}

impl Session {
    pub fn new(
        id: String,
        started: String,
        mode: Mode,
        seed: u64,
        title: String,
        questions: Vec<Question>,
        time_limit: Option<u32>,
    ) -> Session {
        let entries = vec![Entry::default(); questions.len()];
        Session {
            id,
            started,
            mode,
            seed,
            title,
            questions,
            entries,
            position: 0,
            finished: false,
            time_limit,
            time_left: f64::from(time_limit.unwrap_or(0)),
            model: None,
        }
    }

    pub fn question(&self) -> &Question {
        &self.questions[self.position]
    }

    pub fn entry(&self) -> &Entry {
        &self.entries[self.position]
    }

    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether key and explanation of a question may be seen.
    pub fn is_revealed(&self, index: usize) -> bool {
        self.finished || (self.mode == Mode::Practice && self.entries[index].answer.is_some())
    }

    /// Chooses or takes back an option of the question on the screen. False where that is not possible any more.
    pub fn toggle(&mut self, letter: char) -> bool {
        let question = &self.questions[self.position];
        if self.is_revealed(self.position) || !question.options.iter().any(|(l, _)| *l == letter) {
            return false;
        }
        let several = question.is_multiple();
        let entry = &mut self.entries[self.position];
        if several {
            if !entry.selected.remove(&letter) {
                entry.selected.insert(letter);
            }
        } else {
            entry.selected = BTreeSet::from([letter]);
        }
        if self.mode == Mode::Exam {
            entry.answer = (!entry.selected.is_empty()).then(|| entry.selected.clone());
        }
        true
    }

    /// Makes the choice the answer. False where there is nothing chosen, or an answer already.
    pub fn submit(&mut self) -> bool {
        let revealed = self.is_revealed(self.position);
        let entry = &mut self.entries[self.position];
        if revealed || entry.selected.is_empty() {
            return false;
        }
        entry.answer = Some(entry.selected.clone());
        true
    }

    /// How far the student may go with the arrow keys: in practice to the first question without an answer.
    pub fn furthest(&self) -> usize {
        if self.finished || self.mode == Mode::Exam {
            return self.len() - 1;
        }
        self.entries.iter().position(|e| e.answer.is_none()).unwrap_or(self.len() - 1)
    }

    pub fn answered(&self) -> usize {
        self.entries.iter().filter(|e| e.answer.is_some()).count()
    }

    /// Questions answered wrong or not at all.
    pub fn misses(&self) -> Vec<usize> {
        (0..self.len()).filter(|i| !self.is_right(*i)).collect()
    }

    pub fn is_right(&self, index: usize) -> bool {
        self.entries[index]
            .answer
            .as_ref()
            .is_some_and(|answer| self.questions[index].is_correct(answer))
    }

    /// The run's record.
    pub fn record(&self) -> RunRecord {
        let asked = self.entries.iter().any(|e| e.model.is_some());
        let header = RunHeader {
            mmedkit_run: RUN_VERSION,
            run_id: self.id.clone(),
            started: self.started.clone(),
            software: concat!("mmedkit-app ", env!("CARGO_PKG_VERSION")).into(),
            mode: self.mode.name().into(),
            time_limit_seconds: self.time_limit,
            seed: self.seed,
            model: self.model.clone().filter(|_| asked),
            prompt: asked.then(|| PromptVariant::Answer.prompt().id()),
            evaluation: None,
        };
        let questions = self
            .questions
            .iter()
            .zip(&self.entries)
            .map(|(question, entry)| question_record(question, entry))
            .collect();
        RunRecord { header, questions }
    }
}

fn question_record(question: &Question, entry: &Entry) -> QuestionRecord {
    let model = entry.model.as_ref();
    QuestionRecord {
        protocol: model.map(|_| Protocol::for_question(question).name().to_string()),
        option_log_probabilities: model.map(|m| m.probabilities.iter().map(|p| p.ln()).collect()),
        prediction: model.map(|m| letters_to_string(&m.prediction)),
        correct: model.map(|m| question.is_correct(&m.prediction)),
        milliseconds: model.map(|m| m.milliseconds),
        text: entry.explanation.clone().filter(|t| !t.is_empty()),
        student_answer: entry.answer.as_ref().map(letters_to_string),
        student_correct: Some(entry.answer.as_ref().is_some_and(|a| question.is_correct(a))),
        student_milliseconds: Some(entry.milliseconds),
        ..QuestionRecord::of(question)
    }
}

/// The letter that a key on the keyboard means: A–J itself, 1–9 by place.
pub fn letter_of_key(key: &str, question: &Question) -> Option<char> {
    let mut chars = key.chars();
    let (first, rest) = (chars.next()?, chars.next());
    if rest.is_some() {
        return None;
    }
    if let Some(place) = first.to_digit(10).filter(|d| *d > 0) {
        return question.options.get(place as usize - 1).map(|(letter, _)| *letter);
    }
    let letter = letters_from(&first.to_uppercase().to_string())?.into_iter().next()?;
    question.options.iter().any(|(l, _)| *l == letter).then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(key: &str) -> Question {
        let line = format!(r#"{{"question":"Q","options":{{"A":"1","B":"2","C":"3"}},"answer_idx":"{key}"}}"#);
        Question::from_json_line(&line, "q", "English.jsonl", None).unwrap()
    }

    fn session(mode: Mode) -> Session {
        let questions = vec![question("B"), question("A,C")];
        Session::new(
            "id".into(),
            "2026-11-22T00:00:00Z".into(),
            mode,
            1,
            "Sample".into(),
            questions,
            None,
        )
    }

    #[test]
    fn practice_reveals_and_then_keeps_an_answer() {
        let mut s = session(Mode::Practice);
        assert!(!s.submit());
        assert!(s.toggle('A') && s.toggle('B'));
        assert_eq!(letters_to_string(&s.entry().selected), "B");
        assert_eq!(s.furthest(), 0);
        assert!(s.submit() && s.is_revealed(0) && s.is_right(0));
        assert!(!s.toggle('A') && !s.submit());
        assert_eq!(s.furthest(), 1);
        s.position = 1;
        assert!(s.toggle('A') && s.toggle('B') && s.toggle('C') && s.toggle('B') && !s.toggle('D'));
        assert!(s.submit() && s.is_right(1));
        assert!(s.misses().is_empty());
    }

    #[test]
    fn an_exam_lets_answers_change_until_its_end() {
        let mut s = session(Mode::Exam);
        assert!(s.toggle('A') && s.toggle('C'));
        assert_eq!(s.answered(), 1);
        assert!(!s.is_revealed(0));
        assert_eq!(s.furthest(), 1);
        s.finished = true;
        assert!(s.is_revealed(1) && !s.toggle('B'));
        assert_eq!(s.misses(), [0, 1]);
    }

    #[test]
    fn the_record_holds_student_and_model() {
        let mut s = session(Mode::Practice);
        s.toggle('B');
        s.submit();
        let answer = ModelAnswer {
            prediction: BTreeSet::from(['C']),
            option_log_probabilities: vec![-2.0, f64::NEG_INFINITY, -0.2],
        };
        s.entries[0].model = Some(ModelEntry::new(answer, 12.0));
        let record = s.record();
        let first = &record.questions[0];
        assert_eq!(
            (first.student_correct, first.correct, first.prediction.as_deref()),
            (Some(true), Some(false), Some("C"))
        );
        assert_eq!(first.protocol.as_deref(), Some("letters"));
        assert!((first.option_log_probabilities.as_ref().unwrap()[0] + 2.0).abs() < 1e-12);
        assert_eq!(record.questions[1].correct, None);
        assert_eq!(record.questions[1].student_answer, None);
        let again = RunRecord::from_jsonl(&record.to_jsonl()).unwrap();
        assert_eq!((again.header, again.questions.len()), (record.header, 2));
        assert_eq!(again.questions[0].option_log_probabilities.as_ref().unwrap()[1], f64::NEG_INFINITY);
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let mut s = session(Mode::Exam);
        s.toggle('B');
        // Quarters, because a decimal number may come back from JSON with its last bit changed.
        let probabilities = vec![0.25, 0.0, 0.75];
        s.entries[0].model = Some(ModelEntry {
            prediction: BTreeSet::from(['C']),
            probabilities,
            milliseconds: 12.0,
        });
        let stored: Session = serde_json::from_str(&serde_json::to_string(&s).unwrap()).unwrap();
        assert_eq!(stored, s);
    }

    #[test]
    fn keys_mean_letters() {
        let q = question("B");
        assert_eq!(letter_of_key("b", &q), Some('B'));
        assert_eq!(letter_of_key("C", &q), Some('C'));
        assert_eq!(letter_of_key("1", &q), Some('A'));
        for none in ["D", "4", "0", "Enter", "é", ""] {
            assert_eq!(letter_of_key(none, &q), None, "{none}");
        }
    }
}

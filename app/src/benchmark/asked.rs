//! What a run asked, as far as this browser has it: its plan, or single questions that are found by their hashes.
//!
//! What must hold: a question is only shown for a line whose hash it has; a prompt only where the plan is the one that was carried out, and a line
//! whose own hash says otherwise is told.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use mmedbench::run::{Item, Plan};
use mmedbench::{Language, Question, QuestionRecord, RunHeader};

use super::setup::split;
use crate::library::Library;

/// Questions of a run.
#[derive(Clone, Default)]
pub struct Asked {
    plan: Option<Arc<Plan>>,
    /// Where there is no plan.
    single: Arc<Vec<Question>>,
    /// Places among the questions, by the beginning of their hashes.
    places: Arc<HashMap<u64, u32>>,
}

/// The first 64 bits of a hash.
pub fn short(hash: &str) -> u64 {
    hash.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

fn places(questions: &[Question]) -> Arc<HashMap<u64, u32>> {
    let each = questions.iter().enumerate();
    Arc::new(each.map(|(place, q)| (short(&q.hash()), place as u32)).collect())
}

impl Asked {
    pub fn of_plan(plan: Arc<Plan>) -> Asked {
        Asked {
            places: places(plan.questions()),
            plan: Some(plan),
            single: Arc::default(),
        }
    }

    fn of_questions(questions: Vec<Question>) -> Asked {
        Asked {
            plan: None,
            places: places(&questions),
            single: Arc::new(questions),
        }
    }

    /// Of a record from elsewhere: the data that it was made from, where this browser has them, else its questions among all that there are.
    pub async fn find(library: Library, header: &RunHeader, languages: &BTreeSet<Language>, hashes: &HashSet<u64>) -> Asked {
        let languages: Vec<Language> = languages.iter().copied().collect();
        for choice in library.choices() {
            for languages in [&languages[..], &Language::ALL[..]] {
                let Ok(all) = library.questions(&choice, languages).await else {
                    continue;
                };
                let (asked, training) = split(all);
                if let Some(plan) = Plan::of_record(header, asked, &training) {
                    return Asked::of_plan(Arc::new(plan));
                }
            }
        }
        let mut found: HashMap<u64, Question> = HashMap::new();
        for choice in library.choices() {
            for question in library.questions(&choice, &languages).await.unwrap_or_default() {
                let hash = short(&question.hash());
                if hashes.contains(&hash) {
                    found.insert(hash, question);
                }
            }
        }
        Asked::of_questions(found.into_values().collect())
    }

    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    pub fn questions(&self) -> &[Question] {
        self.plan.as_ref().map_or(&self.single, |plan| plan.questions())
    }

    /// The question with this hash.
    pub fn question(&self, hash: &str) -> Option<&Question> {
        let place = *self.places.get(&short(hash))? as usize;
        self.questions().get(place)
    }

    /// The text that a line's answer followed; a sentence where it cannot be made again.
    pub fn prompt(&self, line: &QuestionRecord) -> String {
        let none = "The prompt cannot be made again from what is in this browser.";
        let Some(plan) = &self.plan else { return none.into() };
        let Some(place) = self.places.get(&short(&line.question_hash)) else {
            return none.into();
        };
        let item = Item {
            question: *place as usize,
            rotation: line.rotation.unwrap_or(0) as usize,
        };
        let Ok(asked) = plan.ask(item) else { return none.into() };
        if plan.settings.chat {
            return format!("(As the user’s message, in the model’s chat template.)\n\n{}", asked.text);
        }
        let lead = if plan.settings.protocol.writes() { "" } else { &asked.lead };
        let text = asked.text + lead;
        let hash = mmedbench::sha256_hex(text.as_bytes());
        match &line.prompt_hash {
            Some(own) if !hash.starts_with(own.as_str()) => {
                format!("(Made again from the questions of this browser. By its hash, the run’s own was another.)\n\n{text}")
            }
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use mmedbench::run::{Data, Settings};

    use super::*;

    #[test]
    fn prompts_are_those_of_the_line_or_said_to_be_others() {
        let line = r#"{"question":"Why?","options":{"A":"one","B":"two"},"answer_idx":"B"}"#;
        let question = Question::from_json_line(line, "q", "English.jsonl", None).unwrap();
        let plan = Plan::new(Settings::default(), Data::default(), vec![question.clone()], &[]).unwrap();
        let asked = Asked::of_plan(Arc::new(plan));
        let mut line = QuestionRecord::of(&question);
        let text = asked.prompt(&line);
        assert!(text.contains("Why?") && !text.starts_with('('), "{text}");
        line.prompt_hash = Some(mmedbench::sha256_hex(text.as_bytes())[..16].into());
        assert_eq!(asked.prompt(&line), text);
        line.prompt_hash = Some("0123456789abcdef".into());
        assert!(asked.prompt(&line).starts_with("(Made again"));
        assert_eq!(asked.question(&question.hash()), Some(&question));
        let alone = Asked::of_questions(vec![question.clone()]);
        assert_eq!(alone.question(&line.question_hash), Some(&question));
        assert!(alone.prompt(&line).contains("cannot be made again"));
        assert_eq!(alone.question("0000"), None);
    }
}

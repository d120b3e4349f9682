//! A plan: which questions are asked in which order, and the exact text before each answer.
//!
//! What must hold: the order depends on the seed and the questions alone; contexts are written one at a time, when they are asked.

use std::collections::BTreeSet;

use crate::protocol::{BeginToken, OptionOrder, Protocol, Shown};
use crate::record::{DataId, Evaluation, ModelId, RUN_VERSION};
use crate::shots::{Shots, TooFew};
use crate::statistics::anytime::sample_order;
use crate::template::{Choices, Frame, TemplateError};
use crate::{Question, RunHeader, Template};

/// Most tokens of a written answer, unless another number is asked for: as many as the paper's scripts allow.
pub const MOST_TOKENS: u32 = 1000;

/// How questions are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub protocol: Protocol,
    pub template: Template,
    /// Solved examples before each question.
    pub shots: usize,
    /// Lay the model's chat template around the prompt.
    pub chat: bool,
    pub option_order: OptionOrder,
    /// What stands before each text; carried out by the model's side.
    pub begin_token: BeginToken,
    /// Of the order of questions, the choice of examples and the shuffling of options.
    pub seed: u64,
    /// Most tokens of a written answer.
    pub max_tokens: u32,
    /// With `loglik`: score continuations without their context too, for `acc_mutual_info`.
    pub mutual_information: bool,
    /// Questions that are handed to the model together: more share more, and the record grows in larger steps. Languages take turns, and each has
    /// its own examples: with examples, some 32 for each language are a good number.
    pub together: usize,
}

impl Default for Settings {
    /// `letters` with the paper's prompt, as given, no examples.
    fn default() -> Settings {
        Settings {
            protocol: Protocol::Letters,
            template: Template::built_in("paper").expect("built in"),
            shots: 0,
            chat: false,
            option_order: OptionOrder::AsGiven,
            begin_token: BeginToken::Model,
            seed: 0,
            max_tokens: MOST_TOKENS,
            mutual_information: true,
            together: 32,
        }
    }
}

/// Where the questions come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// For people.
    pub name: String,
    /// Lines that were no questions.
    pub unreadable_lines: usize,
}

/// One line of the record to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Index of the question.
    pub question: usize,
    /// Rotation of its options.
    pub rotation: usize,
}

/// What is asked, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    pub settings: Settings,
    questions: Vec<Question>,
    items: Vec<Item>,
    shots: Shots,
    data: DataId,
}

/// A question as the model is asked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The options as they are shown.
    pub shown: Shown,
    /// Everything before the answer. With a chat template: the user's message.
    pub text: String,
    /// What stands between question and answer; [`Protocol::writes`] leaves it to the model.
    pub lead: String,
    /// What stands before an answer's letter or text.
    pub delimiter: String,
    /// What ends a set of letters.
    pub tail: String,
    /// What `loglik` scores.
    pub choices: Choices,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("there are no questions to ask")]
    NoQuestions,
    #[error("{data} has no Train folder to take examples from")]
    NoExamples { data: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Shots(#[from] TooFew),
    #[error("the prompt {prompt:?} shows no letters for question {id}, so protocol {protocol} cannot be used with it; use loglik")]
    NoLetters { prompt: String, id: String, protocol: Protocol },
}

impl Plan {
    /// All of `questions`, in the seed's order: random, the languages in turn, so that the first of them are a fair sample at any moment (and
    /// may be fed to [`crate::statistics::anytime::AnytimeMean`]). `training` is where examples come from.
    pub fn new(settings: Settings, data: Data, questions: Vec<Question>, training: &[Question]) -> Result<Plan, PlanError> {
        if questions.is_empty() {
            return Err(PlanError::NoQuestions);
        }
        for question in &questions {
            let frame = settings.template.frame(question)?;
            if settings.protocol != Protocol::Loglik && !frame.shows_letters() {
                return Err(PlanError::NoLetters {
                    prompt: settings.template.id().name.clone(),
                    id: question.id.clone(),
                    protocol: settings.protocol,
                });
            }
        }
        // Questions that are asked are no examples: a model would have seen answers of the test.
        if settings.shots > 0 && training.is_empty() {
            return Err(PlanError::NoExamples { data: data.name });
        }
        let languages: BTreeSet<_> = questions.iter().map(|q| q.language).collect();
        let shots = Shots::choose(training, languages, settings.shots, settings.seed)?;
        let hashes: Vec<String> = questions.iter().map(Question::hash).collect();
        let mut of_all = crate::Sha256Hex::default();
        hashes.iter().for_each(|hash| of_all.update(hash.as_bytes()));
        let data = DataId {
            name: data.name,
            hash: of_all.finish(),
            questions: questions.len() as u32,
            unreadable_lines: data.unreadable_lines as u32,
        };
        let strata: Vec<(usize, &str)> = questions
            .iter()
            .zip(&hashes)
            .map(|(q, hash)| (q.language as usize, hash.as_str()))
            .collect();
        let order = sample_order(&strata, settings.seed);
        let mut plan = Plan {
            settings,
            questions,
            items: Vec::new(),
            shots,
            data,
        };
        plan.reorder(&order);
        Ok(plan)
    }

    /// Asks exactly the questions with these indices, in this order (rotations of one question follow each other).
    pub fn reorder(&mut self, order: &[usize]) {
        let rotations = |question: &usize| match self.settings.option_order {
            OptionOrder::Rotated => self.questions[*question].options.len(),
            _ => 1,
        };
        self.items = order
            .iter()
            .flat_map(|question| {
                (0..rotations(question)).map(|rotation| Item {
                    question: *question,
                    rotation,
                })
            })
            .collect();
    }

    /// Only the first `n` questions of the order.
    pub fn limit(&mut self, n: usize) {
        let mut seen = 0;
        let mut last = None;
        self.items.retain(|item| {
            if last != Some(item.question) {
                last = Some(item.question);
                seen += 1;
            }
            seen <= n
        });
    }

    /// Only part `k` of `n` (from 1): parts can be run on different machines of one kind and merged.
    pub fn part(&mut self, k: usize, n: usize) {
        self.items.retain(|item| item.question % n.max(1) == k.saturating_sub(1));
    }

    /// What is asked, in order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The question of an item.
    pub fn question(&self, item: Item) -> &Question {
        &self.questions[item.question]
    }

    /// All questions, in the order of the data.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// What the record begins with. `context_length`: the longest text of the model in tokens.
    pub fn header(&self, run_id: &str, started: &str, software: &str, model: ModelId, context_length: u32) -> RunHeader {
        let settings = &self.settings;
        RunHeader {
            mmedkit_run: RUN_VERSION,
            run_id: run_id.into(),
            started: started.into(),
            software: software.into(),
            mode: "evaluation".into(),
            time_limit_seconds: None,
            seed: settings.seed,
            model: Some(model),
            prompt: Some(settings.template.id().clone()),
            evaluation: Some(Evaluation {
                protocol: settings.protocol.name().into(),
                shots: settings.shots as u32,
                shots_hash: self.shots.hash(),
                chat_template: settings.chat,
                option_order: settings.option_order.name().into(),
                mutual_information: settings.mutual_information && settings.protocol == Protocol::Loglik,
                max_tokens: settings.protocol.writes().then_some(settings.max_tokens),
                begin_token: settings.begin_token,
                until: None,
                context_length,
                data: self.data.clone(),
            }),
        }
    }

    /// The question of an item as the model is asked it.
    pub fn ask(&self, item: Item) -> Result<Asked, PlanError> {
        let settings = &self.settings;
        let question = self.question(item);
        let shown = Shown::new(question, settings.option_order, item.rotation, settings.seed);
        let frame = settings.template.frame(question)?;
        let by_text = settings.protocol == Protocol::Loglik && frame.choices == Choices::Texts;
        let mut text = frame.preamble(&shown.question);
        for shot in self.shots.for_question(question) {
            text += &frame.example(shot, &example_answer(shot, by_text));
        }
        text += &if settings.chat {
            frame.ask_in_chat(&shown.question)
        } else {
            frame.ask(&shown.question)
        };
        Ok(Asked {
            shown,
            text,
            lead: frame.lead.clone(),
            delimiter: delimiter(frame, settings.chat),
            tail: frame.tail.clone(),
            choices: frame.choices,
        })
    }
}

/// As in lm-evaluation-harness, a chat template already ends where the answer begins.
fn delimiter(frame: &Frame, chat: bool) -> String {
    if chat && frame.lead.is_empty() {
        String::new()
    } else {
        frame.delimiter.clone()
    }
}

fn example_answer(shot: &Question, by_text: bool) -> String {
    if by_text {
        shot.options[shot.key_position()].1.clone()
    } else {
        shot.answer_idx()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(n: usize) -> Vec<Question> {
        (0..n)
            .map(|i| {
                let line = format!(r#"{{"question":"Q{i}","options":{{"A":"one","B":"two","C":"three"}},"answer_idx":"B"}}"#);
                Question::from_json_line(&line, &format!("q{i}"), "Test/English.jsonl", None).unwrap()
            })
            .collect()
    }

    fn plan(settings: Settings) -> Plan {
        Plan::new(settings, Data::default(), questions(10), &questions(30)[10..]).unwrap()
    }

    fn native() -> Settings {
        Settings {
            template: Template::built_in("native").unwrap(),
            ..Settings::default()
        }
    }

    #[test]
    fn the_order_is_the_seeds_and_limits_and_parts_are_its_subsets() {
        let a = plan(native());
        assert_eq!(a.items(), plan(native()).items());
        assert_ne!(a.items(), plan(Settings { seed: 1, ..native() }).items());
        let mut limited = plan(native());
        limited.limit(4);
        assert_eq!(limited.items(), &a.items()[..4]);
        let halves: Vec<Vec<Item>> = (1..=2)
            .map(|k| {
                let mut half = plan(native());
                half.part(k, 2);
                half.items().to_vec()
            })
            .collect();
        assert_eq!(halves.iter().map(Vec::len).sum::<usize>(), 10);
        assert!(halves[0].iter().all(|item| !halves[1].contains(item)));
        let mut rotated = plan(Settings {
            option_order: OptionOrder::Rotated,
            ..native()
        });
        assert_eq!(rotated.items().len(), 30);
        rotated.limit(2);
        assert_eq!(rotated.items().len(), 6);
    }

    #[test]
    fn examples_stand_before_the_question_and_answer_as_it_will_be() {
        let settings = Settings { shots: 2, ..native() };
        let with_letters = plan(settings.clone());
        let asked = with_letters.ask(with_letters.items()[0]).unwrap();
        assert_eq!(asked.text.matches("Answer: B\n\nQuestion: Q").count(), 2);
        assert!(asked.text.ends_with("A. one\nB. two\nC. three\nAnswer:"), "{}", asked.text);
        let with_texts = plan(Settings {
            protocol: Protocol::Loglik,
            ..settings
        });
        let asked = with_texts.ask(with_texts.items()[0]).unwrap();
        assert_eq!(asked.text.matches("Answer: two\n\n").count(), 2);
    }

    #[test]
    fn a_prompt_without_letters_is_for_loglik_only() {
        let settings = |protocol| Settings {
            protocol,
            template: Template::built_in("harness/headqa").unwrap(),
            ..Settings::default()
        };
        assert!(Plan::new(settings(Protocol::Loglik), Data::default(), questions(1), &[]).is_ok());
        assert!(matches!(
            Plan::new(settings(Protocol::Letters), Data::default(), questions(1), &[]),
            Err(PlanError::NoLetters { .. })
        ));
        assert!(matches!(
            Plan::new(native(), Data::default(), vec![], &[]),
            Err(PlanError::NoQuestions)
        ));
        let few = Settings { shots: 1, ..native() };
        assert!(matches!(
            Plan::new(few.clone(), Data::default(), questions(1), &questions(1)),
            Err(PlanError::Shots(_))
        ));
        let data = Data {
            name: "mine".into(),
            ..Data::default()
        };
        let error = Plan::new(few, data, questions(1), &[]).unwrap_err();
        assert_eq!(error.to_string(), "mine has no Train folder to take examples from");
    }
}

//! The protocols: how a question becomes something a model can be asked, and how its reply becomes an answer.
//!
//! Each has one name, which stands in every output. What must hold: two protocols are never mixed under one name, because their numbers
//! are different experiments. Next: `run` carries them out, `choice.rs` holds the arithmetic of `loglik`, `extract.rs` reads texts.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Question;
use crate::seed::Random;

/// How questions are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The log-probability of each option's letter as the next token: one forward pass a question, and only those rows of the head.
    Letters,
    /// The log-likelihood of each option's text (or letter, where the prompt says so), as lm-evaluation-harness's `multiple_choice`.
    Loglik,
    /// The log-likelihood of every set of letters, for questions with several right answers.
    LetterSets,
    /// Generation, read strictly by the paper's rule.
    Paper,
    /// The same generation, read by a chain of fallbacks (`extract::lenient`).
    Lenient,
}

impl Protocol {
    pub const ALL: [Protocol; 5] = [
        Protocol::Letters,
        Protocol::Loglik,
        Protocol::LetterSets,
        Protocol::Paper,
        Protocol::Lenient,
    ];

    /// Its name in commands and records.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Letters => "letters",
            Protocol::Loglik => "loglik",
            Protocol::LetterSets => "letter-sets",
            Protocol::Paper => "paper",
            Protocol::Lenient => "lenient",
        }
    }

    /// The inverse of [`Protocol::name`].
    pub fn parse(name: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|p| p.name() == name)
    }

    /// True where the model writes text; false where it scores.
    pub fn writes(self) -> bool {
        matches!(self, Protocol::Paper | Protocol::Lenient)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// In which order the options are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionOrder {
    #[default]
    AsGiven,
    /// Every question is asked once for each rotation of its options, so that every option stands once in every place.
    Rotated,
    /// Each question's options are shuffled with the run's seed and the question's hash.
    Shuffled,
}

impl OptionOrder {
    pub const ALL: [OptionOrder; 3] = [OptionOrder::AsGiven, OptionOrder::Rotated, OptionOrder::Shuffled];

    /// Its name in commands and records.
    pub fn name(self) -> &'static str {
        match self {
            OptionOrder::AsGiven => "as-given",
            OptionOrder::Rotated => "rotated",
            OptionOrder::Shuffled => "shuffled",
        }
    }

    /// The inverse of [`OptionOrder::name`].
    pub fn parse(name: &str) -> Option<OptionOrder> {
        OptionOrder::ALL.into_iter().find(|o| o.name() == name)
    }
}

/// Which token stands before a text, where no chat template writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeginToken {
    /// What the model expects there, as its tokenizer puts it: lm-evaluation-harness's default (since `add_bos_token` has none of its own).
    #[default]
    Model,
    /// The model's begin token, also where its tokenizer leaves it out: the harness's `add_bos_token=True`.
    Yes,
    /// None: the harness's `add_bos_token=False`, its default in older versions. An empty text is the begin token all the same.
    No,
}

impl BeginToken {
    pub const ALL: [BeginToken; 3] = [BeginToken::Model, BeginToken::Yes, BeginToken::No];

    /// Its name in commands and records.
    pub fn name(self) -> &'static str {
        match self {
            BeginToken::Model => "model",
            BeginToken::Yes => "yes",
            BeginToken::No => "no",
        }
    }

    /// The inverse of [`BeginToken::name`].
    pub fn parse(name: &str) -> Option<BeginToken> {
        BeginToken::ALL.into_iter().find(|begin| begin.name() == name)
    }
}

/// A question as the model sees it: the same letters, other texts behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `order[place]` is the option (by its index in the data) that stands at `place`.
    pub order: Vec<usize>,
    /// The question with its options moved; its key names the letters that are shown.
    pub question: Question,
}

impl Shown {
    /// `rotation` counts only for [`OptionOrder::Rotated`]: the options move so many places towards the front.
    pub fn new(question: &Question, order: OptionOrder, rotation: usize, seed: u64) -> Shown {
        let n = question.options.len();
        let mut places: Vec<usize> = (0..n).collect();
        match order {
            OptionOrder::AsGiven => {}
            OptionOrder::Rotated => places.rotate_left(rotation % n.max(1)),
            OptionOrder::Shuffled => Random::of(seed, &question.hash()).shuffle(&mut places),
        }
        Shown::with_order(question, places)
    }

    fn with_order(question: &Question, order: Vec<usize>) -> Shown {
        let letters: Vec<char> = question.options.iter().map(|(letter, _)| *letter).collect();
        let options = letters
            .iter()
            .zip(&order)
            .map(|(letter, &from)| (*letter, question.options[from].1.clone()))
            .collect();
        let answer = letters
            .iter()
            .zip(&order)
            .filter(|&(_, &from)| question.answer.contains(&letters[from]))
            .map(|(letter, _)| *letter)
            .collect();
        Shown {
            question: Question {
                options,
                answer,
                ..question.clone()
            },
            order,
        }
    }

    /// Letters that the model named, as letters of the data. Letters that are no options are dropped by the readers before.
    pub fn to_data(&self, shown: &BTreeSet<char>) -> BTreeSet<char> {
        let options = &self.question.options;
        shown
            .iter()
            .filter_map(|letter| options.iter().position(|(l, _)| l == letter))
            .map(|place| options[self.order[place]].0)
            .collect()
    }

    /// Values by place, put in the order of the data.
    pub fn values_to_data<T: Copy + Default>(&self, by_place: &[T]) -> Vec<T> {
        let mut out = vec![T::default(); by_place.len()];
        for (value, &to) in by_place.iter().zip(&self.order) {
            out[to] = *value;
        }
        out
    }

    /// For records: the data's letters in the order shown.
    pub fn order_letters(&self) -> String {
        self.order.iter().map(|&i| self.question.options[i].0).collect()
    }
}

/// The inverse of [`Shown::order_letters`] for one set of letters: what `shown` letters mean in the data, where `order` is a record's
/// `option_order`. `None` where a letter is not among them.
pub fn letters_to_data(order: &str, shown: &BTreeSet<char>) -> Option<BTreeSet<char>> {
    let data: Vec<char> = order.chars().collect();
    let mut letters = data.clone();
    letters.sort_unstable();
    shown
        .iter()
        .map(|letter| letters.iter().position(|l| l == letter).map(|place| data[place]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let line = r#"{"question":"Q","options":{"A":"a","B":"b","C":"c","D":"d"},"answer_idx":"B,D"}"#;
        Question::from_json_line(line, "q", "English.jsonl", None).unwrap()
    }

    #[test]
    fn names_go_there_and_back() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::parse(protocol.name()), Some(protocol));
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
        }
        for order in OptionOrder::ALL {
            assert_eq!(OptionOrder::parse(order.name()), Some(order));
        }
        for begin in BeginToken::ALL {
            assert_eq!(BeginToken::parse(begin.name()), Some(begin));
            assert_eq!(serde_json::to_value(begin).unwrap(), begin.name());
        }
    }

    #[test]
    fn a_rotation_moves_texts_and_key_together() {
        let q = question();
        let shown = Shown::new(&q, OptionOrder::Rotated, 1, 0);
        assert_eq!(shown.order_letters(), "BCDA");
        let texts: Vec<&str> = shown.question.options.iter().map(|(_, t)| t.as_str()).collect();
        assert_eq!(texts, ["b", "c", "d", "a"]);
        assert_eq!(shown.question.answer_idx(), "A,C");
        assert_eq!(
            shown.to_data(&shown.question.answer),
            q.answer,
            "the key comes back as the data has it"
        );
        assert_eq!(shown.values_to_data(&[2.0, 3.0, 4.0, 1.0]), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(letters_to_data("BCDA", &shown.question.answer), Some(q.answer.clone()));
        assert_eq!(letters_to_data("BCDA", &BTreeSet::from(['E'])), None);
        // After as many rotations as options, every option has stood in every place once.
        let mut seen = BTreeSet::new();
        for rotation in 0..4 {
            let shown = Shown::new(&q, OptionOrder::Rotated, rotation, 0);
            seen.extend(shown.order.iter().enumerate().map(|(place, option)| (place, *option)));
        }
        assert_eq!(seen.len(), 16);
    }

    #[test]
    fn a_shuffle_is_fixed_by_its_seed() {
        let q = question();
        let order = |seed| Shown::new(&q, OptionOrder::Shuffled, 0, seed).order;
        assert_eq!(order(7), order(7));
        assert!((0..20).map(order).collect::<BTreeSet<_>>().len() > 5);
        let shown = Shown::new(&q, OptionOrder::Shuffled, 0, 3);
        assert_eq!(shown.to_data(&shown.question.answer), q.answer);
    }
}

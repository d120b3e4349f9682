//! Whether answers follow the place of an option or its content, from a run that asked every rotation.
//!
//! Rotations `r` and `r + 1` of a question show the same options one place further on. A model that knows names the same content twice;
//! one that follows places names the same place twice. Both cannot happen at once (there are at least two options).

use std::collections::BTreeMap;

use crate::QuestionRecord;

/// Counts over pairs of neighbouring rotations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PositionBias {
    /// Questions of which every rotation is there.
    pub questions: usize,
    /// Pairs of neighbouring rotations, both answered with one letter.
    pub pairs: usize,
    /// Pairs with the same content.
    pub same_content: usize,
    /// Pairs with the same place.
    pub same_position: usize,
    /// How often each place was answered, over all lines.
    pub by_position: Vec<usize>,
    /// Questions answered rightly in every rotation.
    pub always_right: usize,
}

impl PositionBias {
    /// Share of pairs that follow the place instead of the content.
    pub fn follows_position(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.same_position as f64 / self.pairs as f64)
    }

    /// Share of pairs that follow the content.
    pub fn follows_content(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.same_content as f64 / self.pairs as f64)
    }
}

/// Lines counted one by one. Only questions whose rotations are not all there yet are remembered.
#[derive(Clone, Debug, Default)]
pub struct Rotations {
    bias: PositionBias,
    lines: usize,
    /// A line without a rotation was seen.
    plain: bool,
    open: BTreeMap<(String, String), BTreeMap<u32, Answer>>,
}

/// One rotation's answer: the letter and its place, where it was one letter; whether it was right.
#[derive(Clone, Copy, Debug)]
struct Answer {
    said: Option<(char, usize)>,
    right: bool,
}

impl Rotations {
    pub fn add(&mut self, line: &QuestionRecord) {
        let Some(rotation) = line.rotation.filter(|_| !self.plain) else {
            self.plain = true;
            return self.open.clear();
        };
        self.lines += 1;
        let said = answered(line);
        if let Some((_, place)) = said {
            let places = &mut self.bias.by_position;
            places.resize(places.len().max(place + 1), 0);
            places[place] += 1;
        }
        let key = (line.id.clone(), line.question_hash.clone());
        let rotations = self.open.entry(key.clone()).or_default();
        let right = line.correct == Some(true);
        rotations.insert(rotation, Answer { said, right });
        let options = line.option_order.as_ref().map_or(0, |order| order.chars().count());
        if options >= 2 && rotations.len() >= options {
            let all: Vec<Answer> = rotations.values().copied().collect();
            self.open.remove(&key);
            self.whole(&all);
        }
    }

    fn whole(&mut self, all: &[Answer]) {
        self.bias.questions += 1;
        self.bias.always_right += usize::from(all.iter().all(|answer| answer.right));
        // With two options the second pair is the first one turned around, and counting it twice would add nothing.
        let pairs = if all.len() == 2 { 1 } else { all.len() };
        for i in 0..pairs {
            if let (Some(a), Some(b)) = (all[i].said, all[(i + 1) % all.len()].said) {
                self.bias.pairs += 1;
                self.bias.same_content += usize::from(a.0 == b.0);
                self.bias.same_position += usize::from(a.1 == b.1);
            }
        }
    }

    /// `None` for a run without rotations.
    pub fn bias(&self) -> Option<&PositionBias> {
        (!self.plain && self.lines > 0).then_some(&self.bias)
    }
}

/// Of all lines at once; `None` for a run without rotations.
pub fn position_bias(lines: &[QuestionRecord]) -> Option<PositionBias> {
    let mut rotations = Rotations::default();
    lines.iter().for_each(|line| rotations.add(line));
    rotations.bias().cloned()
}

/// The one letter that was answered and the place where it stood.
fn answered(line: &QuestionRecord) -> Option<(char, usize)> {
    let mut letters = line.prediction.as_deref()?.chars();
    let letter = letters.next()?;
    if letters.next().is_some() {
        return None;
    }
    let place = line.option_order.as_deref()?.chars().position(|l| l == letter)?;
    Some((letter, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(answer: impl Fn(&str) -> char) -> Vec<QuestionRecord> {
        ["ABCD", "BCDA", "CDAB", "DABC"]
            .iter()
            .enumerate()
            .map(|(rotation, order)| {
                let prediction = answer(order);
                serde_json::from_value(serde_json::json!({
                    "id": "q", "question_hash": "h", "language": "English", "source": "s", "gold": "C", "key_position": 0,
                    "rotation": rotation, "option_order": order, "prediction": prediction, "correct": prediction == 'C',
                }))
                .unwrap()
            })
            .collect()
    }

    #[test]
    fn a_model_that_knows_and_one_that_follows_places() {
        let knows = position_bias(&lines(|_| 'C')).unwrap();
        assert_eq!((knows.questions, knows.pairs, knows.always_right), (1, 4, 1));
        assert_eq!((knows.follows_content(), knows.follows_position()), (Some(1.0), Some(0.0)));
        assert_eq!(knows.by_position, [1, 1, 1, 1]);
        let follows = position_bias(&lines(|order| order.chars().next().unwrap())).unwrap();
        assert_eq!((follows.follows_content(), follows.follows_position()), (Some(0.0), Some(1.0)));
        assert_eq!(follows.by_position, [4]);
        let mut plain = lines(|_| 'A');
        plain[0].rotation = None;
        assert_eq!(position_bias(&plain), None);
        // A question whose rotations are not all there says nothing about pairs.
        let part = position_bias(&lines(|_| 'C')[..3]).unwrap();
        assert_eq!((part.questions, part.pairs), (0, 0));
    }
}

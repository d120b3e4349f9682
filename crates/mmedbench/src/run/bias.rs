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

/// `None` for a run without rotations.
pub fn position_bias(lines: &[QuestionRecord]) -> Option<PositionBias> {
    let mut questions: BTreeMap<(&str, &str), BTreeMap<u32, &QuestionRecord>> = BTreeMap::new();
    for line in lines {
        let rotation = line.rotation?;
        questions.entry((&line.id, &line.question_hash)).or_default().insert(rotation, line);
    }
    let mut out = PositionBias::default();
    for rotations in questions.values() {
        let answers: Vec<Option<(char, usize)>> = rotations.values().map(|line| answered(line)).collect();
        for (_, place) in answers.iter().flatten() {
            if out.by_position.len() <= *place {
                out.by_position.resize(place + 1, 0);
            }
            out.by_position[*place] += 1;
        }
        let options = rotations
            .values()
            .next()
            .and_then(|line| line.option_order.as_ref())
            .map_or(0, |o| o.chars().count());
        if rotations.len() < options || options < 2 {
            continue;
        }
        out.questions += 1;
        out.always_right += usize::from(rotations.values().all(|line| line.correct == Some(true)));
        // With two options the second pair is the first one turned around, and counting it twice would add nothing.
        let pairs = if options == 2 { 1 } else { options };
        for i in 0..pairs {
            if let (Some(a), Some(b)) = (answers[i], answers[(i + 1) % options]) {
                out.pairs += 1;
                out.same_content += usize::from(a.0 == b.0);
                out.same_position += usize::from(a.1 == b.1);
            }
        }
    }
    (!questions.is_empty()).then_some(out)
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

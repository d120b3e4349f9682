//! The lines of a record that are scored, and what each of them says on its own.

use crate::QuestionRecord;

/// The lines that rows count: those with a result, and of a run that asked every rotation only the first one, so that each question counts
/// once and intervals stay honest.
pub fn counted(lines: &[QuestionRecord]) -> Vec<&QuestionRecord> {
    lines.iter().filter(|line| counts(line)).collect()
}

/// Whether rows count the line.
pub fn counts(line: &QuestionRecord) -> bool {
    line.correct.is_some() && line.rotation.unwrap_or(0) == 0
}

/// Several letters are right.
pub fn several(line: &QuestionRecord) -> bool {
    line.gold.contains(',')
}

/// The model was asked, and no answer could be read.
pub fn unread(line: &QuestionRecord) -> bool {
    line.correct.is_some() && line.prediction.as_deref().is_none_or(str::is_empty)
}

/// How many options the question had, where the line tells.
pub fn options(line: &QuestionRecord) -> Option<usize> {
    let listed = line.option_log_probabilities.as_ref().map(Vec::len);
    listed
        .or_else(|| line.choices.as_ref().map(Vec::len))
        .or_else(|| line.option_order.as_ref().map(|order| order.chars().count()))
        .filter(|n| *n > 1)
}

/// Probability of the most probable option, where one option is right and the options' probabilities are a distribution.
pub fn confidence(line: &QuestionRecord) -> Option<f64> {
    if several(line) || line.protocol.as_deref() == Some("letter-sets") {
        return None;
    }
    let best = line
        .option_log_probabilities
        .as_ref()?
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    Some(best.exp().min(1.0)).filter(|p| p.is_finite())
}

//! What answering at random scores, under the rule by which a line is scored.
//!
//! One right option of n: 1/n. Several right options, all or nothing: a set chosen at random among the 2ⁿ − 1 sets that are not empty,
//! 1/(2ⁿ − 1) (1/31 for five options). A protocol that names a single option can never be right there: 0.

use super::lines;
use crate::QuestionRecord;

/// The chance level of one line; `None` where the number of options is not recorded.
pub fn of_line(line: &QuestionRecord) -> Option<f64> {
    let n = lines::options(line)?;
    let sets = (2f64).powi(n.min(1000) as i32) - 1.0;
    Some(match line.protocol.as_deref() {
        Some("letter-sets") => 1.0 / sets,
        Some("letters" | "loglik") if lines::several(line) => 0.0,
        _ if lines::several(line) => 1.0 / sets,
        _ => 1.0 / n as f64,
    })
}

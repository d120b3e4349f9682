//! Numbers for the page, computed from a run's lines.

use mmedbench::report::lines::several;
use mmedbench::statistics::calibration::{BINS, Calibration, calibration};
use mmedbench::statistics::interval::wilson;
use mmedbench::statistics::mcnemar::Paired;
use mmedbench::{Language, QuestionRecord};

use crate::text::percent;

/// 95 % intervals.
pub const ALPHA: f64 = 0.05;

/// Right answers of a language, or of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Count {
    pub right: usize,
    pub total: usize,
    /// Written answers that could not be read; they count as wrong.
    pub unread: usize,
    /// Sum over questions of the share that guessing one letter would reach.
    chance: f64,
    chance_known: usize,
}

impl Count {
    fn add(&mut self, line: &QuestionRecord) {
        self.total += 1;
        self.right += usize::from(line.correct == Some(true));
        self.unread += usize::from(line.prediction.as_deref().is_none_or(str::is_empty));
        if let Some(options) = line.option_log_probabilities.as_ref().map(Vec::len).filter(|n| *n > 0) {
            self.chance += 1.0 / options as f64;
            self.chance_known += 1;
        }
    }

    pub fn share(&self) -> Option<f64> {
        (self.total > 0).then(|| self.right as f64 / self.total as f64)
    }

    /// Share, and the ends of its Wilson interval.
    pub fn interval(&self) -> Option<(f64, f64, f64)> {
        let interval = wilson(self.right, self.total, ALPHA)?;
        Some((self.share()?, interval.low, interval.high))
    }

    /// What guessing one letter would reach, where the lines say how many options there were.
    pub fn chance(&self) -> Option<f64> {
        (self.chance_known > 0 && self.chance_known == self.total).then(|| self.chance / self.total as f64)
    }
}

/// Each language that occurs, in the order of [`Language::ALL`], and all together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub languages: Vec<(Language, Count)>,
    /// Parts of a language that say more than the whole, as in `mmedkit report`: each with its name.
    pub parts: Vec<(Language, &'static str, Count)>,
    pub all: Count,
}

/// A test of a line, the name of those that pass and of those that do not.
const SPLITS: [(fn(&QuestionRecord) -> bool, &str, &str); 2] = [
    (several, "several right answers", "one right answer"),
    (|line| line.needs_image, "needs its image", "text alone"),
];

impl Table {
    pub fn of(lines: &[QuestionRecord]) -> Table {
        let mut table = Table::default();
        for line in lines {
            table.all.add(line);
            let at = table.languages.iter().position(|(l, _)| *l == line.language).unwrap_or_else(|| {
                table.languages.push((line.language, Count::default()));
                table.languages.len() - 1
            });
            table.languages[at].1.add(line);
        }
        table.languages.sort_by_key(|(language, _)| *language);
        for (language, _) in &table.languages {
            for (test, yes, no) in SPLITS {
                let (mut with, mut without) = (Count::default(), Count::default());
                for line in lines.iter().filter(|line| line.language == *language) {
                    if test(line) { &mut with } else { &mut without }.add(line);
                }
                if with.total > 0 {
                    let parts = [(no, without), (yes, with)].into_iter().filter(|(_, count)| count.total > 0);
                    table.parts.extend(parts.map(|(name, count)| (*language, name, count)));
                }
            }
        }
        table
    }

    /// Plain mean over the languages, as the paper's "Avg.".
    pub fn macro_mean(&self) -> Option<f64> {
        let shares: Vec<f64> = self.languages.iter().filter_map(|(_, count)| count.share()).collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
    }
}

/// Accuracy in a few words.
pub fn in_words(right: usize, total: usize) -> String {
    match wilson(right, total, ALPHA) {
        Some(interval) => format!(
            "{} right ({}–{})",
            percent(right as f64 / total as f64),
            (interval.low * 100.0).round(),
            percent(interval.high)
        ),
        None => "nothing answered yet".into(),
    }
}

/// Calibration of the preferred option. Only where options are weighed against each other, and one answer is right.
pub fn calibrated(lines: &[QuestionRecord]) -> Option<Calibration> {
    let answers: Vec<(f64, bool)> = lines
        .iter()
        .filter(|line| matches!(line.protocol.as_deref(), Some("letters" | "loglik")))
        .filter_map(|line| {
            let best = line
                .option_log_probabilities
                .as_ref()?
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max);
            Some((best.exp().clamp(0.0, 1.0), line.correct?))
        })
        .collect();
    calibration(&answers, BINS)
}

/// Two runs on the questions that both answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    pub languages: Vec<(Language, Paired)>,
    pub all: Paired,
    /// Of the first run's lines: the places of questions that only one of the two got right.
    pub differ: Vec<usize>,
}

/// A line's key: the same question in the same order of options.
fn key(line: &QuestionRecord) -> (&str, Option<u32>) {
    (line.question_hash.as_str(), line.rotation)
}

pub fn compare(first: &[QuestionRecord], second: &[QuestionRecord]) -> Comparison {
    let theirs: std::collections::BTreeMap<_, bool> = second.iter().filter_map(|line| Some((key(line), line.correct?))).collect();
    let mut comparison = Comparison::default();
    let mut pairs: Vec<(Language, (bool, bool))> = Vec::new();
    for (place, line) in first.iter().enumerate() {
        if let (Some(ours), Some(theirs)) = (line.correct, theirs.get(&key(line))) {
            pairs.push((line.language, (ours, *theirs)));
            if ours != *theirs {
                comparison.differ.push(place);
            }
        }
    }
    comparison.all = Paired::count(pairs.iter().map(|(_, pair)| *pair));
    for language in Language::ALL {
        let paired = Paired::count(pairs.iter().filter(|(l, _)| *l == language).map(|(_, pair)| *pair));
        if paired.total() > 0 {
            comparison.languages.push((language, paired));
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(hash: &str, language: Language, correct: bool) -> QuestionRecord {
        serde_json::from_value(serde_json::json!({
            "id": hash, "question_hash": hash, "language": language, "source": "", "gold": "A", "key_position": 0, "protocol": "letters",
            "prediction": if correct { "A" } else { "B" }, "correct": correct, "option_log_probabilities": [-0.1, -2.4, null, null],
        }))
        .unwrap()
    }

    #[test]
    fn a_table_counts_each_language_and_all() {
        let lines = [
            line("1", Language::French, true),
            line("2", Language::English, false),
            line("3", Language::French, true),
            line("4", Language::French, false),
        ];
        let table = Table::of(&lines);
        assert_eq!(table.languages[0].0, Language::English);
        assert_eq!((table.all.right, table.all.total, table.all.unread), (2, 4, 0));
        assert_eq!(table.all.chance(), Some(0.25));
        assert!((table.macro_mean().unwrap() - 1.0 / 3.0).abs() < 1e-12);
        // Wilson, 2 of 4, by statsmodels 0.14: (0.150036, 0.849964).
        assert_eq!(in_words(2, 4), "50 % right (15–85 %)");
        assert_eq!(calibrated(&lines).unwrap().n, 4);
    }

    #[test]
    fn a_language_is_split_where_that_says_more() {
        let mut lines = [
            line("1", Language::French, true),
            line("2", Language::French, false),
            line("3", Language::Japanese, true),
            line("4", Language::Japanese, false),
            line("5", Language::English, true),
        ];
        lines[1].gold = "A,C".into();
        lines[3].needs_image = true;
        let parts: Vec<(Language, &str, usize, usize)> = Table::of(&lines)
            .parts
            .into_iter()
            .map(|(l, name, count)| (l, name, count.right, count.total))
            .collect();
        assert_eq!(
            parts,
            [
                (Language::Japanese, "text alone", 1, 1),
                (Language::Japanese, "needs its image", 0, 1),
                (Language::French, "one right answer", 1, 1),
                (Language::French, "several right answers", 0, 1),
            ]
        );
    }

    #[test]
    fn runs_are_compared_by_question() {
        let first = [
            line("1", Language::French, true),
            line("2", Language::French, false),
            line("3", Language::English, true),
        ];
        let second = [
            line("2", Language::French, true),
            line("1", Language::French, true),
            line("9", Language::English, true),
        ];
        let comparison = compare(&first, &second);
        assert_eq!((comparison.all.total(), comparison.all.only_second), (2, 1));
        assert_eq!(comparison.languages.len(), 1);
        assert_eq!(comparison.differ, [1]);
    }
}

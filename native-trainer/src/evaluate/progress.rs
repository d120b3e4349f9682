//! What is seen while a run goes on: a bar (without a terminal a plain line every few seconds) with the accuracy so far, its interval and the time
//! left; and a small table at the end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mmedbench::statistics::interval::wilson;
use mmedbench::summary::Tally;
use mmedbench::{Language, QuestionRecord};

use super::until::Until;

/// Between two plain lines.
const EVERY: Duration = Duration::from_secs(10);

/// Counts what was answered.
pub struct Progress {
    shown: Shown,
    total: usize,
    /// Answers of earlier sittings: they are no measure of speed.
    earlier: usize,
    languages: BTreeMap<Language, Tally>,
    unread: usize,
    truncated: usize,
    until: Option<Until>,
}

enum Shown {
    Bar(ProgressBar),
    Lines { began: Instant, last: Instant },
}

impl Progress {
    pub fn new(total: usize, until: Option<Until>) -> Progress {
        let shown = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(total as u64);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {per_sec} {eta} left") {
                bar.set_style(style);
            }
            Shown::Bar(bar)
        } else {
            let now = Instant::now();
            Shown::Lines { began: now, last: now }
        };
        Progress {
            shown,
            total,
            earlier: 0,
            languages: BTreeMap::new(),
            unread: 0,
            truncated: 0,
            until,
        }
    }

    /// An answer of an earlier sitting.
    pub fn earlier(&mut self, line: &QuestionRecord) {
        self.count(line);
        self.earlier += 1;
        if let Shown::Bar(bar) = &self.shown {
            bar.inc(1);
            bar.reset_eta();
        }
    }

    /// An answer of now.
    pub fn answered(&mut self, line: &QuestionRecord) {
        self.count(line);
        let now = Instant::now();
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_message(self.message());
                bar.inc(1);
            }
            Shown::Lines { began, last } if now - *last >= EVERY => {
                let began = *began;
                eprintln!("{}", self.line(now - began));
                self.shown = Shown::Lines { began, last: now };
            }
            Shown::Lines { .. } => {}
        }
    }

    /// The accuracy so far, and what the run is watched for.
    fn message(&self) -> String {
        let watched = self.until.as_ref().map(|until| format!("; {}", until.message()));
        share(&self.all()) + &watched.unwrap_or_default()
    }

    /// All that the bar shows, in words, `since` the first answer of this sitting was asked for.
    fn line(&self, since: Duration) -> String {
        let done = self.all().total;
        let per_second = (done - self.earlier) as f64 / since.as_secs_f64().max(1e-9);
        let left = (self.total.saturating_sub(done)) as f64 / per_second.max(1e-9);
        let left = match left {
            s if s < 90.0 => format!("{s:.0} s"),
            s if s < 5400.0 => format!("{:.0} min", s / 60.0),
            s => format!("{:.1} h", s / 3600.0),
        };
        format!("{done}/{} {} {per_second:.1}/s {left} left", self.total, self.message())
    }

    fn count(&mut self, line: &QuestionRecord) {
        let tally = self.languages.entry(line.language).or_default();
        tally.total += 1;
        tally.correct += usize::from(line.correct == Some(true));
        self.unread += usize::from(line.prediction.is_none());
        self.truncated += usize::from(line.truncated_tokens.is_some());
        if let Some(until) = &mut self.until {
            // A record holds each question once, and no more questions than the data, which is what the strata were made of.
            let _ = until.observe(line);
        }
    }

    /// Whether enough is known.
    pub fn enough(&self) -> bool {
        self.until.as_ref().is_some_and(Until::enough)
    }

    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    fn all(&self) -> Tally {
        self.languages.values().fold(Tally::default(), |sum, tally| Tally {
            correct: sum.correct + tally.correct,
            total: sum.total + tally.total,
        })
    }

    /// Languages with their intervals, and what else is to be known.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for (language, tally) in &self.languages {
            let _ = writeln!(out, "{:<10} {:>6} {}", language.name(), tally.total, share(tally)); // into a string
        }
        let _ = writeln!(out, "{:<10} {:>6} {}", "all", self.all().total, share(&self.all()));
        if self.languages.len() > 1 {
            let shares: Vec<f64> = self.languages.values().filter_map(Tally::share).collect();
            let mean = shares.iter().sum::<f64>() / shares.len() as f64;
            let _ = writeln!(out, "mean over languages {:.1}%", mean * 100.0);
        }
        if let Some(until) = &self.until {
            let _ = writeln!(out, "{}", until.summary());
        }
        if self.unread > 0 {
            let _ = writeln!(out, "{} answers could not be read and count as wrong", self.unread);
        }
        if self.truncated > 0 {
            let _ = writeln!(out, "{} texts were too long for the model and cut on the left", self.truncated);
        }
        out
    }
}

/// `61.8% (55.0–68.2)`, with Wilson's 95% interval.
fn share(tally: &Tally) -> String {
    match (tally.share(), wilson(tally.correct, tally.total, 0.05)) {
        (Some(share), Some(interval)) => {
            format!("{:.1}% ({:.1}–{:.1})", share * 100.0, interval.low * 100.0, interval.high * 100.0)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use mmedbench::statistics::anytime::{AnytimeMean, Stratum};

    use super::*;

    fn line(correct: bool) -> QuestionRecord {
        serde_json::from_value(serde_json::json!({
            "id": "q", "question_hash": "h", "language": "English", "source": "", "gold": "A", "key_position": 0, "prediction": "A", "correct": correct,
        }))
        .unwrap()
    }

    #[test]
    fn a_line_says_accuracy_interval_speed_and_time_left() {
        let mut progress = Progress::new(1000, None);
        (0..20).for_each(|_| progress.earlier(&line(true)));
        (0..80).for_each(|i| progress.count(&line(i < 30)));
        // Wilson, 50 of 100, by statsmodels 0.14: (0.403832, 0.596168). Only the 80 answers of now were asked in 20 seconds.
        assert_eq!(
            progress.line(Duration::from_secs(20)),
            "100/1000 50.0% (40.4–59.6) 4.0/s 4 min left"
        );
    }

    #[test]
    fn what_is_watched_stands_beside_the_accuracy() {
        let strata: Vec<Stratum> = Language::ALL
            .iter()
            .map(|language| Stratum {
                weight: 1.0,
                size: if *language == Language::English { 4 } else { 0 },
            })
            .collect();
        let mean = AnytimeMean::new(&strata, 0.05).unwrap();
        let mut progress = Progress::new(4, Some(Until::Width { mean, width: 0.6 }));
        progress.count(&line(true));
        assert!(!progress.enough());
        assert_eq!(progress.message(), "100.0% (20.7–100.0); mean over languages 25.0–100.0%");
        progress.count(&line(false));
        assert!(progress.enough(), "two of four are known");
        assert!(
            progress.table().contains("valid at every moment: 25.0–75.0%"),
            "{}",
            progress.table()
        );
    }
}

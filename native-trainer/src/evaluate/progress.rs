//! What is seen while a run goes on: a bar with the accuracy so far, its interval and the time left; and a small table at the end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use mmedbench::run::Plan;
use mmedbench::statistics::anytime::{AnytimeMean, Goal};
use mmedbench::statistics::interval::wilson;
use mmedbench::summary::Tally;
use mmedbench::{Language, QuestionRecord};

/// Counts what was answered.
pub struct Progress {
    bar: ProgressBar,
    languages: BTreeMap<Language, Tally>,
    unread: usize,
    truncated: usize,
    until: Option<(AnytimeMean, Goal)>,
}

impl Progress {
    pub fn new(plan: &Plan, until: Option<(AnytimeMean, Goal)>) -> Progress {
        let total = plan.items().len() as u64;
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {per_sec} {eta} left") {
            bar.set_style(style);
        }
        Progress {
            bar,
            languages: BTreeMap::new(),
            unread: 0,
            truncated: 0,
            until,
        }
    }

    /// An answer of an earlier sitting: counted, but no measure of speed.
    pub fn earlier(&mut self, line: &QuestionRecord) {
        self.count(line);
        self.bar.inc(1);
        self.bar.reset_eta();
    }

    /// An answer of now.
    pub fn answered(&mut self, line: &QuestionRecord) {
        self.count(line);
        let all = self.all();
        let mut message = share(&all);
        if let Some((mean, _)) = &self.until {
            let interval = mean.interval();
            message = format!("mean over languages {:.1}–{:.1}%", interval.low * 100.0, interval.high * 100.0);
        }
        self.bar.set_message(message);
        self.bar.inc(1);
    }

    fn count(&mut self, line: &QuestionRecord) {
        let correct = line.correct == Some(true);
        let tally = self.languages.entry(line.language).or_default();
        tally.total += 1;
        tally.correct += usize::from(correct);
        self.unread += usize::from(line.prediction.is_none());
        self.truncated += usize::from(line.truncated_tokens.is_some());
        if let Some((mean, _)) = &mut self.until {
            let stratum = Language::ALL.iter().position(|l| *l == line.language).unwrap_or(0);
            // A record holds each question once, and no more questions than the data, which is what the strata were made of.
            let _ = mean.observe(stratum, f64::from(u8::from(correct)));
        }
    }

    /// Whether the interval is narrow enough.
    pub fn enough(&self) -> bool {
        self.until.as_ref().is_some_and(|(mean, goal)| mean.done(*goal))
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
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
        if let Some((mean, _)) = &self.until {
            let interval = mean.interval();
            let _ = writeln!(
                out,
                "its 95% interval, valid at every moment: {:.1}–{:.1}%",
                interval.low * 100.0,
                interval.high * 100.0
            );
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

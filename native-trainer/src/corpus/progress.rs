//! How far a command is: a bar where standard error is a terminal, a line for each stage elsewhere.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mmedc::build::{Progress, Stage};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Bytes,
    Tokens,
    Parts,
}

/// A bar for one stage of a command; where it is not seen, a line says that the stage begins.
pub fn stage(name: &str, work: Work, amount: u64) -> ProgressBar {
    let bar = quiet(name, work, amount);
    if bar.is_hidden() {
        match work {
            Work::Parts if amount > 1 => eprintln!("{name}: {amount} parts"),
            _ => eprintln!("{name}"),
        }
    }
    bar
}

/// The same without the line.
pub fn quiet(name: &str, work: Work, amount: u64) -> ProgressBar {
    let template = match work {
        Work::Bytes => "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
        Work::Tokens => "{msg} {bar:30} {human_pos}/{human_len} tokens, {per_sec}, {eta} left",
        Work::Parts => "{msg} {bar:30} {pos}/{len} {elapsed}",
    };
    let bar = ProgressBar::new(amount).with_message(name.to_owned());
    bar.set_style(ProgressStyle::with_template(template).expect("a fixed template"));
    // A stage whose parts take long still shows that time passes.
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// How often a line says that a task still waits.
const REMINDER: Duration = Duration::from_secs(60);

/// The bars of a build, one after the other.
#[derive(Default)]
pub struct Bars {
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    /// For which stage of other tasks this one waits, and when that was last said.
    waiting: Option<(Stage, Instant)>,
}

impl Bars {
    fn with(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

impl Progress for Bars {
    fn begin(&self, name: Stage, units: u64, amount: u64) {
        self.with(|shown| {
            shown.clear();
            let work = match name {
                Stage::Map | Stage::Write => Work::Bytes,
                Stage::Pack => Work::Tokens,
                Stage::Plan | Stage::Reduce | Stage::Resolve | Stage::Finish => Work::Parts,
            };
            let bar = quiet(name.name(), work, amount);
            if bar.is_hidden() {
                eprintln!("{}: {units} unit{} to do", name.name(), if units == 1 { "" } else { "s" });
            }
            shown.bar = Some(bar);
        });
    }

    fn advance(&self, work: u64) {
        self.with(|shown| {
            if let Some(bar) = &shown.bar {
                bar.inc(work);
            }
        });
    }

    fn waiting(&self, stage: Stage, missing: u64) {
        self.with(|shown| {
            let text = format!(
                "waiting for other tasks: {missing} unit{} of {}",
                if missing == 1 { "" } else { "s" },
                stage.name()
            );
            let said = shown.waiting.filter(|(of, _)| *of == stage);
            if said.is_none() {
                shown.clear();
                let spinner = ProgressBar::new_spinner();
                spinner.set_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("a fixed template"));
                spinner.enable_steady_tick(Duration::from_millis(250));
                shown.bar = Some(spinner);
            }
            let Some(bar) = &shown.bar else { return };
            let due = said.is_none_or(|(_, at)| at.elapsed() >= REMINDER);
            if bar.is_hidden() && due {
                eprintln!("{text}");
            }
            bar.set_message(text);
            if due {
                shown.waiting = Some((stage, Instant::now()));
            }
        });
    }

    fn end(&self, _: Stage) {
        self.with(Shown::clear);
    }

    fn note(&self, text: &str) {
        self.with(|shown| match &shown.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        });
    }
}

impl Shown {
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.waiting = None;
    }
}

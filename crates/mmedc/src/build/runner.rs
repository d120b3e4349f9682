//! Which units a task does, and how it is known that a unit is done.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokenizer::Tokenizer;

use super::config::{Config, Settings};
use super::emit::UnitsByLanguage;
use super::pack::Tokens;
use super::plan::Plan;
use super::steps::Steps;
use crate::storage::Storage;
use crate::{Counts, Error, Result};

/// A stage of a build, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Plan,
    Map,
    Reduce,
    Resolve,
    Write,
    Pack,
    Finish,
}

impl Stage {
    pub const ALL: [Stage; 7] = [
        Stage::Plan,
        Stage::Map,
        Stage::Reduce,
        Stage::Resolve,
        Stage::Write,
        Stage::Pack,
        Stage::Finish,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Plan => "plan",
            Stage::Map => "map",
            Stage::Reduce => "reduce",
            Stage::Resolve => "resolve",
            Stage::Write => "write",
            Stage::Pack => "pack",
            Stage::Finish => "finish",
        }
    }
}

/// One of `tasks` equal parts of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub task: u64,
    pub tasks: u64,
}

impl Share {
    /// Everything.
    pub const WHOLE: Share = Share { task: 0, tasks: 1 };

    pub fn new(task: u64, tasks: u64) -> Result<Share> {
        if task >= tasks {
            return Err(Error::Refused(format!(
                "there is no task {task} of {tasks}: tasks are counted from 0"
            )));
        }
        Ok(Share { task, tasks })
    }

    fn has(self, unit: u64) -> bool {
        unit % self.tasks == self.task
    }
}

/// Who wants to know how far a build is. Called from several threads.
pub trait Progress: Sync {
    /// A stage begins: how many units this task does of it, and how much work that is (bytes of input, tokens, or units).
    fn begin(&self, _stage: Stage, _units: u64, _work: u64) {}
    /// Some of that work is done.
    fn advance(&self, _work: u64) {}
    /// This task waits for others, which still have so many units to do.
    fn waiting(&self, _stage: Stage, _missing: u64) {}
    /// A stage has ended.
    fn end(&self, _stage: Stage) {}
    /// Something that is worth a line but stops nothing.
    fn note(&self, _text: &str) {}
}

/// Nobody.
pub struct Silent;

impl Progress for Silent {}

/// What a marker says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// Path and size of every file that the unit wrote.
    pub files: Vec<(String, u64)>,
    /// What it counted.
    pub counts: Counts,
}

/// A build: its configuration, where it writes, and the plan once that is made.
pub struct Build {
    pub settings: Settings,
    pub output: Storage,
    pub(super) plan: OnceLock<Plan>,
    pub(super) steps: OnceLock<Steps>,
    pub(super) units_by_language: OnceLock<UnitsByLanguage>,
    pub(super) tokens: OnceLock<Tokens>,
    /// What this machine reads images of text with.
    pub(super) recognition: OnceLock<String>,
    pub(super) open_tokenizer: OpenTokenizer,
}

/// How a program opens the tokenizer that a configuration names: this crate does not know all formats.
pub type OpenTokenizer = Box<dyn Fn(&Path) -> Result<Tokenizer> + Send + Sync>;

/// How a task works.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Units at a time.
    pub threads: usize,
    /// How long to wait for units of other tasks; none refuses at once.
    pub wait: Option<Duration>,
}

impl Build {
    /// Checks the configuration, and that the output belongs to it.
    pub fn open(config: Config, base: &Path, open_tokenizer: OpenTokenizer) -> Result<Build> {
        let output = Storage::open(&config.output, base)?;
        Build::with_output(config, base, output, open_tokenizer)
    }

    /// The same with another place for the results.
    pub fn with_output(config: Config, base: &Path, output: Storage, open_tokenizer: OpenTokenizer) -> Result<Build> {
        let settings = Settings::new(config, base)?;
        let windows = |settings: &super::pack::TokenizeSettings| settings.layout == super::pack::Layout::Windows;
        if output.local_root().is_none() && settings.config.tokenize.as_ref().is_some_and(windows) {
            return Err(Error::Refused(
                "corpus.toml: [tokenize] layout = \"windows\" makes a file of each window, which is not for an object store; take packed, or a local output".into(),
            ));
        }
        settings.claim(&output)?;
        Ok(Build {
            settings,
            output,
            plan: OnceLock::new(),
            steps: OnceLock::new(),
            units_by_language: OnceLock::new(),
            tokens: OnceLock::new(),
            recognition: OnceLock::new(),
            open_tokenizer,
        })
    }

    /// How many units a stage has. All but the plan need the plan.
    pub fn units(&self, stage: Stage) -> Result<u64> {
        Ok(match stage {
            Stage::Plan | Stage::Finish => 1,
            Stage::Map | Stage::Write => self.plan()?.units.len() as u64,
            Stage::Reduce => self.settings.buckets(),
            Stage::Resolve => u64::from(self.settings.finds_copies()),
            Stage::Pack => u64::from(self.settings.config.tokenize.is_some()),
        })
    }

    /// Runs a task's share of `stages`.
    pub fn run(&self, stages: &[Stage], share: Share, manner: Manner, progress: &dyn Progress) -> Result<()> {
        for &stage in stages {
            if let Some(before) = Stage::ALL.into_iter().take_while(|earlier| *earlier < stage).last() {
                self.wait_for(before, share, manner, progress)?;
            }
            self.run_stage(stage, share, manner, progress)?;
        }
        Ok(())
    }

    fn run_stage(&self, stage: Stage, share: Share, manner: Manner, progress: &dyn Progress) -> Result<()> {
        let done = self.done(stage)?;
        // The plan is looked at again even when it is there: inputs may have changed since.
        let mine = (0..self.units(stage)?).filter(|unit| share.has(*unit));
        let todo: Vec<u64> = mine.filter(|unit| stage == Stage::Plan || !done.contains(unit)).collect();
        let work: Vec<u64> = todo.iter().map(|unit| self.work(stage, *unit)).collect::<Result<_>>()?;
        progress.begin(stage, todo.len() as u64, work.iter().sum());
        // The search for copies and the tokenizer share work inside a unit: not on more threads than were asked for. At most as many units as
        // threads are handed over, so a thread that waits for one cannot begin too many others.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(manner.threads.max(1)).build();
        let pool = pool.map_err(|error| Error::Refused(format!("no threads: {error}")))?;
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let first_error = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..manner.threads.clamp(1, todo.len().max(1)) {
                scope.spawn(|| {
                    while !failed.load(Ordering::Relaxed) {
                        let Some(unit) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else {
                            break;
                        };
                        if let Err(error) = pool.install(|| self.run_unit(stage, *unit, progress)) {
                            failed.store(true, Ordering::Relaxed);
                            first_error
                                .lock()
                                .unwrap_or_else(|poisoned| poisoned.into_inner())
                                .get_or_insert(error);
                        }
                    }
                });
            }
        });
        progress.end(stage);
        match first_error.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// Bytes of input, tokens, or 1 where neither says anything.
    fn work(&self, stage: Stage, unit: u64) -> Result<u64> {
        Ok(match stage {
            Stage::Map | Stage::Write => self.plan()?.units[unit as usize].bytes,
            Stage::Pack => {
                let tokens = |unit| Ok(self.marker(Stage::Write, unit)?.counts.0.get("tokens").copied().unwrap_or(0));
                (0..self.units(Stage::Write)?).map(tokens).sum::<Result<u64>>()?
            }
            _ => 1,
        })
    }

    fn run_unit(&self, stage: Stage, unit: u64, progress: &dyn Progress) -> Result<()> {
        let marker = match stage {
            Stage::Plan => super::plan::run(self)?,
            Stage::Map => super::map::run(self, unit, progress)?,
            Stage::Reduce => super::copies::reduce(self, unit)?,
            Stage::Resolve => super::copies::resolve(self)?,
            Stage::Write => super::emit::run(self, unit, progress)?,
            Stage::Pack => super::pack::run(self, progress)?,
            Stage::Finish => super::finish::run(self)?,
        };
        if !matches!(stage, Stage::Map | Stage::Write | Stage::Pack) {
            progress.advance(1);
        }
        let json = serde_json::to_vec(&marker).expect("plain data");
        self.output.write(&marker_path(stage, unit), &json)
    }

    /// Units of a stage that have their marker.
    pub fn done(&self, stage: Stage) -> Result<BTreeSet<u64>> {
        let entries = self.output.list(&format!("done/{}", stage.name()))?;
        let number = |path: &str| path.rsplit('/').next()?.strip_suffix(".json")?.parse().ok();
        Ok(entries.iter().filter_map(|entry| number(&entry.path)).collect())
    }

    /// The marker of a unit that is done.
    pub fn marker(&self, stage: Stage, unit: u64) -> Result<Marker> {
        let path = marker_path(stage, unit);
        let json = self.output.read(&path)?.ok_or_else(|| {
            Error::Refused(format!(
                "{}: missing; run stage {} of this build again",
                self.output.shown(&path),
                stage.name()
            ))
        })?;
        serde_json::from_slice(&json).map_err(|error| Error::format(self.output.shown(&path), format!("not a marker: {error}")))
    }

    /// Until all units of a stage are done, by whichever task.
    fn wait_for(&self, stage: Stage, share: Share, manner: Manner, progress: &dyn Progress) -> Result<()> {
        let begin = Instant::now();
        loop {
            let done = self.done(stage)?;
            // Without a plan nobody knows how many units the later stages have.
            let missing: Vec<u64> = match stage {
                Stage::Plan if done.is_empty() => vec![0],
                Stage::Plan => Vec::new(),
                _ => (0..self.units(stage)?).filter(|unit| !done.contains(unit)).collect(),
            };
            if missing.is_empty() {
                return Ok(());
            }
            if manner.wait.is_none_or(|limit| begin.elapsed() >= limit) {
                return Err(unfinished(stage, &missing, share));
            }
            progress.waiting(stage, missing.len() as u64);
            std::thread::sleep(Duration::from_millis(if begin.elapsed() < Duration::from_secs(10) {
                200
            } else {
                5000
            }));
        }
    }
}

fn marker_path(stage: Stage, unit: u64) -> String {
    format!("done/{}/{unit:05}.json", stage.name())
}

fn unfinished(stage: Stage, missing: &[u64], share: Share) -> Error {
    let tasks: Vec<u64> = missing
        .iter()
        .map(|unit| unit % share.tasks)
        .collect::<BTreeSet<u64>>()
        .into_iter()
        .collect();
    let list = |numbers: &[u64]| {
        let shown: Vec<String> = numbers.iter().take(8).map(u64::to_string).collect();
        shown.join(", ") + if numbers.len() > 8 { ", …" } else { "" }
    };
    let (name, one_unit, one_task) = (stage.name(), missing.len() == 1, tasks.len() == 1);
    Error::Refused(format!(
        "stage {name} is not finished: {} unit{} missing ({}). Run `--stage {name}` again for task{} {} of {}; what is done is not done twice",
        missing.len(),
        if one_unit { " is" } else { "s are" },
        list(missing),
        if one_task { "" } else { "s" },
        list(&tasks),
        share.tasks
    ))
}

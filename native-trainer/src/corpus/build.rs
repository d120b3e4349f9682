//! `mmedkit corpus build`: a whole corpus from one configuration, alone or as one of many tasks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use mmedc::build::{Build, Config, Manner, Share, Stage};
use mmedc::statistics::Statistics;
use mmedc::statistics::table::{Unit, table};

use super::progress::Bars;
use super::stats;
use crate::model;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What goes in, which steps run, what comes out (docs/corpus.md)
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Which of the tasks this is, from 0
    #[arg(long, value_name = "I", default_value_t = 0)]
    pub task: u64,
    /// How many tasks share the work
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub tasks: u64,
    /// Only this stage; without it, all stages, waiting for the other tasks between them
    #[arg(long, value_enum)]
    pub stage: Option<StageArg>,
    /// Units at a time; all processors if left out
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// How long to wait for other tasks, in seconds; with --stage not at all unless this is given
    #[arg(long, value_name = "SECONDS")]
    pub wait: Option<u64>,
}

/// [`Stage`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StageArg {
    /// List the inputs and cut them into units
    Plan,
    /// Read, run the steps, sign
    Map,
    /// Find documents that share a signature
    Reduce,
    /// Decide which copies go
    Resolve,
    /// Write what stays, as parquet and as tokens
    Write,
    /// Join tokens to the shards that a trainer reads
    Pack,
    /// Statistics, report, dataset card
    Finish,
}

impl From<StageArg> for Stage {
    fn from(arg: StageArg) -> Stage {
        match arg {
            StageArg::Plan => Stage::Plan,
            StageArg::Map => Stage::Map,
            StageArg::Reduce => Stage::Reduce,
            StageArg::Resolve => Stage::Resolve,
            StageArg::Write => Stage::Write,
            StageArg::Pack => Stage::Pack,
            StageArg::Finish => Stage::Finish,
        }
    }
}

/// A task that waits longer than this for another waits for one that was never started.
const WAIT_ALL_STAGES: Duration = Duration::from_secs(24 * 3600);

/// Builds.
pub fn run(args: &Args) -> Result<()> {
    let share = Share::new(args.task, args.tasks)?;
    let threads = match args.threads {
        Some(threads) => threads.max(1),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let text = std::fs::read_to_string(&args.config).with_context(|| args.config.display().to_string())?;
    let config = Config::parse(&args.config, &text)?;
    let base = args
        .config
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let open_tokenizer = |path: &Path| model::open_tokenizer(path).map_err(|error| mmedc::Error::Refused(format!("{error:#}")));
    let build = Build::open(config, base, Box::new(open_tokenizer))?;
    let stages = match args.stage {
        Some(stage) => vec![stage.into()],
        None => Stage::ALL.to_vec(),
    };
    let manner = Manner {
        threads,
        wait: match (args.wait, args.stage) {
            (Some(seconds), _) => Some(Duration::from_secs(seconds)),
            (None, Some(_)) => None,
            (None, None) => (args.tasks > 1).then_some(WAIT_ALL_STAGES),
        },
    };
    build.run(&stages, share, manner, &Bars::default())?;
    if stages.contains(&Stage::Finish) && args.task == 0 {
        let json = build
            .output
            .read(mmedc::build::finish::STATISTICS)?
            .context("the statistics were just written")?;
        let statistics: Statistics = serde_json::from_slice(&json)?;
        let unit = if statistics.has_tokens() { Unit::Tokens } else { Unit::Characters };
        print!("{}", table(&statistics.kept, unit));
        print!("{}", stats::languages(&statistics));
        eprintln!(
            "\n{} is ready; read {}",
            build.output.shown(""),
            build.output.shown(mmedc::build::finish::REPORT)
        );
    }
    Ok(())
}

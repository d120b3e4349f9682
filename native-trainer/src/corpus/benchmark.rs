//! A benchmark's questions that must not be in a corpus, as the commands take them.

use std::path::PathBuf;

use anyhow::Result;
use mmedc::contamination::{Contamination, Options};

use crate::finetune::read_questions;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct BenchmarkArgs {
    /// Questions (MMedBench's Test: a JSONL file or a folder) whose text must not be in the corpus; may be given several times
    #[arg(long, value_name = "QUESTIONS")]
    pub benchmark: Vec<PathBuf>,
    /// Only report documents that hold questions
    #[arg(long, requires = "benchmark")]
    pub keep_contaminated: bool,
}

/// What is looked for.
pub struct Benchmark {
    pub runs: Contamination,
    /// What identifies it in settings.
    pub hash: String,
}

impl BenchmarkArgs {
    /// Reads the questions; none where none are named.
    pub fn open(&self) -> Result<Option<Benchmark>> {
        if self.benchmark.is_empty() {
            return Ok(None);
        }
        let report = read_questions(&self.benchmark)?;
        for error in &report.errors {
            eprintln!("{error}");
        }
        let texts: Vec<(String, String)> = report
            .questions
            .into_iter()
            .flat_map(|question| {
                let options = question.options.into_iter().map(|(_, text)| text);
                let texts: Vec<String> = std::iter::once(question.question).chain(options).collect();
                texts.into_iter().map(move |text| (question.id.clone(), text))
            })
            .collect();
        let all: Vec<&str> = texts.iter().flat_map(|(name, text)| [name.as_str(), text]).collect();
        let hash = mmedc::shards::manifest::fingerprint(&all);
        let options = Options {
            drop: !self.keep_contaminated,
            ..Options::default()
        };
        let runs = Contamination::new(texts, options)?;
        eprintln!(
            "{} runs of the benchmark are looked for; {} of its texts are too short",
            runs.runs(),
            runs.left_out()
        );
        Ok(Some(Benchmark { runs, hash }))
    }
}

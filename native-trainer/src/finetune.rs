//! `mmedkit finetune`: MMedBench's training questions in the paper's two prompts; loss on the answer only.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use mmedbench::ReadReport;
use mmedbench::prompt::training_examples;
use tokenizer::Tokenizer;

use crate::examples::Example;
use crate::trainer::{self, Defaults, Run, Settings, TrainArgs};
use crate::{folder, model, pretrain, shape};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model to go on with: a Hugging Face folder, or the output folder of a run
    #[arg(long)]
    pub model: PathBuf,
    /// A JSONL file of questions, or a folder of them (MMedBench's Train); may be given several times
    #[arg(long, required = true)]
    pub questions: Vec<PathBuf>,
    #[command(flatten)]
    pub train: TrainArgs,
}

/// Those of the paper's full fine-tuning.
const DEFAULTS: Defaults = Defaults {
    kind: "finetune",
    learning_rate: 1e-6,
    warmup_ratio: 0.03,
    weight_decay: 0.0,
    epochs: 5,
};

/// Trains; returns when the last checkpoint is written.
pub fn run(args: &Args) -> Result<()> {
    let from = trainer::starting_point(&args.train)?;
    let init = model::resolve(&args.model)?;
    let tokenizer = folder::read_tokenizer(&init.join("tokenizer.json"))?;
    let report = read_questions(&args.questions)?;
    for error in &report.errors {
        eprintln!("{error}");
    }
    eprintln!("{}", report.summary());
    let (examples, too_long) = examples(&report, &tokenizer, args.train.sequence_length)?;
    if too_long > 0 {
        eprintln!(
            "{too_long} examples are longer than {} tokens and are left out; see --sequence-length",
            args.train.sequence_length
        );
    }
    if examples.is_empty() {
        bail!("there is nothing to train on");
    }
    let settings = Settings::new(&args.train, &DEFAULTS, &examples)?;
    let config_json = shape::of_folder(&init)?;
    let decoder = pretrain::load(
        Some(from.as_deref().unwrap_or(&init)),
        &config_json,
        args.train.sequence_length,
        args.train.seed,
    )?;
    eprintln!(
        "{} parameters, {} steps, {} examples",
        decoder.parameter_count(),
        settings.steps,
        examples.len()
    );
    let run = Run {
        args: &args.train,
        settings,
        data: &examples,
        held_out: &[],
        config_json,
        tokenizer: &tokenizer,
    };
    let saved = trainer::train(&run, &decoder, from.as_deref())?;
    eprintln!("done: {}", saved.display());
    Ok(())
}

/// Files as named, and all question files in folders, sorted.
pub(crate) fn read_questions(paths: &[PathBuf]) -> Result<ReadReport> {
    let mut report = ReadReport::default();
    for path in paths {
        let place = || path.display().to_string();
        if path.is_dir() {
            let entries = std::fs::read_dir(path).with_context(place)?;
            let mut files = entries
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<Vec<_>>>()
                .with_context(place)?;
            files.retain(|file| file.is_file());
            files.sort();
            for file in files {
                report.offer_file(
                    &file.display().to_string(),
                    &std::fs::read(&file).with_context(|| file.display().to_string())?,
                );
            }
        } else {
            report.read_file(&path.display().to_string(), &std::fs::read(path).with_context(place)?);
        }
    }
    if report.questions.is_empty() {
        bail!(
            "no questions in {}",
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        );
    }
    Ok(report)
}

/// Prompt and answer in tokens, each encoded by itself: at inference the model sees the prompt alone, so no merge may cross the border
/// (the authors' code lets it, and then takes one token of the prompt for the answer's or the reverse). Returns how many were too long.
fn examples(report: &ReadReport, tokenizer: &Tokenizer, longest: usize) -> Result<(Vec<Example>, usize)> {
    let end = tokenizer
        .eos()
        .context("the tokenizer names no end token, which an answer must end with")?;
    let (mut examples, mut too_long) = (Vec::new(), 0);
    for question in &report.questions {
        for (prompt, answer) in training_examples(question) {
            let mut tokens = tokenizer.prefix().to_vec();
            tokens.extend(tokenizer.encode(&prompt, false, false).with_context(|| question.id.clone())?);
            let first_target = tokens.len();
            tokens.extend(tokenizer.encode(&answer, false, false).with_context(|| question.id.clone())?);
            tokens.push(end);
            let example = Example { tokens, first_target };
            if example.rows() > longest {
                too_long += 1
            } else {
                examples.push(example)
            }
        }
    }
    Ok((examples, too_long))
}

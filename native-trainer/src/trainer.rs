//! The training loop: packed batches → tape → AdamW, with warm-up and cosine, clipping, checkpoints and exact resume.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use decoder::names::{Naming, Param};
use decoder::train::{Optimizer, loss, loss_and_gradients};
use decoder::{AdamW, Config, Decoder, Differentiable, Gradients};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenizer::Tokenizer;

use crate::examples::{Data, Example, Position, pack};
use crate::run_log::{Entry, RunLog};
use crate::state::{self, Progress};

/// Arguments that both kinds of training share.
#[derive(clap::Args, Debug, Clone)]
pub struct TrainArgs {
    /// Folder of the run: checkpoints (each a Hugging Face folder) and log.jsonl
    #[arg(long)]
    pub output: PathBuf,
    /// Go on from the last checkpoint in the output folder, if there is one
    #[arg(long)]
    pub resume: bool,
    /// Longest example in tokens
    #[arg(long, default_value_t = 512)]
    pub sequence_length: usize,
    /// Tokens of a batch, at most
    #[arg(long, default_value_t = 4096)]
    pub batch_tokens: usize,
    /// Batches that make one step
    #[arg(long, default_value_t = 1)]
    pub accumulate: usize,
    /// Steps in all; instead of --epochs
    #[arg(long, conflicts_with = "epochs")]
    pub steps: Option<u64>,
    /// Passes over the data
    #[arg(long)]
    pub epochs: Option<u64>,
    /// Peak learning rate
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// Learning rate at the end of the cosine
    #[arg(long, default_value_t = 0.0)]
    pub min_learning_rate: f64,
    /// Share of the steps in which the learning rate grows
    #[arg(long)]
    pub warmup_ratio: Option<f64>,
    /// Of matrices; norms and biases never decay
    #[arg(long)]
    pub weight_decay: Option<f64>,
    /// AdamW's first decay rate
    #[arg(long, default_value_t = 0.9)]
    pub beta1: f64,
    /// AdamW's second decay rate
    #[arg(long, default_value_t = 0.999)]
    pub beta2: f64,
    /// AdamW's epsilon
    #[arg(long, default_value_t = 1e-8)]
    pub epsilon: f64,
    /// Largest norm of the gradient; 0 for no limit
    #[arg(long, default_value_t = 1.0)]
    pub clip: f64,
    /// Of weights and order
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Keep only the input of each layer and compute the rest twice: less memory, the same gradients
    #[arg(long)]
    pub activation_checkpointing: bool,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 200)]
    pub checkpoint_every: u64,
    /// Checkpoints that are kept
    #[arg(long, default_value_t = 2)]
    pub keep: usize,
    /// End after this step with a checkpoint, as if interrupted
    #[arg(long)]
    pub stop_after: Option<u64>,
}

/// What fixes the result of a run. Resuming with other settings is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Settings {
    pub kind: String,
    pub data: String,
    pub steps: u64,
    pub sequence_length: usize,
    pub batch_tokens: usize,
    pub accumulate: usize,
    pub optimizer: AdamW,
    pub min_learning_rate: f64,
    pub warmup_steps: u64,
    pub clip: f64,
    pub seed: u64,
}

/// Values where the arguments say nothing.
pub struct Defaults {
    /// `pretrain` or `finetune`.
    pub kind: &'static str,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Share of the steps.
    pub warmup_ratio: f64,
    /// Of matrices.
    pub weight_decay: f64,
    /// Passes over the data.
    pub epochs: u64,
}

impl Settings {
    /// From the arguments and the data.
    pub fn new(args: &TrainArgs, defaults: &Defaults, data: &dyn Data) -> Result<Settings> {
        if args.sequence_length == 0 || args.batch_tokens < args.sequence_length || args.accumulate == 0 || args.checkpoint_every == 0 {
            bail!(
                "--sequence-length, --accumulate and --checkpoint-every must be at least 1, and --batch-tokens at least --sequence-length"
            );
        }
        let epochs = args.epochs.unwrap_or(defaults.epochs);
        let steps = match args.steps {
            Some(steps) => steps,
            None => data
                .count_batches(args.batch_tokens, args.seed, epochs)
                .div_ceil(args.accumulate as u64),
        };
        let warmup = args.warmup_ratio.unwrap_or(defaults.warmup_ratio);
        if steps == 0 || !(0.0..=1.0).contains(&warmup) {
            bail!("there must be at least one step, and --warmup-ratio must be between 0 and 1");
        }
        Ok(Settings {
            kind: defaults.kind.to_owned(),
            data: data.fingerprint(),
            steps,
            sequence_length: args.sequence_length,
            batch_tokens: args.batch_tokens,
            accumulate: args.accumulate,
            optimizer: AdamW {
                learning_rate: args.learning_rate.unwrap_or(defaults.learning_rate),
                beta1: args.beta1,
                beta2: args.beta2,
                eps: args.epsilon,
                weight_decay: args.weight_decay.unwrap_or(defaults.weight_decay),
            },
            min_learning_rate: args.min_learning_rate,
            warmup_steps: (steps as f64 * warmup).ceil() as u64,
            clip: args.clip,
            seed: args.seed,
        })
    }

    /// Of step `step`, from 1: a straight line up, then half a cosine down.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let (peak, least) = (self.optimizer.learning_rate, self.min_learning_rate);
        if step <= self.warmup_steps {
            return peak * step as f64 / self.warmup_steps as f64;
        }
        let done = (step - self.warmup_steps) as f64 / (self.steps - self.warmup_steps).max(1) as f64;
        least + (peak - least) * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
    }
}

/// Everything that a run trains with, besides the model.
pub struct Run<'a> {
    /// Arguments that do not change the result.
    pub args: &'a TrainArgs,
    /// Those that do.
    pub settings: Settings,
    /// What it is trained on.
    pub data: &'a dyn Data,
    /// Text that is measured at checkpoints and never trained on, in named groups.
    pub held_out: &'a [HeldOut],
    /// `config.json` of the model.
    pub config_json: Value,
    /// Stored with every checkpoint.
    pub tokenizer: &'a Tokenizer,
}

/// Text that is measured together.
pub struct HeldOut {
    /// Its language; empty where the text is of no one.
    pub name: String,
    /// At least one.
    pub examples: Vec<Example>,
}

/// Where a run starts from, told before a model is loaded.
pub fn starting_point(args: &TrainArgs) -> Result<Option<PathBuf>> {
    std::fs::create_dir_all(&args.output).with_context(|| format!("{}: cannot make the folder", args.output.display()))?;
    match state::latest(&args.output)? {
        Some(checkpoint) if !args.resume => {
            bail!(
                "{} is there already; go on from it with --resume, or choose another --output",
                checkpoint.display()
            )
        }
        found => Ok(found),
    }
}

/// Refuses models that training could not write back.
pub fn check_trainable(config: &Config) -> Result<()> {
    if config.naming != Naming::HuggingFace {
        bail!(
            "training reads and writes Hugging Face folders with separate q, k and v; turn this model into one with `mmedkit export` first"
        );
    }
    Ok(())
}

/// Trains until the last step (or `--stop-after`). Returns the folder of the last checkpoint.
pub fn train<B: Differentiable>(run: &Run, decoder: &Decoder<B>, from: Option<&Path>) -> Result<PathBuf> {
    let (args, settings) = (run.args, &run.settings);
    let (backend, model) = (&decoder.backend, &decoder.model);
    let mut progress = Progress {
        step: 0,
        position: Position::default(),
        tokens: 0,
        settings: settings.clone(),
    };
    let mut optimizer = match from {
        None => Optimizer::new(backend, model)?,
        Some(checkpoint) => {
            progress = state::load_progress(checkpoint)?;
            if progress.settings != *settings {
                bail!(
                    "{} was made with other settings or other data; resume with the same.\n  then: {}\n  now:  {}",
                    checkpoint.display(),
                    serde_json::to_string(&progress.settings)?,
                    serde_json::to_string(settings)?
                );
            }
            state::load_optimizer(checkpoint, decoder, progress.step)?
        }
    };
    let mut log = RunLog::open(&args.output, progress.step)?;
    let mut batches = run.data.batches(settings.batch_tokens, settings.seed, progress.position);
    if let Some(place) = batches.place().filter(|_| from.is_some()) {
        eprintln!("after step {}: going on {place}", progress.step);
    }
    let last = args.stop_after.map_or(settings.steps, |stop| stop.min(settings.steps));
    let decays = |param: Param| !param.is_vector(decoder.config());
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(settings.steps)
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(ProgressStyle::with_template("{bar:30} step {pos}/{len} {msg}, {eta} left")?);
    bar.set_position(progress.step);
    bar.reset_eta();
    let mut checkpoint = from.map(Path::to_owned);

    while progress.step < last {
        let began = Instant::now();
        let step = progress.step + 1;
        let parts: Vec<Vec<Example>> = (0..settings.accumulate).map(|_| batches.next_batch()).collect();
        let targets: usize = parts
            .iter()
            .flatten()
            .map(|example| example.tokens.len() - example.first_target)
            .sum();
        let rows: usize = parts.iter().flatten().map(|example| example.rows()).sum();
        let mut gradients = Gradients::new(model.parameters.len());
        let mut mean = 0.0;
        for part in &parts {
            let (batch, targets) = pack(&part.iter().collect::<Vec<_>>(), 1.0 / targets as f32);
            mean += loss_and_gradients(backend, model, &batch, &targets, args.activation_checkpointing, &mut gradients)?;
        }
        let hyper = AdamW {
            learning_rate: settings.learning_rate(step),
            ..settings.optimizer
        };
        let clip = (settings.clip > 0.0).then_some(settings.clip);
        let norm = optimizer
            .step(backend, model, &gradients, &hyper, 1.0, clip, decays)
            .with_context(|| format!("step {step}"))?;
        drop(gradients);
        progress = Progress {
            step,
            position: batches.position(),
            tokens: progress.tokens + rows as u64,
            settings: progress.settings,
        };

        let saves = step == last || step.is_multiple_of(args.checkpoint_every);
        let (held_out_loss, held_out_losses) = if saves { held_out(run, decoder)? } else { Default::default() };
        let speed = rows as f64 / began.elapsed().as_secs_f64();
        log.add(&Entry {
            step,
            loss: mean,
            learning_rate: hyper.learning_rate,
            gradient_norm: norm,
            epoch: progress.position.epoch,
            targets: targets as u64,
            tokens: progress.tokens,
            tokens_per_second: speed.round(),
            held_out_loss,
            held_out_losses,
        })?;
        bar.inc(1);
        bar.set_message(format!("loss {mean:.3}, {speed:.0} tokens/s"));
        if saves {
            let saved = state::save(
                &args.output,
                args.keep,
                decoder,
                &optimizer,
                &progress,
                &run.config_json,
                run.tokenizer,
            )?;
            let held_out = held_out_loss.map(|loss| format!(", held out {loss:.4}")).unwrap_or_default();
            let line = format!(
                "step {step}/{}: loss {mean:.4}{held_out}, {speed:.0} tokens/s, saved {}",
                settings.steps,
                saved.display()
            );
            if bar.is_hidden() {
                eprintln!("{line}")
            } else {
                bar.println(line)
            }
            checkpoint = Some(saved);
        }
    }
    bar.finish_and_clear();
    checkpoint.context("the run has no steps left to do and no checkpoint")
}

/// Mean loss over all held-out examples, and over those of each named group.
fn held_out<B: Differentiable>(run: &Run, decoder: &Decoder<B>) -> Result<(Option<f64>, BTreeMap<String, f64>)> {
    let (mut sum, mut count, mut by_name) = (0.0, 0, BTreeMap::new());
    for group in run.held_out {
        let (group_sum, group_count) = total_loss(run, decoder, &group.examples)?;
        sum += group_sum;
        count += group_count;
        if !group.name.is_empty() && group_count > 0 {
            by_name.insert(group.name.clone(), group_sum / group_count as f64);
        }
    }
    Ok(((count > 0).then(|| sum / count as f64), by_name))
}

/// Sum of the losses, and the number of targets.
fn total_loss<B: Differentiable>(run: &Run, decoder: &Decoder<B>, examples: &[Example]) -> Result<(f64, usize)> {
    let total: usize = examples.iter().map(|example| example.tokens.len() - example.first_target).sum();
    let mut sum = 0.0;
    let mut rest: Vec<&Example> = examples.iter().collect();
    while !rest.is_empty() {
        let mut rows = 0;
        let count = rest.iter().take_while(|example| {
            rows += example.rows();
            rows <= run.settings.batch_tokens
        });
        let part: Vec<&Example> = rest.drain(..count.count().max(1)).collect();
        let (batch, targets) = pack(&part, 1.0);
        sum += pollster::block_on(loss(&decoder.backend, &decoder.model, &batch, &targets))?;
    }
    Ok((sum, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_grows_then_follows_a_cosine() {
        let settings = Settings {
            kind: "test".into(),
            data: String::new(),
            steps: 110,
            sequence_length: 1,
            batch_tokens: 1,
            accumulate: 1,
            optimizer: AdamW {
                learning_rate: 2.0,
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                weight_decay: 0.0,
            },
            min_learning_rate: 1.0,
            warmup_steps: 10,
            clip: 1.0,
            seed: 0,
        };
        assert_eq!(settings.learning_rate(1), 0.2);
        assert_eq!(settings.learning_rate(10), 2.0);
        assert!((settings.learning_rate(60) - 1.5).abs() < 1e-12, "half way, half down");
        assert!((settings.learning_rate(110) - 1.0).abs() < 1e-12);
        assert!((11..110).all(|step| settings.learning_rate(step) > settings.learning_rate(step + 1)));
    }
}

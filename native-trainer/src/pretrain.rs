//! `mmedkit pretrain`: a tree of text files, or packed shards of tokens → a model.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use backend_candle::CandleBackend;
use checkpoint::HfFolder;
use decoder::{Config, Decoder};
use serde_json::Value;
use tokenizer::Tokenizer;

use crate::corpus_data::CorpusData;
use crate::examples::{Data, pieces};
use crate::random_weights::{AsF32, RandomWeights};
use crate::shape::{self, ShapeArgs};
use crate::trainer::{self, Defaults, HeldOut, Run, Settings, TrainArgs};
use crate::{folder, model, text_tree};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of UTF-8 .txt files, one document a file; read into memory
    #[arg(long, required_unless_present = "corpus", conflicts_with = "corpus")]
    pub input: Option<PathBuf>,
    /// Folder of shards that `mmedkit corpus pack` wrote; memory-mapped. Its validation text is measured at checkpoints, by language
    #[arg(long)]
    pub corpus: Option<PathBuf>,
    /// Validation tokens of each language that are measured, at most
    #[arg(long, default_value_t = 1 << 16)]
    pub validation_tokens: u64,
    /// tokenizer.json of a new model
    #[arg(long, required_unless_present = "init", conflicts_with = "init")]
    pub tokenizer: Option<PathBuf>,
    /// Go on with this model (a Hugging Face folder) instead of a new one
    #[arg(long)]
    pub init: Option<PathBuf>,
    /// Hold out every n-th document of --input and measure its loss at checkpoints; 0 trains on everything
    #[arg(long, default_value_t = 0, conflicts_with = "corpus")]
    pub hold_out: usize,
    #[command(flatten)]
    pub shape: ShapeArgs,
    #[command(flatten)]
    pub train: TrainArgs,
}

const DEFAULTS: Defaults = Defaults {
    kind: "pretrain",
    learning_rate: 3e-4,
    warmup_ratio: 0.01,
    weight_decay: 0.01,
    epochs: 1,
};

/// Trains; returns when the last checkpoint is written.
pub fn run(args: &Args) -> Result<()> {
    let from = trainer::starting_point(&args.train)?;
    let init = args.init.as_deref().map(model::resolve).transpose()?;
    let tokenizer = match (&init, &args.tokenizer) {
        (Some(folder), _) => folder::read_tokenizer(&folder.join("tokenizer.json"))?,
        (None, Some(file)) => folder::read_tokenizer(file)?,
        (None, None) => bail!("give --tokenizer for a new model, or --init to go on with one"),
    };
    let config_json = match &init {
        Some(folder) => shape::of_folder(folder)?,
        None => args.shape.config(&tokenizer, args.train.sequence_length)?,
    };
    let (data, held_out) = match (&args.input, &args.corpus) {
        (Some(tree), None) => read(tree, args, &tokenizer)?,
        (None, Some(folder)) => {
            let corpus = CorpusData::open(folder, &tokenizer, args.train.sequence_length)?;
            let held_out = corpus.validation(args.validation_tokens)?;
            (Box::new(corpus) as Box<dyn Data>, held_out)
        }
        _ => bail!("give --input (a tree of text files) or --corpus (packed shards)"),
    };
    let settings = Settings::new(&args.train, &DEFAULTS, data.as_ref())?;
    let decoder = load(
        from.as_deref().or(init.as_deref()),
        &config_json,
        args.train.sequence_length,
        args.train.seed,
    )?;
    eprintln!(
        "{} parameters, {} steps of at most {} tokens, on {} ({} pieces held out)",
        decoder.parameter_count(),
        settings.steps,
        settings.batch_tokens * settings.accumulate,
        data.describe(),
        held_out.iter().map(|group| group.examples.len()).sum::<usize>()
    );
    let run = Run {
        args: &args.train,
        settings,
        data: data.as_ref(),
        held_out: &held_out,
        config_json,
        tokenizer: &tokenizer,
    };
    let saved = trainer::train(&run, &decoder, from.as_deref())?;
    eprintln!("done: {}", saved.display());
    Ok(())
}

/// Documents in pieces: those to train on, and those held out.
fn read(tree: &Path, args: &Args, tokenizer: &Tokenizer) -> Result<(Box<dyn Data>, Vec<HeldOut>)> {
    let files = text_tree::files(tree)?;
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (index, path) in files.iter().enumerate() {
        let text = text_tree::read(path)?;
        let mut document = tokenizer.prefix().to_vec();
        document.extend(tokenizer.encode(&text, false, false).with_context(|| path.display().to_string())?);
        document.extend(tokenizer.eos());
        let held = args.hold_out > 0 && (index + 1).is_multiple_of(args.hold_out);
        let examples = pieces(&document, args.train.sequence_length);
        if held { held_out.extend(examples) } else { train.extend(examples) }
    }
    if train.is_empty() {
        bail!("{}: no text to train on", tree.display());
    }
    let held_out = HeldOut {
        name: String::new(),
        examples: held_out,
    };
    Ok((Box::new(train), vec![held_out]))
}

/// A model to train on the CPU: from a folder, or new.
pub fn load(folder: Option<&Path>, config_json: &Value, context: usize, seed: u64) -> Result<Decoder<CandleBackend>> {
    let config = Config::from_huggingface(&config_json.to_string()).context("config.json")?;
    trainer::check_trainable(&config)?;
    let go_on = |_| ControlFlow::Continue(());
    pollster::block_on(async {
        match folder {
            Some(folder) => {
                let mut source = AsF32(HfFolder::open(folder).await?);
                Decoder::load(CandleBackend::new(), config, context, &mut source, go_on)
                    .await
                    .with_context(|| folder.display().to_string())
            }
            None => {
                let mut source = RandomWeights::new(&config, seed);
                Ok(Decoder::load(CandleBackend::new(), config, context, &mut source, go_on).await?)
            }
        }
    })
}

//! `mmedkit evaluate` and `mmedkit rescore`: a benchmark with a model on this machine.
//!
//! What is asked, and how answers are read, is `mmedbench::run`; here are the ends: [`data`] finds the questions, [`engine`] is the model,
//! [`record`] the file that grows, [`identity`] what the header says about the model, [`progress`] what is seen meanwhile, [`until`] when enough
//! is known, [`broken`] what could not be read. What must hold: a process killed at any moment goes on where it was and ends with the same record.

mod broken;
pub(crate) mod data;
mod engine;
mod identity;
mod progress;
mod record;
mod rescore;
mod until;

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use decoder::{Backend, Session};
use mmedbench::record::ModelId;
use mmedbench::run::{self, Done, MOST_TOKENS, Outcome, Plan, RunError, Settings};
use mmedbench::{BeginToken, Language, OptionOrder, Protocol, RunHeader, Template};
use tokenizer::Tokenizer;

use crate::device::{self, Device, Job};
use crate::model;
use crate::run_files;
use broken::Broken;
use data::Reader;
use until::Until;

pub use rescore::{Args as RescoreArgs, MergeArgs, merge, rescore};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A GGUF file, a Hugging Face folder, or the output folder of a run
    #[arg(long)]
    pub model: PathBuf,
    /// Questions: MMedBench's folder or zip, a JSONL file in its schema, or a benchmark's own file (MedQA, MCMLE, IgakuQA, FrenchMedMCQA,
    /// RuMedDaNet, HEAD-QA, CasiMedicos, PubMedQA, MedMCQA, MMLU, JMMLU). Of a folder with Test and Train, Test is asked
    #[arg(long)]
    pub data: PathBuf,
    /// The record; a file that holds part of the same run is gone on with
    #[arg(long)]
    pub output: PathBuf,
    /// Only these languages (names or codes, separated by commas)
    #[arg(long, value_delimiter = ',', value_parser = language)]
    pub language: Vec<Language>,
    /// letters: log-probability of the options' letters; loglik: log-likelihood of the options, as lm-evaluation-harness; letter-sets: of
    /// every set of letters; paper: written answers, read by the paper's rule; lenient: the same, read by a chain of fallbacks
    #[arg(long, default_value = "letters", value_parser = protocol)]
    pub protocol: Protocol,
    /// paper, paper-rationale, paper-rationale-training, harness, native, one of these with /FRAME, or a prompt file
    #[arg(long, default_value = "paper")]
    pub prompt: String,
    /// How the data is written: mmedbench, medqa, mmlu, lettered (MCMLE and MedMCQA as Apollo flattens them), igakuqa, frenchmedmcqa, rumeddanet,
    /// headqa, casimedicos, pubmedqa or jmmlu. By default told apart by its content
    #[arg(long, value_name = "NAME", value_parser = Reader::parse)]
    pub format: Option<Reader>,
    /// Ids of questions that need their picture, one a line, where the data does not say it: reports show them apart
    #[arg(long, value_name = "FILE")]
    pub images: Option<PathBuf>,
    /// Solved examples before each question
    #[arg(long, default_value_t = 0)]
    pub shots: usize,
    /// Where examples come from; by default the folder Train beside Test
    #[arg(long)]
    pub examples: Option<PathBuf>,
    /// Lay the model's chat template around the prompt
    #[arg(long)]
    pub chat: bool,
    /// as-given, rotated (every question once for each rotation) or shuffled
    #[arg(long, default_value = "as-given", value_parser = option_order)]
    pub option_order: OptionOrder,
    /// What stands before each text: model (what its tokenizer puts there, as lm-evaluation-harness does), yes (always its begin token) or no
    /// (the harness's add_bos_token=False)
    #[arg(long, default_value = "model", value_parser = begin_token)]
    pub begin_token: BeginToken,
    /// Of the order of questions, the examples and the shuffling of options
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Ask only the first N questions of the order, a random sample with the languages in turn
    #[arg(long, conflicts_with_all = ["until_width", "until_apart"])]
    pub limit: Option<usize>,
    /// Stop when the 95% interval of the mean accuracy over languages is so narrow (both sides together, e.g. 0.06). The interval is valid at
    /// every moment, so stopping by it is honest
    #[arg(long, value_name = "W", conflicts_with = "until_apart")]
    pub until_width: Option<f64>,
    /// Stop when this model and the one of another record (of the same data) are told apart: when the 95% interval of the difference of their
    /// mean accuracies over languages, valid at every moment, excludes 0
    #[arg(long, value_name = "RUN")]
    pub until_apart: Option<PathBuf>,
    /// Ask only part K of N, given as K/N: parts can be run on machines of one kind and merged
    #[arg(long, value_parser = part, conflicts_with_all = ["until_width", "until_apart"])]
    pub part: Option<(usize, usize)>,
    /// Most tokens of a written answer; the paper's scripts allow 1000
    #[arg(long, default_value_t = MOST_TOKENS)]
    pub max_tokens: u32,
    /// Do not score the options without the question (acc_mutual_info of loglik)
    #[arg(long)]
    pub no_mutual_information: bool,
    /// Questions handed to the model together: more share more. By default 32, with examples 32 for each language
    #[arg(long)]
    pub together: Option<usize>,
    /// Where to compute
    #[arg(long, default_value = "auto")]
    pub device: Device,
    /// Longest text in tokens; longer ones are cut on the left. By default what the model was made for, at most 8192
    #[arg(long)]
    pub context_length: Option<usize>,
}

fn language(text: &str) -> Result<Language, String> {
    let names = || Language::ALL.map(Language::name).join(", ");
    Language::parse(text).ok_or_else(|| format!("not one of {}", names()))
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::parse(text).ok_or_else(|| format!("not one of {}", Protocol::ALL.map(Protocol::name).join(", ")))
}

fn option_order(text: &str) -> Result<OptionOrder, String> {
    OptionOrder::parse(text).ok_or_else(|| format!("not one of {}", OptionOrder::ALL.map(OptionOrder::name).join(", ")))
}

fn begin_token(text: &str) -> Result<BeginToken, String> {
    BeginToken::parse(text).ok_or_else(|| format!("not one of {}", BeginToken::ALL.map(BeginToken::name).join(", ")))
}

fn part(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    parts
        .filter(|(k, n)| (1..=*n).contains(k))
        .ok_or_else(|| "expected K/N with K from 1 to N".into())
}

/// Evaluates.
pub fn run(args: &Args) -> Result<()> {
    let (plan, broken) = plan(args)?;
    pollster::block_on(async {
        let files = model::open(&args.model).await?;
        let tokenizer = files.tokenizer()?;
        if args.chat && tokenizer.chat_template().is_none() {
            bail!("{}: the model brings no chat template; leave out --chat", args.model.display());
        }
        let identity = identity::of(&args.model, &files)?;
        let context = args.context_length.unwrap_or(files.config.context_length.min(8192));
        let job = Evaluation {
            args,
            tokenizer,
            identity,
            plan,
            broken,
        };
        device::run(files, args.device, context, job).await
    })
}

/// The questions and what is asked of them, and the lines that are none.
fn plan(args: &Args) -> Result<(Plan, Broken)> {
    let template = if args.prompt.ends_with(".json") {
        let text = fs::read_to_string(&args.prompt).with_context(|| args.prompt.clone())?;
        Template::from_json(&args.prompt, &text)?
    } else {
        Template::built_in(&args.prompt)?
    };
    let settings = Settings {
        protocol: args.protocol,
        template,
        shots: args.shots,
        chat: args.chat,
        option_order: args.option_order,
        begin_token: args.begin_token,
        seed: args.seed,
        max_tokens: args.max_tokens,
        mutual_information: !args.no_mutual_information,
        together: args.together.unwrap_or(32),
    };
    let mut found = data::read(&args.data, args.format)?;
    if let Some(examples) = &args.examples {
        let given = data::read(examples, args.format)?;
        found.training = if given.training.questions.is_empty() {
            given.asked
        } else {
            given.training
        };
    }
    if let Some(ids) = &args.images {
        data::mark_images(&mut found.asked, ids)?;
    }
    if args.shots > 0 && found.training.questions.is_empty() {
        bail!(
            "{} has no Train folder to take examples from; name questions with --examples",
            args.data.display()
        );
    }
    let broken = Broken::of(&found);
    let mut questions = found.asked.questions;
    let wanted = |language| args.language.is_empty() || args.language.contains(&language);
    questions.retain(|question| wanted(question.language));
    let equal = questions.iter().filter(|question| question.equal_options().is_some()).count();
    if equal > 0 {
        eprintln!(
            "questions with two options of the same text: {equal}; by loglik they tie, and the first one counts, as in lm-evaluation-harness"
        );
    }
    let name = args
        .data
        .file_name()
        .map_or_else(|| args.data.display().to_string(), |name| name.to_string_lossy().into_owned());
    let data = run::Data {
        name,
        unreadable_lines: found.asked.errors.len(),
    };
    let training = &found.training.questions;
    let mut plan = Plan::new(settings, data, questions, training).with_context(|| args.data.display().to_string())?;
    if args.together.is_none() && args.shots > 0 {
        let languages: BTreeSet<Language> = plan.questions().iter().map(|question| question.language).collect();
        plan.settings.together = 32 * languages.len();
    }
    if let Some(limit) = args.limit {
        plan.limit(limit);
    }
    if let Some((k, n)) = args.part {
        plan.part(k, n);
    }
    Ok((plan, broken))
}

struct Evaluation<'a> {
    args: &'a Args,
    tokenizer: Tokenizer,
    identity: identity::Identity,
    plan: Plan,
    broken: Broken,
}

impl Job for Evaluation<'_> {
    type Output = ();

    async fn run<B: Backend>(self, session: Session<B>) -> Result<()> {
        let backend = &session.decoder.backend;
        let model = self.identity.on(&backend.name(), &backend.kernels());
        let mut header = self.header(model, session.context_length());
        let until = self.until(&header)?;
        if let Some(evaluation) = &mut header.evaluation {
            evaluation.until = until.as_ref().map(Until::name);
        }
        let mut progress = progress::Progress::new(self.plan.items().len(), until);
        let (mut file, done) = record::open(&self.args.output, &header, |line| progress.earlier(line))?;
        let earlier = done.len();
        if earlier > 0 {
            eprintln!("{}: going on after {earlier} answers", self.args.output.display());
        }
        self.broken.tell(&self.args.output)?;
        let mut model = engine::Engine::new(session, self.tokenizer, self.plan.settings.begin_token);
        let outcome = answer(&self.plan, done, &mut model, &mut file, &mut progress).await;
        progress.finish();
        let where_to = self.args.output.display();
        match outcome {
            Ok(Outcome::Finished | Outcome::Paused) => {
                print!("{}", progress.table());
                println!("record: {where_to}");
                Ok(())
            }
            Err(error @ RunError::Reply(_)) => Err(error).with_context(|| format!("{where_to} holds what was answered before")),
            Err(error) => Err(error.into()),
        }
    }
}

impl Evaluation<'_> {
    fn header(&self, model: ModelId, context: usize) -> RunHeader {
        let started = record::now();
        let run_id = mmedbench::sha256_hex(format!("{started} {}", self.args.output.display()).as_bytes())[..16].to_string();
        let software = concat!("mmedkit ", env!("CARGO_PKG_VERSION"));
        self.plan.header(&run_id, &started, software, model, context as u32)
    }

    /// What is watched, where the run may stop early.
    fn until(&self, header: &RunHeader) -> Result<Option<Until>> {
        let args = self.args;
        Ok(match (args.until_width, &args.until_apart) {
            (Some(width), _) => Some(Until::width(&self.plan, width)?),
            (None, Some(path)) => Some(Until::apart(&self.plan, header, run_files::read(path)?, path)?),
            (None, None) => None,
        })
    }
}

/// Asks what is not done until everything is, or enough.
async fn answer<B: Backend>(
    plan: &Plan,
    done: Done,
    model: &mut engine::Engine<B>,
    file: &mut record::File,
    progress: &mut progress::Progress,
) -> Result<Outcome, RunError<anyhow::Error, std::io::Error>> {
    if progress.enough() {
        return Ok(Outcome::Finished);
    }
    run::run(plan, done, model, file, |update| {
        update.lines.iter().for_each(|line| progress.answered(line));
        if progress.enough() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .await
}

//! `mmedkit evaluate` and `mmedkit rescore`: a benchmark with a model on this machine.
//!
//! What is asked, and how answers are read, is `mmedbench::run`; here are the ends: [`data`] finds the questions, [`engine`] is the model,
//! [`record`] the file that grows, [`identity`] what the header says about the model, [`progress`] what is seen meanwhile. What must hold:
//! a process killed at any moment goes on where it was and ends with the same record.

pub(crate) mod data;
mod engine;
mod identity;
mod progress;
mod record;
mod rescore;

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use decoder::{Backend, Session};
use mmedbench::record::ModelId;
use mmedbench::run::{self, Done, Outcome, Plan, RunError, Settings};
use mmedbench::statistics::anytime::{AnytimeMean, Goal, Stratum};
use mmedbench::{Language, OptionOrder, Protocol, RunHeader, Template};
use tokenizer::Tokenizer;

use crate::device::{self, Device, Job};
use crate::model::{self, ModelFiles};

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
    /// Of the order of questions, the examples and the shuffling of options
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Ask only the first N questions of the order, a random sample with the languages in turn
    #[arg(long, conflicts_with = "until_width")]
    pub limit: Option<usize>,
    /// Stop when the 95% interval of the mean accuracy over languages is so narrow (both sides together, e.g. 0.06). The interval is valid at
    /// every moment, so stopping by it is honest
    #[arg(long)]
    pub until_width: Option<f64>,
    /// Ask only part K of N, given as K/N: parts can be run on machines of one kind and merged
    #[arg(long, value_parser = part, conflicts_with = "until_width")]
    pub part: Option<(usize, usize)>,
    /// Most tokens of a written answer
    #[arg(long, default_value_t = 1000)]
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

fn part(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    parts
        .filter(|(k, n)| (1..=*n).contains(k))
        .ok_or_else(|| "expected K/N with K from 1 to N".into())
}

/// Evaluates.
pub fn run(args: &Args) -> Result<()> {
    let plan = plan(args)?;
    pollster::block_on(async {
        let files = model::open(&args.model).await?;
        let tokenizer = files.tokenizer()?;
        if args.chat && tokenizer.chat_template().is_none() {
            bail!("{}: the model brings no chat template; leave out --chat", args.model.display());
        }
        let identity = identity::of(&args.model, &files)?;
        let context = args.context_length.unwrap_or(files.config.context_length.min(8192));
        evaluate(args, files, tokenizer, identity, plan, context).await
    })
}

/// The questions and what is asked of them.
fn plan(args: &Args) -> Result<Plan> {
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
        seed: args.seed,
        max_tokens: args.max_tokens,
        mutual_information: !args.no_mutual_information,
        together: args.together.unwrap_or(32),
    };
    let (report, mut training) = data::read(&args.data)?;
    if let Some(examples) = &args.examples {
        let (asked, beside) = data::read(examples)?;
        training = if beside.is_empty() { asked.questions } else { beside };
    }
    if args.shots > 0 && training.is_empty() {
        bail!(
            "{} has no Train folder to take examples from; name questions with --examples",
            args.data.display()
        );
    }
    let mut questions = report.questions;
    let wanted = |language| args.language.is_empty() || args.language.contains(&language);
    questions.retain(|question| wanted(question.language));
    for error in report.errors.iter().take(5) {
        eprintln!("{error}");
    }
    if report.errors.len() > 5 {
        eprintln!("… and {} more lines that cannot be read", report.errors.len() - 5);
    }
    let equal = questions.iter().filter(|question| question.equal_options().is_some()).count();
    if equal > 0 {
        eprintln!(
            "{equal} questions have two options with the same text: by loglik they tie, and the first one counts, as in lm-evaluation-harness"
        );
    }
    let name = args
        .data
        .file_name()
        .map_or_else(|| args.data.display().to_string(), |name| name.to_string_lossy().into_owned());
    let data = run::Data {
        name,
        unreadable_lines: report.errors.len(),
    };
    let mut plan = Plan::new(settings, data, questions, &training).with_context(|| args.data.display().to_string())?;
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
    Ok(plan)
}

async fn evaluate(
    args: &Args,
    files: ModelFiles,
    tokenizer: Tokenizer,
    identity: identity::Identity,
    plan: Plan,
    context: usize,
) -> Result<()> {
    let job = Evaluation {
        args,
        tokenizer,
        identity,
        plan,
    };
    device::run(files, args.device, context, job).await
}

struct Evaluation<'a> {
    args: &'a Args,
    tokenizer: Tokenizer,
    identity: identity::Identity,
    plan: Plan,
}

impl Job for Evaluation<'_> {
    type Output = ();

    async fn run<B: Backend>(self, session: Session<B>) -> Result<()> {
        let backend = &session.decoder.backend;
        let model = self.identity.on(&backend.name(), &backend.kernels());
        let header = self.header(model, session.context_length());
        let mut progress = progress::Progress::new(&self.plan, self.until()?);
        let (mut file, done) = record::open(&self.args.output, &header, |line| progress.earlier(line))?;
        let earlier = done.len();
        if earlier > 0 {
            eprintln!("{}: going on after {earlier} answers", self.args.output.display());
        }
        let mut model = engine::Engine::new(session, self.tokenizer);
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

    /// The interval that is watched, languages weighing equally as in the paper's mean.
    fn until(&self) -> Result<Option<(AnytimeMean, Goal)>> {
        let Some(width) = self.args.until_width else { return Ok(None) };
        if self.plan.settings.option_order == OptionOrder::Rotated {
            bail!("--until-width counts each question once; it does not go with --option-order rotated");
        }
        let strata: Vec<Stratum> = Language::ALL
            .iter()
            .map(|language| Stratum {
                weight: 1.0,
                size: self.plan.questions().iter().filter(|q| q.language == *language).count(),
            })
            .collect();
        Ok(Some((AnytimeMean::new(&strata, 0.05)?, Goal::Width(width))))
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

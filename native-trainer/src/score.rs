//! `mmedkit score`: log-likelihoods of continuations, one JSON object a line in and out, in order.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use decoder::score::{Score, ScoreRequest};
use decoder::{Backend, Session};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenizer::Tokenizer;

use crate::device::{self, Device, Job};
use crate::model;
use crate::pair::{self, Before};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A GGUF file, a Hugging Face folder, or the output folder of a run
    #[arg(long)]
    pub model: PathBuf,
    /// Where to compute
    #[arg(long, default_value = "auto")]
    pub device: Device,
    /// Also the log-likelihood of every token
    #[arg(long)]
    pub per_token: bool,
    /// Without the tokens that the model expects before a text
    #[arg(long)]
    pub no_special: bool,
    /// Longest text in tokens; by default what the model was made for, at most 8192
    #[arg(long)]
    pub context_length: Option<usize>,
}

/// A line of the input: texts or token ids.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Request {
    id: Value,
    context: Option<String>,
    continuations: Option<Vec<String>>,
    context_tokens: Option<Vec<u32>>,
    continuation_tokens: Option<Vec<Vec<u32>>>,
}

#[derive(Serialize)]
struct Response<'a> {
    id: &'a Value,
    log_likelihoods: Vec<f64>,
    token_counts: Vec<usize>,
    greedy: Vec<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_log_likelihoods: Option<Vec<Vec<f32>>>,
}

/// Lines that are scored together; results of earlier lines appear while later ones run.
const TOGETHER: usize = 64;

/// Reads requests until the input ends.
pub fn run(args: &Args, input: impl BufRead, output: impl Write) -> Result<()> {
    pollster::block_on(async {
        let files = model::open(&args.model).await?;
        let context = args.context_length.unwrap_or(files.config.context_length.min(8192));
        // Requests in token ids need no tokenizer, so a model without one is scored too.
        let tokenizer = files.tokenizer();
        device::run(
            files,
            args.device,
            context,
            ScoreLines {
                args,
                tokenizer,
                input,
                output,
            },
        )
        .await
    })
}

struct ScoreLines<'a, R, W> {
    args: &'a Args,
    tokenizer: Result<Tokenizer>,
    input: R,
    output: W,
}

impl<R: BufRead, W: Write> Job for ScoreLines<'_, R, W> {
    type Output = ();

    async fn run<B: Backend>(mut self, mut session: Session<B>) -> Result<()> {
        let mut lines = self.input.lines().enumerate();
        loop {
            let mut ids = Vec::new();
            let mut requests = Vec::new();
            for (index, line) in lines.by_ref().take(TOGETHER) {
                let place = || format!("standard input, line {}", index + 1);
                let line = line.with_context(place)?;
                if line.trim().is_empty() {
                    continue;
                }
                let request: Request = serde_json::from_str(&line).with_context(place)?;
                requests.push(in_tokens(&request, &self.tokenizer, !self.args.no_special).with_context(place)?);
                ids.push(request.id);
            }
            if ids.is_empty() {
                return Ok(self.output.flush()?);
            }
            let scores = session.score(&requests, |_| ControlFlow::Continue(())).await?;
            for (id, scores) in ids.iter().zip(&scores) {
                let response = Response {
                    id,
                    log_likelihoods: scores.iter().map(Score::log_likelihood).collect(),
                    token_counts: scores.iter().map(|score| score.token_log_likelihoods.len()).collect(),
                    greedy: scores.iter().map(|score| score.greedy).collect(),
                    token_log_likelihoods: self
                        .args
                        .per_token
                        .then(|| scores.iter().map(|score| score.token_log_likelihoods.clone()).collect()),
                };
                serde_json::to_writer(&mut self.output, &response)?;
                self.output.write_all(b"\n")?;
            }
            self.output.flush()?;
        }
    }
}

/// A line in tokens.
fn in_tokens(request: &Request, tokenizer: &Result<Tokenizer>, special: bool) -> Result<ScoreRequest> {
    match request {
        Request {
            context: Some(context),
            continuations: Some(continuations),
            context_tokens: None,
            continuation_tokens: None,
            ..
        } => {
            if continuations.is_empty() {
                bail!("continuations is empty");
            }
            match tokenizer {
                Ok(tokenizer) => {
                    let before = if special { Before::Expected } else { Before::Nothing };
                    pair::request(tokenizer, context, continuations, before)
                }
                Err(error) => bail!("{error:#}; ask in token ids (context_tokens, continuation_tokens)"),
            }
        }
        Request {
            context: None,
            continuations: None,
            context_tokens: Some(context),
            continuation_tokens: Some(continuations),
            ..
        } => {
            if continuations.is_empty() {
                bail!("continuation_tokens is empty");
            }
            Ok(ScoreRequest {
                context: context.clone(),
                continuations: continuations.clone(),
            })
        }
        _ => bail!("a request has either `context` and `continuations`, or `context_tokens` and `continuation_tokens`"),
    }
}

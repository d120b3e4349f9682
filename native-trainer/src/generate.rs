//! `mmedkit generate`: text after a prompt, as it is written.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use decoder::generate::{Generation, StopStrings};
use decoder::sample::Sampling;
use decoder::{Backend, Session};
use tokenizer::{Message, RenderOptions, StreamDecoder, Tokenizer};

use crate::device::{self, Device, Job};
use crate::model;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A GGUF file, a Hugging Face folder, or the output folder of a run
    #[arg(long)]
    pub model: PathBuf,
    /// Where to compute
    #[arg(long, default_value = "auto")]
    pub device: Device,
    /// What to go on from
    #[arg(long)]
    pub prompt: String,
    /// Take the prompt as a user's message and wrap it in the model's chat template
    #[arg(long)]
    pub chat: bool,
    /// Most tokens to write
    #[arg(long, default_value_t = 256)]
    pub max_tokens: usize,
    /// 0 always takes the most likely token
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f32,
    /// Draw from the k most likely tokens; 0 from all
    #[arg(long, default_value_t = 0)]
    pub top_k: usize,
    /// Draw from the fewest tokens whose probabilities reach this sum
    #[arg(long, default_value_t = 1.0)]
    pub top_p: f32,
    /// Draw from tokens at least this fraction as likely as the most likely one
    #[arg(long, default_value_t = 0.0)]
    pub min_p: f32,
    /// Above 1: tokens that are there already become less likely
    #[arg(long, default_value_t = 1.0)]
    pub repetition_penalty: f32,
    /// Equal seeds write equal texts
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// End before this text; may be given several times
    #[arg(long)]
    pub stop: Vec<String>,
    /// Longest text in tokens, prompt included; by default as much as is needed
    #[arg(long)]
    pub context_length: Option<usize>,
}

/// Writes to `output`.
pub fn run(args: &Args, output: impl Write) -> Result<()> {
    pollster::block_on(async {
        let files = model::open(&args.model).await?;
        let tokenizer = files.tokenizer()?;
        let prompt = if args.chat {
            let text = tokenizer.render_chat(&[Message::new("user", &args.prompt)], &RenderOptions::for_answer())?;
            tokenizer.encode(&text, false, true)?
        } else {
            let mut ids = tokenizer.prefix().to_vec();
            ids.extend(tokenizer.encode(&args.prompt, false, false)?);
            ids
        };
        let needed = prompt.len().saturating_add(args.max_tokens).min(files.config.context_length);
        let context = args.context_length.unwrap_or(needed);
        device::run(
            files,
            args.device,
            context,
            Writing {
                args,
                tokenizer,
                prompt,
                output,
            },
        )
        .await
    })
}

struct Writing<'a, W> {
    args: &'a Args,
    tokenizer: Tokenizer,
    prompt: Vec<u32>,
    output: W,
}

impl<W: Write> Job for Writing<'_, W> {
    type Output = ();

    async fn run<B: Backend>(mut self, mut session: Session<B>) -> Result<()> {
        let args = self.args;
        let sampling = Sampling {
            temperature: args.temperature,
            top_k: args.top_k,
            top_p: args.top_p,
            min_p: args.min_p,
            repetition_penalty: args.repetition_penalty,
            seed: args.seed,
        };
        let ends = self
            .tokenizer
            .special()
            .stop
            .iter()
            .copied()
            .chain(session.decoder.config().eos_tokens.iter().copied())
            .collect();
        let mut generation = Generation::new(&session, &self.prompt, sampling, ends)?;
        let mut text = StreamDecoder::new(true);
        let mut stops = StopStrings::new(args.stop.iter().cloned());
        for _ in 0..args.max_tokens {
            let Some(token) = generation.next(&mut session).await? else { break };
            self.output.write_all(stops.push(&text.push(&self.tokenizer, token)?).as_bytes())?;
            self.output.flush()?;
            if stops.stopped() {
                break;
            }
        }
        let rest = stops.push(&text.finish());
        self.output.write_all(rest.as_bytes())?;
        if !stops.stopped() {
            self.output.write_all(stops.finish().as_bytes())?;
        }
        self.output.write_all(b"\n")?;
        Ok(self.output.flush()?)
    }
}

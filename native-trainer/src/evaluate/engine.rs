//! The model of a run, natively: texts to tokens, tokens through the decoder, and back.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Result, bail};
use decoder::generate::{Generation, StopStrings};
use decoder::sample::Sampling;
use decoder::score::{Score, ScoreRequest};
use decoder::{Backend, Session};
use mmedbench::BeginToken;
use mmedbench::run::{Letters, Model, Request, Scored, WriteRequest, Written};
use tokenizer::{Message, RenderOptions, StreamDecoder, Tokenizer};

use crate::pair::{self, Before};

/// A model on its device, as a run needs it.
pub struct Engine<B: Backend> {
    session: Session<B>,
    tokenizer: Tokenizer,
    begin: BeginToken,
    begun: Instant,
}

impl<B: Backend> Engine<B> {
    pub fn new(session: Session<B>, tokenizer: Tokenizer, begin: BeginToken) -> Engine<B> {
        Engine {
            session,
            tokenizer,
            begin,
            begun: Instant::now(),
        }
    }

    fn in_tokens(&self, requests: &[Request]) -> Result<Vec<ScoreRequest>> {
        let one = |request: &Request| {
            pair::request(
                &self.tokenizer,
                &request.context,
                &request.continuations,
                self.before(request.rendered),
            )
        };
        requests.iter().map(one).collect()
    }

    fn before(&self, rendered: bool) -> Before {
        match self.begin {
            _ if rendered => Before::Rendered,
            BeginToken::Model => Before::Expected,
            BeginToken::Yes => Before::Begin,
            BeginToken::No => Before::Nothing,
        }
    }
}

impl<B: Backend> Model for Engine<B> {
    type Error = anyhow::Error;

    async fn render(&mut self, message: &str) -> Result<String> {
        Ok(self
            .tokenizer
            .render_chat(&[Message::new("user", message)], &RenderOptions::for_answer())?)
    }

    async fn letters(&mut self, requests: &[Request]) -> Result<Vec<Letters>> {
        let requests = self.in_tokens(requests)?;
        let results = self.session.first_tokens(&requests).await?;
        Ok(results
            .into_iter()
            .map(|result| Letters {
                log_probabilities: result.logits.into_iter().map(f64::from).collect(),
                context_tokens: result.context_tokens as u32,
                truncated_tokens: result.cut as u32,
            })
            .collect())
    }

    async fn score(&mut self, requests: &[Request]) -> Result<Vec<Scored>> {
        let requests = self.in_tokens(requests)?;
        let results = self.session.score_cut(&requests, |_| ControlFlow::Continue(())).await?;
        Ok(results
            .into_iter()
            .map(|result| Scored {
                log_likelihoods: result.scores.iter().map(Score::log_likelihood).collect(),
                token_counts: result.scores.iter().map(|score| score.token_log_likelihoods.len() as u32).collect(),
                greedy: result.scores.iter().map(|score| score.greedy).collect(),
                context_tokens: result.context_tokens as u32,
                truncated_tokens: result.cut as u32,
            })
            .collect())
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Written> {
        let tokenizer = &self.tokenizer;
        let mut prompt = tokenizer.encode(&request.prompt, false, request.rendered)?;
        prompt.splice(0..0, self.before(request.rendered).tokens(tokenizer)?);
        if prompt.is_empty() {
            bail!("the prompt is empty");
        }
        // What is to be written keeps its room, and the prompt loses its beginning.
        let longest = self.session.context_length();
        let room = longest.saturating_sub(request.max_tokens as usize).max(1);
        let cut = prompt.len().saturating_sub(room);
        prompt.drain(..cut);
        let special = &tokenizer.special().stop;
        let ends = special.iter().chain(&self.session.decoder.config().eos_tokens).copied().collect();
        let mut generation = Generation::new(&self.session, &prompt, Sampling::default(), ends)?;
        let mut decoded = StreamDecoder::new(true);
        let mut stops = StopStrings::new(request.stop.iter().cloned());
        let (mut text, mut tokens, mut ended) = (String::new(), 0, "max-tokens");
        while tokens < request.max_tokens {
            if prompt.len() + tokens as usize >= longest {
                ended = "context-full";
                break;
            }
            let Some(token) = generation.next(&mut self.session).await? else {
                ended = "end-of-text";
                break;
            };
            tokens += 1;
            // A vocabulary may be padded: tokens beyond the tokenizer's have no text.
            if (token as usize) < tokenizer.vocab_size() {
                text += &stops.push(&decoded.push(tokenizer, token)?);
            }
            if stops.stopped() {
                ended = "stop";
                break;
            }
        }
        text += &stops.push(&decoded.finish());
        if !stops.stopped() {
            text += &stops.finish();
        }
        Ok(Written {
            text,
            tokens,
            prompt_tokens: prompt.len() as u32,
            truncated_tokens: cut as u32,
            ended: ended.into(),
        })
    }

    fn now_ms(&self) -> f64 {
        self.begun.elapsed().as_secs_f64() * 1e3
    }
}

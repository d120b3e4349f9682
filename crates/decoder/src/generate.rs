//! Writing text: one token at a time, driven by the caller, who may stop at any token.

use crate::backend::Backend;
use crate::cache::Sequence;
use crate::sample::{Sampler, Sampling};
use crate::session::{Pass, Session, pack};
use crate::{Error, Result};

/// A text being written.
pub struct Generation {
    sequence: Sequence,
    /// Prompt and everything drawn so far.
    history: Vec<u32>,
    /// Tokens that are not in the cache yet: the prompt, then the last drawn token.
    pending: Vec<u32>,
    sampler: Sampler,
    greedy: bool,
    stop_tokens: Vec<u32>,
}

impl Generation {
    /// Starts after `prompt`. Drawing one of `stop_tokens` ends the text.
    pub fn new<B: Backend>(session: &Session<B>, prompt: &[u32], sampling: Sampling, stop_tokens: Vec<u32>) -> Result<Generation> {
        if prompt.is_empty() {
            return Err(Error::Input("a prompt needs at least one token".into()));
        }
        session.check(prompt, prompt.len())?;
        Ok(Generation {
            sequence: session.pool.sequence(),
            history: prompt.to_vec(),
            pending: prompt.to_vec(),
            greedy: sampling.is_plain_greedy(),
            sampler: Sampler::new(sampling)?,
            stop_tokens,
        })
    }

    /// The next token, or `None` at the end: a stop token, or a full context.
    pub async fn next<B: Backend>(&mut self, session: &mut Session<B>) -> Result<Option<u32>> {
        if self.history.len() >= session.context_length() {
            return Ok(None);
        }
        let tokens = std::mem::take(&mut self.pending);
        let last = tokens.len() - 1;
        let work = session.append(&mut self.sequence, tokens, vec![(last, 0)])?;
        let backend = &session.decoder.backend;
        let mut row = None;
        for pass in pack(vec![work], backend.max_rows()) {
            let hidden = session.run(&pass)?;
            match pass.asks.first() {
                None => backend.pause().await?,
                Some(&(asked, _)) => row = Some((hidden, asked)),
            }
        }
        let (hidden, asked) = row.expect("the last pass holds the asked row");
        let head = &session.decoder.model.head;
        let token = if self.greedy {
            backend.read(&backend.head_best(head, &hidden, &[asked])?).await?[0] as u32
        } else {
            let logits = backend.read(&backend.head_logits(head, &hidden, &[asked])?).await?;
            self.sampler.next(&logits, &self.history)
        };
        if self.stop_tokens.contains(&token) {
            return Ok(None);
        }
        self.history.push(token);
        self.pending.push(token);
        Ok(Some(token))
    }
}

/// Finds stop strings in text that arrives in pieces, and holds back what may become one.
pub struct StopStrings {
    stops: Vec<String>,
    held: String,
    stopped: bool,
}

impl StopStrings {
    /// Empty stop strings are ignored.
    pub fn new(stops: impl IntoIterator<Item = String>) -> StopStrings {
        StopStrings {
            stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(),
            held: String::new(),
            stopped: false,
        }
    }

    /// Takes a piece; returns the text that may be shown. After a stop string nothing more comes.
    pub fn push(&mut self, piece: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.stopped = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let keep = self.stops.iter().map(|stop| partial_suffix(&self.held, stop)).max().unwrap_or(0);
        self.held.drain(..self.held.len() - keep).collect()
    }

    /// True once a stop string was seen.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// What was held back when the text ends otherwise.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` that start `stop`.
fn partial_suffix(text: &str, stop: &str) -> usize {
    stop.char_indices()
        .skip(1)
        .map(|(at, _)| at)
        .filter(|&at| text.ends_with(&stop[..at]))
        .max()
        .unwrap_or(0)
}

/// One pass of arbitrary work, for measurements.
impl<B: Backend> Session<B> {
    /// Runs `rows` tokens of id 0 after `context` tokens as one or more passes and waits for the last row: what a benchmark times.
    pub async fn probe(&mut self, context: usize, rows: usize) -> Result<()> {
        self.make_room(context + rows);
        let mut sequence = self.pool.sequence();
        sequence.extend(context)?;
        let work = self.append(&mut sequence, vec![0; rows], vec![(rows.saturating_sub(1), 0)])?;
        for pass in pack(vec![work], self.decoder.backend.max_rows()) {
            self.probe_pass(&pass).await?;
        }
        Ok(())
    }

    async fn probe_pass(&self, pass: &Pass) -> Result<()> {
        let hidden = self.run(pass)?;
        let backend = &self.decoder.backend;
        match pass.asks.first() {
            Some(&(row, _)) => backend
                .read(&backend.head_best(&self.decoder.model.head, &hidden, &[row])?)
                .await
                .map(drop),
            None => backend.pause().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_string_over_pieces_is_found_and_never_shown() {
        let mut stops = StopStrings::new(["</s>".to_owned(), "fin".to_owned()]);
        assert_eq!(stops.push("une <"), "une ");
        assert_eq!(stops.push("b> é"), "<b> é");
        assert_eq!(stops.push("</"), "");
        assert_eq!(stops.push("s> après"), "");
        assert!(stops.stopped());
        assert_eq!(stops.push("plus"), "");
    }

    #[test]
    fn text_that_only_looked_like_a_stop_comes_out_at_the_end() {
        let mut stops = StopStrings::new(["fin".to_owned()]);
        assert_eq!(stops.push("enfi"), "en");
        assert_eq!(stops.finish(), "fi");
    }
}

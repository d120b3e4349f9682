//! Log-likelihoods of continuations: a score is a prefill.
//!
//! What several requests start with is computed once; a context is computed once for all its continuations; a continuation of one token
//! costs no row at all, since the context's last row predicts it. All of it goes through packed passes, and only asked rows meet the head.

use crate::backend::Backend;
use crate::cache::{PAGE, Sequence};
use crate::session::{Session, Work, pack};
use crate::{Error, Result};

/// A context and the continuations to be scored after it, in token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreRequest {
    /// At least one token (the start-of-text token where there is no text).
    pub context: Vec<u32>,
    /// Each at least one token.
    pub continuations: Vec<Vec<u32>>,
}

/// Scores of one continuation.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Score {
    /// `log p(token | everything before)`, natural logarithm, one a token.
    pub token_log_likelihoods: Vec<f32>,
    /// Every token is the most likely one.
    pub greedy: bool,
}

impl Score {
    /// Sum over the tokens.
    pub fn log_likelihood(&self) -> f64 {
        self.token_log_likelihoods.iter().map(|&value| f64::from(value)).sum()
    }
}

impl<B: Backend> Session<B> {
    /// Scores requests, in order. `progress` is told how many are done and may break, which ends with [`Error::Cancelled`].
    pub async fn score(
        &mut self,
        requests: &[ScoreRequest],
        mut progress: impl FnMut(usize) -> std::ops::ControlFlow<()>,
    ) -> Result<Vec<Vec<Score>>> {
        for request in requests {
            if request.context.is_empty() || request.continuations.iter().any(Vec::is_empty) {
                return Err(Error::Input("a context and every continuation need at least one token".into()));
            }
            for continuation in &request.continuations {
                self.check(continuation, request.context.len() + continuation.len())?;
            }
            self.check(&request.context, request.context.len())?;
        }
        let shared = shared_prefix(requests.iter().map(|request| request.context.as_slice()));
        let mut prefix = self.pool.sequence();
        if let Some(first) = requests.first().filter(|_| shared > 0) {
            let work = self.append(&mut prefix, first.context[..shared].to_vec(), Vec::new())?;
            for pass in pack(vec![work], self.decoder.backend.max_rows()) {
                self.run(&pass)?;
                self.decoder.backend.pause().await?;
            }
        }
        let mut results = Vec::with_capacity(requests.len());
        while results.len() < requests.len() {
            let group = self.group(&requests[results.len()..], shared)?;
            let requests = &requests[results.len()..results.len() + group];
            results.extend(self.score_group(requests, shared, &prefix).await?);
            if progress(results.len()).is_break() {
                return Err(Error::Cancelled);
            }
        }
        Ok(results)
    }

    /// Logits of `tokens` after each context, one row of `tokens.len()` a context: all that an option-letter protocol reads.
    pub async fn token_logits(&mut self, contexts: &[Vec<u32>], tokens: &[u32]) -> Result<Vec<Vec<f32>>> {
        self.check(tokens, 0)?;
        let mut results = Vec::with_capacity(contexts.len());
        for context in contexts {
            if context.is_empty() {
                return Err(Error::Input("a context needs at least one token".into()));
            }
            self.check(context, context.len())?;
        }
        let shared = shared_prefix(contexts.iter().map(Vec::as_slice));
        let mut prefix = self.pool.sequence();
        let mut rest = contexts;
        let mut lead = Vec::new();
        if shared > 0 {
            lead.push(self.append(&mut prefix, contexts[0][..shared].to_vec(), Vec::new())?);
        }
        while !rest.is_empty() {
            let fits =
                |n: &usize| rest[..*n].iter().map(|context| slots_for(context.len() - shared)).sum::<usize>() <= self.pool.free_slots();
            let group = (1..=rest.len().min(GROUP)).take_while(fits).last().unwrap_or(1);
            let mut work = std::mem::take(&mut lead);
            let mut sequences = Vec::new();
            for (index, context) in rest[..group].iter().enumerate() {
                let mut sequence = prefix.fork();
                let tokens = context[shared..].to_vec();
                let last = tokens.len() - 1;
                work.push(self.append(&mut sequence, tokens, vec![(last, index)])?);
                sequences.push(sequence);
            }
            let first = results.len();
            results.resize(first + group, Vec::new());
            for pass in pack(work, self.decoder.backend.max_rows()) {
                let hidden = self.run(&pass)?;
                if pass.asks.is_empty() {
                    self.decoder.backend.pause().await?;
                    continue;
                }
                let rows: Vec<u32> = pass.asks.iter().map(|ask| ask.0).collect();
                let logits = self.decoder.backend.head_tokens(&self.decoder.model.head, &hidden, &rows, tokens)?;
                let logits = self.decoder.backend.read(&logits).await?;
                for (&(_, index), row) in pass.asks.iter().zip(logits.chunks_exact(tokens.len())) {
                    results[first + index] = row.to_vec();
                }
            }
            rest = &rest[group..];
        }
        Ok(results)
    }

    /// How many requests fit the free part of the cache together.
    fn group(&self, requests: &[ScoreRequest], shared: usize) -> Result<usize> {
        let free = self.pool.free_slots();
        let mut needed = 0;
        for (count, request) in requests.iter().take(GROUP).enumerate() {
            let own = slots_for(request.context.len() - shared);
            needed += own
                + request
                    .continuations
                    .iter()
                    .map(|tokens| slots_for(tokens.len() - 1))
                    .sum::<usize>();
            if needed > free {
                if count == 0 {
                    return Err(Error::ContextFull {
                        needed: needed + shared,
                        available: free + shared,
                    });
                }
                return Ok(count);
            }
        }
        Ok(requests.len().min(GROUP))
    }

    async fn score_group(&mut self, requests: &[ScoreRequest], shared: usize, prefix: &Sequence) -> Result<Vec<Vec<Score>>> {
        // Answers are numbered through: every token of every continuation of every request.
        let mut targets: Vec<u32> = Vec::new();
        let mut work: Vec<Work> = Vec::new();
        let mut sequences = Vec::new();
        for request in requests {
            let mut context = prefix.fork();
            let tokens = request.context[shared..].to_vec();
            let last = tokens.len() - 1;
            let mut asks = Vec::new();
            let mut tails = Vec::new();
            for continuation in &request.continuations {
                asks.push((last, targets.len()));
                let rows = continuation.len() - 1;
                tails.push((
                    continuation[..rows].to_vec(),
                    (0..rows).map(|row| (row, targets.len() + row + 1)).collect::<Vec<_>>(),
                ));
                targets.extend_from_slice(continuation);
            }
            work.push(self.append(&mut context, tokens, asks)?);
            for (tokens, asks) in tails.into_iter().filter(|(tokens, _)| !tokens.is_empty()) {
                let mut sequence = context.fork();
                work.push(self.append(&mut sequence, tokens, asks)?);
                sequences.push(sequence);
            }
            sequences.push(context);
        }
        let mut answers = vec![(0.0, false); targets.len()];
        for pass in pack(work, self.decoder.backend.max_rows()) {
            let hidden = self.run(&pass)?;
            if pass.asks.is_empty() {
                self.decoder.backend.pause().await?;
                continue;
            }
            let (rows, wanted): (Vec<u32>, Vec<u32>) = pass.asks.iter().map(|&(row, answer)| (row, targets[answer])).unzip();
            let values = self
                .decoder
                .backend
                .head_log_probs(&self.decoder.model.head, &hidden, &rows, &wanted)?;
            let values = self.decoder.backend.read(&values).await?;
            for (&(_, answer), pair) in pass.asks.iter().zip(values.chunks_exact(2)) {
                answers[answer] = (pair[0], pair[1] == 1.0);
            }
        }
        let mut answers = answers.into_iter();
        let score = |tokens: &Vec<u32>| {
            let mut score = Score {
                token_log_likelihoods: Vec::new(),
                greedy: true,
            };
            for (log_likelihood, best) in answers.by_ref().take(tokens.len()) {
                score.token_log_likelihoods.push(log_likelihood);
                score.greedy &= best;
            }
            score
        };
        let mut score = score;
        Ok(requests
            .iter()
            .map(|request| request.continuations.iter().map(&mut score).collect())
            .collect())
    }
}

/// Requests scored together at most, so that progress is told now and then.
const GROUP: usize = 64;

/// Slots that a sequence of `tokens` occupies, whole pages.
fn slots_for(tokens: usize) -> usize {
    tokens.div_ceil(PAGE) * PAGE
}

/// Tokens that all contexts start with, leaving each at least one of its own. One context shares with nobody.
fn shared_prefix<'a>(mut contexts: impl Iterator<Item = &'a [u32]>) -> usize {
    let Some(first) = contexts.next() else { return 0 };
    let mut others = 0;
    let shared = contexts.fold(first.len() - 1, |shared, context| {
        others += 1;
        let same = first.iter().zip(context).take_while(|(a, b)| a == b).count();
        shared.min(same).min(context.len() - 1)
    });
    if others == 0 { 0 } else { shared }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_prefix_leaves_every_context_a_token() {
        let shared = |contexts: &[&[u32]]| shared_prefix(contexts.iter().copied());
        assert_eq!(shared(&[&[1, 2, 3], &[1, 2, 4]]), 2);
        assert_eq!(shared(&[&[1, 2, 3], &[1, 2]]), 1);
        assert_eq!(shared(&[&[1, 2], &[1, 2]]), 1);
        assert_eq!(shared(&[&[1, 2, 3]]), 0);
    }
}

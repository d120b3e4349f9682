//! Multiple choice on top of scoring: texts that are too long, and letters that are single tokens.
//!
//! As lm-evaluation-harness has it, a text that does not fit is cut on the left, each continuation by as much as it needs itself; the last token
//! is predicted and never read. What must hold: what was cut is told; a continuation is never cut.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::backend::Backend;
use crate::score::{Score, ScoreRequest};
use crate::session::Session;
use crate::{Error, Result};

/// Scores of a request that may have been too long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CutScores {
    /// One a continuation.
    pub scores: Vec<Score>,
    /// Tokens of the context, what was cut not counted.
    pub context_tokens: usize,
    /// Tokens cut from the left for the continuation that needed it most.
    pub cut: usize,
}

/// First tokens after a context.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FirstTokens {
    /// The token of each continuation in which they begin to differ.
    pub tokens: Vec<u32>,
    /// Their logits.
    pub logits: Vec<f32>,
    /// Tokens of the context, what the continuations share counted and what was cut not.
    pub context_tokens: usize,
    /// Tokens cut from the left.
    pub cut: usize,
}

/// Tokens to cut from the left, so that context and continuation fit `longest`. Errors: the continuation alone does not.
fn overflow(context: usize, continuation: usize, longest: usize) -> Result<usize> {
    if continuation > longest {
        return Err(Error::ContextFull {
            needed: continuation,
            available: longest,
        });
    }
    Ok((context + continuation - 1).saturating_sub(longest))
}

impl<B: Backend> Session<B> {
    /// [`Session::score`] for texts of any length.
    pub async fn score_cut(&mut self, requests: &[ScoreRequest], progress: impl FnMut(usize) -> ControlFlow<()>) -> Result<Vec<CutScores>> {
        let longest = self.context_length();
        let mut asked: Vec<ScoreRequest> = Vec::with_capacity(requests.len());
        // For each continuation of each request: which asked request holds it, at which place.
        let mut places: Vec<Vec<(usize, usize)>> = Vec::with_capacity(requests.len());
        let mut results = vec![CutScores::default(); requests.len()];
        for (request, result) in requests.iter().zip(&mut results) {
            if request.context.is_empty() || request.continuations.iter().any(Vec::is_empty) {
                return Err(Error::Input("a context and every continuation need at least one token".into()));
            }
            // Continuations that need the same cut share their context.
            let mut by_cut: BTreeMap<usize, usize> = BTreeMap::new();
            let mut of_request = Vec::with_capacity(request.continuations.len());
            for continuation in &request.continuations {
                let cut = overflow(request.context.len(), continuation.len(), longest)?;
                let at = *by_cut.entry(cut).or_insert_with(|| {
                    asked.push(ScoreRequest {
                        context: request.context[cut..].to_vec(),
                        continuations: Vec::new(),
                    });
                    asked.len() - 1
                });
                of_request.push((at, asked[at].continuations.len()));
                asked[at].continuations.push(continuation.clone());
                result.cut = result.cut.max(cut);
            }
            result.context_tokens = request.context.len() - result.cut;
            places.push(of_request);
        }
        let mut scores = self.score(&asked, progress).await?;
        for (result, places) in results.iter_mut().zip(places) {
            result.scores = places
                .into_iter()
                .map(|(request, at)| std::mem::take(&mut scores[request][at]))
                .collect();
        }
        Ok(results)
    }

    /// Logits of the tokens in which the continuations of each request begin to differ. What all of them begin with (a space that is a token
    /// of its own) is read like the context. One row a request, and only these rows of the head. Errors: two continuations that do not
    /// differ in that token.
    pub async fn first_tokens(&mut self, requests: &[ScoreRequest]) -> Result<Vec<FirstTokens>> {
        let longest = self.context_length();
        let mut contexts = Vec::with_capacity(requests.len());
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            let Some((first, others)) = request.continuations.split_first() else {
                return Err(Error::Input("a context without continuations has no first tokens".into()));
            };
            let common = |other: &Vec<u32>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
            let shared = others.iter().map(common).min().unwrap_or(0);
            let mut tokens: Vec<u32> = Vec::with_capacity(request.continuations.len());
            for continuation in &request.continuations {
                let token = *continuation.get(shared).ok_or_else(|| {
                    Error::Input("one of the continuations is the beginning of another; score them as continuations".into())
                })?;
                if tokens.contains(&token) {
                    return Err(Error::Input(format!(
                        "two continuations begin with the same token {token} and can not be told apart by it; score them as continuations"
                    )));
                }
                tokens.push(token);
            }
            let mut context = request.context.clone();
            context.extend_from_slice(&first[..shared]);
            let cut = overflow(context.len(), 1, longest)?;
            context.drain(..cut);
            results.push(FirstTokens {
                tokens,
                logits: Vec::new(),
                context_tokens: context.len(),
                cut,
            });
            contexts.push(context);
        }
        let mut all: Vec<u32> = results.iter().flat_map(|result| result.tokens.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        let rows = self.token_logits(&contexts, &all).await?;
        for (result, row) in results.iter_mut().zip(rows) {
            result.logits = result
                .tokens
                .iter()
                .map(|token| all.binary_search(token).map_or(f32::NAN, |at| row[at]))
                .collect();
        }
        Ok(results)
    }
}

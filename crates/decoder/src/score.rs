//! Log-likelihoods of continuations: a score is a prefill.
//!
//! What requests start with is computed once ([`crate::prefix`]): one beginning or several, whole examples or part of a question. A context is
//! computed once for all its continuations; a continuation of one token costs no row at all, since the context's last row predicts it. All of it
//! goes through packed passes as full as the backend allows, and only asked rows meet the head. Beginnings stay in the cache between calls as
//! long as nothing else needs the room, so that a benchmark may come in pieces.
//!
//! What must hold: results do not depend on what is asked together, nor on the order (but for the rounding of matrix products of other sizes).

use std::ops::ControlFlow;

use crate::backend::{Backend, MOST_KEPT};
use crate::cache::{PAGE, Sequence};
use crate::prefix::{Step, walk};
use crate::session::{Kept, Session, Work, pack};
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
        mut progress: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<Score>>> {
        for request in requests {
            if request.context.is_empty() || request.continuations.iter().any(Vec::is_empty) {
                return Err(Error::Input("a context and every continuation need at least one token".into()));
            }
            for continuation in &request.continuations {
                // The last token is predicted, never read.
                self.check(continuation, request.context.len() + continuation.len() - 1)?;
            }
            self.check(&request.context, request.context.len())?;
        }
        // Answers are numbered through: every token of every continuation of every request.
        let mut targets: Vec<u32> = Vec::new();
        let mut leaves = Vec::with_capacity(requests.len());
        for request in requests {
            let mut leaf = Leaf::default();
            for continuation in &request.continuations {
                leaf.asks.push(targets.len());
                let rows = continuation.len() - 1;
                let asks = (0..rows).map(|row| (row, targets.len() + row + 1)).collect();
                leaf.tails.push((continuation[..rows].to_vec(), asks));
                targets.extend_from_slice(continuation);
            }
            leaf.tails.retain(|(tokens, _)| !tokens.is_empty());
            leaves.push(leaf);
        }
        let contexts: Vec<&[u32]> = requests.iter().map(|request| request.context.as_slice()).collect();
        let mut answers = vec![(0.0, false); targets.len()];
        let mut take = |answer: usize, values: &[f32]| answers[answer] = (values[0], values[1] == 1.0);
        self.sweep(&contexts, leaves, Wanted::LogProbs(&targets), &mut take, &mut progress)
            .await?;
        let mut answers = answers.into_iter();
        let mut score = |tokens: &Vec<u32>| {
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
        Ok(requests
            .iter()
            .map(|request| request.continuations.iter().map(&mut score).collect())
            .collect())
    }

    /// Logits of `tokens` after each context, one row of `tokens.len()` a context: all that an option-letter protocol reads.
    pub async fn token_logits(&mut self, contexts: &[Vec<u32>], tokens: &[u32]) -> Result<Vec<Vec<f32>>> {
        self.check(tokens, 0)?;
        for context in contexts {
            if context.is_empty() {
                return Err(Error::Input("a context needs at least one token".into()));
            }
            self.check(context, context.len())?;
        }
        let leaf = |index| Leaf {
            asks: vec![index],
            tails: Vec::new(),
        };
        let leaves = (0..contexts.len()).map(leaf).collect();
        let contexts: Vec<&[u32]> = contexts.iter().map(Vec::as_slice).collect();
        let mut results = vec![Vec::new(); contexts.len()];
        let mut take = |answer: usize, values: &[f32]| results[answer] = values.to_vec();
        self.sweep(&contexts, leaves, Wanted::Tokens(tokens), &mut take, &mut |_| {
            ControlFlow::Continue(())
        })
        .await?;
        Ok(results)
    }

    /// Walks the tree of contexts, packs what is to be computed into full passes, and hands every answer to `take`.
    async fn sweep(
        &mut self,
        contexts: &[&[u32]],
        mut leaves: Vec<Leaf>,
        wanted: Wanted<'_>,
        take: &mut dyn FnMut(usize, &[f32]),
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<()> {
        let budget = self.decoder.backend.max_rows().max(1);
        let mut open: Vec<Branch> = Vec::new();
        let mut pending = Pending::default();
        let mut done = 0;
        for step in walk(contexts) {
            match step {
                Step::Enter { text, end, texts } => {
                    let (mut sequence, depth) = self.start(open.last(), &contexts[text][..end]);
                    let tokens = contexts[text][depth..end].to_vec();
                    self.room(&mut pending, slots_for(tokens.len()), &wanted, take).await?;
                    // What was kept may be all of it; the last token then has its keys already, and nothing is to be computed.
                    if !tokens.is_empty() {
                        pending.push(self.append(&mut sequence, tokens, Vec::new())?);
                    }
                    // Of branches inside each other the longest that most texts go through: some questions may have other examples than the rest.
                    let most = |outer: &Branch| outer.end < KEEP || outer.keep && 2 * texts > outer.texts;
                    let keep = end >= KEEP && open.last().is_none_or(most);
                    open.push(Branch {
                        text,
                        end,
                        texts,
                        keep,
                        sequence,
                    });
                }
                Step::Leave => {
                    if let Some(branch) = open.pop() {
                        let tokens = branch.keep.then(|| contexts[branch.text][..branch.end].to_vec());
                        pending.finished.push((branch.sequence, tokens));
                    }
                }
                Step::Leaf { text } => {
                    let leaf = std::mem::take(&mut leaves[text]);
                    let context = contexts[text];
                    let (mut sequence, depth) = self.start(open.last(), &context[..context.len() - 1]);
                    let needed = slots_for(context.len() - depth) + leaf.tails.iter().map(|(tail, _)| slots_for(tail.len())).sum::<usize>();
                    self.room(&mut pending, needed, &wanted, take).await?;
                    let last = context.len() - depth - 1;
                    let asks = leaf.asks.into_iter().map(|answer| (last, answer)).collect();
                    pending.push(self.append(&mut sequence, context[depth..].to_vec(), asks)?);
                    for (tokens, asks) in leaf.tails {
                        let mut tail = sequence.fork();
                        pending.push(self.append(&mut tail, tokens, asks)?);
                        pending.finished.push((tail, None));
                    }
                    pending.finished.push((sequence, None));
                    done += 1;
                    if pending.rows >= 2 * budget {
                        self.flush(&mut pending, &wanted, take).await?;
                        if progress(done).is_break() {
                            return Err(Error::Cancelled);
                        }
                    }
                }
            }
        }
        let rest = pending.rows > 0;
        self.flush(&mut pending, &wanted, take).await?;
        if rest && progress(done).is_break() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    /// Where a text starts: at the innermost open branch, or at a kept beginning that goes further, else at nothing. `text` is at least as
    /// long as the branch.
    fn start(&mut self, open: Option<&Branch>, text: &[u32]) -> (Sequence, usize) {
        let same = |kept: &Kept| kept.tokens.iter().zip(text).take_while(|(a, b)| a == b).count();
        let longest = self.kept.iter().map(same).enumerate().max_by_key(|(_, length)| *length);
        let depth = open.map_or(0, |branch| branch.end);
        match (longest, open) {
            (Some((at, length)), _) if length >= KEEP && length > depth => {
                let kept = self.kept.remove(at);
                let sequence = kept.sequence.fork_at(length);
                self.kept.push(kept); // the latest last
                (sequence, length)
            }
            (_, Some(branch)) => (branch.sequence.fork(), depth),
            _ => (self.pool.sequence(), 0),
        }
    }

    /// Sees to it that `slots` are free: runs what is pending, then gives up kept beginnings.
    async fn room(&mut self, pending: &mut Pending, slots: usize, wanted: &Wanted<'_>, take: &mut dyn FnMut(usize, &[f32])) -> Result<()> {
        if self.pool.free_slots() < slots {
            self.make_room(slots);
        }
        if self.pool.free_slots() < slots {
            self.flush(pending, wanted, take).await?;
            self.make_room(slots);
        }
        let free = self.pool.free_slots();
        if free < slots {
            let held = self.pool.capacity() - free;
            return Err(Error::ContextFull {
                needed: slots + held,
                available: self.pool.capacity(),
            });
        }
        Ok(())
    }

    /// Runs everything pending and gives its slots back, but for beginnings that are worth keeping.
    async fn flush(&mut self, pending: &mut Pending, wanted: &Wanted<'_>, take: &mut dyn FnMut(usize, &[f32])) -> Result<()> {
        let Pending { work, finished, .. } = std::mem::take(pending);
        for pass in pack(work, self.decoder.backend.max_rows()) {
            let hidden = self.run(&pass)?;
            let backend = &self.decoder.backend;
            if pass.asks.is_empty() {
                backend.pause().await?;
                continue;
            }
            let head = &self.decoder.model.head;
            let rows: Vec<u32> = pass.asks.iter().map(|ask| ask.0).collect();
            let (values, width) = match wanted {
                Wanted::LogProbs(targets) => {
                    let wanted: Vec<u32> = pass.asks.iter().map(|&(_, answer)| targets[answer]).collect();
                    (backend.head_log_probs(head, &hidden, &rows, &wanted)?, 2)
                }
                Wanted::Tokens(tokens) => (backend.head_tokens(head, &hidden, &rows, tokens)?, tokens.len()),
            };
            let values = backend.read(&values).await?;
            for (&(_, answer), values) in pass.asks.iter().zip(values.chunks_exact(width.max(1))) {
                take(answer, values);
            }
        }
        for (sequence, keep) in finished {
            if let Some(tokens) = keep {
                self.keep(tokens, sequence);
            }
        }
        Ok(())
    }

    /// Keeps a beginning; those that it covers, and the oldest beyond [`MOST_KEPT`], go.
    fn keep(&mut self, tokens: Vec<u32>, sequence: Sequence) {
        if self.kept.iter().any(|kept| kept.tokens.starts_with(&tokens)) {
            return;
        }
        self.kept.retain(|kept| !tokens.starts_with(&kept.tokens));
        if self.kept.len() >= MOST_KEPT {
            self.kept.remove(0);
        }
        self.kept.push(Kept { tokens, sequence });
    }
}

/// Tokens from which a beginning is worth keeping: a few examples, not a few words.
const KEEP: usize = 64;

/// What is asked behind a context.
#[derive(Default)]
struct Leaf {
    /// Answers that its last row gives.
    asks: Vec<usize>,
    /// Tokens of a continuation that are read, and `(row, answer)` of each.
    tails: Vec<(Vec<u32>, Vec<(usize, usize)>)>,
}

/// What the head is asked for.
enum Wanted<'a> {
    /// Log-probability of the target of each answer, and whether it is the best token.
    LogProbs(&'a [u32]),
    /// Logits of these tokens.
    Tokens(&'a [u32]),
}

/// A beginning that the texts in hand share.
struct Branch {
    text: usize,
    end: usize,
    /// Texts that go through it.
    texts: usize,
    /// Worth keeping for later calls.
    keep: bool,
    sequence: Sequence,
}

/// Work that is not computed yet, and sequences that must live until it is.
#[derive(Default)]
struct Pending {
    work: Vec<Work>,
    rows: usize,
    /// With the tokens of those worth keeping.
    finished: Vec<(Sequence, Option<Vec<u32>>)>,
}

impl Pending {
    fn push(&mut self, work: Work) {
        self.rows += work.tokens.len();
        self.work.push(work);
    }
}

/// Slots that a sequence of `tokens` occupies, whole pages.
fn slots_for(tokens: usize) -> usize {
    tokens.div_ceil(PAGE) * PAGE
}

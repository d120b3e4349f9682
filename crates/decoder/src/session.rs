//! A decoder with its KV cache: what scoring and generation run on.

use crate::backend::{Backend, CacheShape};
use crate::batch::Batch;
use crate::cache::{Pool, Sequence};
use crate::model::Decoder;
use crate::{Error, Result};

/// A model ready to read and write text.
pub struct Session<B: Backend> {
    /// The model.
    pub decoder: Decoder<B>,
    /// Its keys and values.
    pub cache: B::Cache,
    /// Which slots of the cache are free.
    pub pool: Pool,
    /// Beginnings of texts that are likely to come again (few-shot examples), the latest last. They give way to whatever needs room.
    pub(crate) kept: Vec<Kept>,
}

/// A beginning of a text whose keys and values are in the cache.
pub(crate) struct Kept {
    pub tokens: Vec<u32>,
    pub sequence: Sequence,
}

/// Tokens to be run for a sequence, and what to ask of their rows.
pub(crate) struct Work {
    /// Tokens to compute.
    pub tokens: Vec<u32>,
    /// Slots of everything before them.
    pub prefix: Vec<u32>,
    /// Their own slots.
    pub slots: Vec<u32>,
    /// `(index of the token whose row is asked, what the caller calls the answer)`.
    pub asks: Vec<(usize, usize)>,
}

/// A batch whose rows are bounded by the backend's [`Backend::max_rows`].
pub(crate) struct Pass {
    pub batch: Batch,
    /// `(row, what the caller calls the answer)`.
    pub asks: Vec<(u32, usize)>,
}

impl<B: Backend> Session<B> {
    /// A session whose cache holds `slots` tokens (at least the model's context length makes sense).
    pub fn new(decoder: Decoder<B>, slots: usize) -> Result<Self> {
        let shape = CacheShape::new(decoder.config(), slots);
        let cache = decoder.backend.new_cache(&shape)?;
        Ok(Session {
            decoder,
            cache,
            pool: Pool::new(slots),
            kept: Vec::new(),
        })
    }

    /// Longest text, in tokens.
    pub fn context_length(&self) -> usize {
        self.decoder.model.context_length
    }

    /// Refuses tokens outside the vocabulary and texts longer than the context.
    pub(crate) fn check(&self, tokens: &[u32], length: usize) -> Result<()> {
        let vocabulary = self.decoder.config().vocab_size;
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(Error::Input(format!("token {token} is outside the vocabulary of {vocabulary}")));
        }
        if length > self.context_length() {
            return Err(Error::ContextFull {
                needed: length,
                available: self.context_length(),
            });
        }
        Ok(())
    }

    /// Drops everything kept from earlier calls, so that the next one starts with an empty cache: for measurements.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// Drops kept beginnings, the oldest first, until `slots` are free or none is left.
    pub(crate) fn make_room(&mut self, slots: usize) {
        while self.pool.free_slots() < slots && !self.kept.is_empty() {
            self.kept.remove(0);
        }
    }

    /// Reserves slots for `tokens` at the end of `sequence`.
    pub(crate) fn append(&mut self, sequence: &mut Sequence, tokens: Vec<u32>, asks: Vec<(usize, usize)>) -> Result<Work> {
        self.make_room(tokens.len());
        let prefix = sequence.slots().to_vec();
        let slots = sequence.extend(tokens.len())?;
        Ok(Work {
            tokens,
            prefix,
            slots,
            asks,
        })
    }

    /// Runs a pass up to the last layer.
    pub(crate) fn run(&self, pass: &Pass) -> Result<B::Tensor> {
        let batch = self.decoder.backend.upload_batch(&pass.batch)?;
        self.decoder.forward(&batch, Some(&self.cache))
    }
}

/// Packs work into passes of at most `max_rows` rows, in order. A piece of work that does not fit goes on in the next pass, which finds the
/// keys of the first part in the cache.
pub(crate) fn pack(work: Vec<Work>, max_rows: usize) -> Vec<Pass> {
    let max_rows = max_rows.max(1);
    let mut passes: Vec<Pass> = Vec::new();
    for Work {
        tokens,
        mut prefix,
        slots,
        asks,
    } in work
    {
        let mut done = 0;
        while done < tokens.len() {
            if passes.last().is_none_or(|pass| pass.batch.rows() >= max_rows) {
                passes.push(Pass {
                    batch: Batch::default(),
                    asks: Vec::new(),
                });
            }
            let pass = passes.last_mut().expect("just pushed");
            let count = (max_rows - pass.batch.rows()).min(tokens.len() - done);
            let end = done + count;
            let first_row = pass.batch.push(&tokens[done..end], &prefix, &slots[done..end]);
            prefix.extend_from_slice(&slots[done..end]);
            let here = asks.iter().filter(|(index, _)| (done..end).contains(index));
            pass.asks
                .extend(here.map(|&(index, answer)| ((first_row + index - done) as u32, answer)));
            done = end;
        }
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_cut_at_the_row_limit_and_asks_follow_their_rows() {
        let work = |tokens: Vec<u32>, first_slot: u32, asks| {
            let slots = (first_slot..first_slot + tokens.len() as u32).collect();
            Work {
                tokens,
                prefix: vec![90, 91],
                slots,
                asks,
            }
        };
        let passes = pack(
            vec![work(vec![1, 2, 3], 0, vec![(2, 7)]), work(vec![4, 5, 6], 10, vec![(0, 8), (1, 9)])],
            4,
        );
        assert_eq!(passes.len(), 2);
        assert_eq!(passes[0].batch.tokens, [1, 2, 3, 4]);
        assert_eq!(passes[0].asks, [(2, 7), (3, 8)]);
        assert_eq!(passes[1].batch.tokens, [5, 6]);
        assert_eq!(passes[1].batch.positions, [3, 4]);
        assert_eq!(passes[1].batch.context, [90, 91, 10, 11, 12], "the second part sees the first");
        assert_eq!(passes[1].asks, [(0, 9)]);
    }
}

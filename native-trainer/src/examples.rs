//! What a model is trained on, and in which order.
//!
//! An example is a run of tokens of which the later ones are targets: all but the first of a piece of text, or the answer after a prompt.
//! Examples are packed into batches of a bounded number of tokens, without padding; attention stays inside an example. The order depends on
//! the seed and the epoch only, so that a position (epoch and cursor) is all that resuming needs.
//!
//! [`Data`] is what the trainer reads: examples in memory here, packed shards in [`crate::corpus_data`].

use decoder::{Batch, Target};
use serde::{Deserialize, Serialize};

/// Tokens, the last `tokens.len() - first_target` of which are to be predicted. `first_target` is at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// All tokens.
    pub tokens: Vec<u32>,
    /// Index of the first target.
    pub first_target: usize,
}

impl Example {
    /// Rows that the model computes: the last token is a target only.
    pub fn rows(&self) -> usize {
        self.tokens.len() - 1
    }
}

/// Cuts a document into pieces of at most `rows` rows. Pieces overlap by one token, so that every token but the first is a target once.
pub fn pieces(document: &[u32], rows: usize) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut start = 0;
    while start + 1 < document.len() {
        let end = (start + rows + 1).min(document.len());
        examples.push(Example {
            tokens: document[start..end].to_vec(),
            first_target: 1,
        });
        start = end - 1;
    }
    examples
}

/// Packs examples into one batch; every target weighs `weight`.
pub fn pack(examples: &[&Example], weight: f32) -> (Batch, Vec<Target>) {
    let batch = Batch::from_documents(examples.iter().map(|example| &example.tokens[..example.rows()]));
    let mut targets = Vec::new();
    let mut first_row = 0;
    for example in examples {
        for index in example.first_target..example.tokens.len() {
            targets.push(Target {
                row: (first_row + index - 1) as u32,
                token: example.tokens[index],
                weight,
            });
        }
        first_row += example.rows();
    }
    (batch, targets)
}

/// A fingerprint of all tokens and targets (FNV-1a, 64 bits): a run must not go on with other data.
pub fn fingerprint(examples: &[Example]) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    let mut add = |value: u32| {
        for byte in value.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
    };
    for example in examples {
        add(example.tokens.len() as u32);
        add(example.first_target as u32);
        example.tokens.iter().for_each(|token| add(*token));
    }
    format!("{hash:016x}")
}

/// What a run is trained on.
pub trait Data {
    /// Differs where tokens or targets differ: a run must not go on with other data.
    fn fingerprint(&self) -> String;
    /// How much it is, for people.
    fn describe(&self) -> String;
    /// Batches in `epochs` passes.
    fn count_batches(&self, batch_rows: usize, seed: u64, epochs: u64) -> u64;
    /// Batches of at most `batch_rows` rows, from `position` on, for ever.
    fn batches(&self, batch_rows: usize, seed: u64, position: Position) -> Box<dyn BatchSource + '_>;
}

/// Batches, one after the other.
pub trait BatchSource {
    /// Where the next batch begins.
    fn position(&self) -> Position;
    /// Where that is, for people; none where there is nothing to tell.
    fn place(&self) -> Option<String>;
    /// Examples of the next batch, none of the next pass.
    fn next_batch(&mut self) -> Vec<Example>;
}

impl Data for Vec<Example> {
    fn fingerprint(&self) -> String {
        fingerprint(self)
    }

    fn describe(&self) -> String {
        format!("{} pieces of text", self.len())
    }

    fn count_batches(&self, batch_rows: usize, seed: u64, epochs: u64) -> u64 {
        count_batches(self, batch_rows, seed, epochs) as u64
    }

    fn batches(&self, batch_rows: usize, seed: u64, position: Position) -> Box<dyn BatchSource + '_> {
        Box::new(InMemory {
            examples: self,
            batches: Batches::new(self, batch_rows, seed, position),
        })
    }
}

struct InMemory<'a> {
    examples: &'a [Example],
    batches: Batches,
}

impl BatchSource for InMemory<'_> {
    fn position(&self) -> Position {
        self.batches.position()
    }

    fn place(&self) -> Option<String> {
        None
    }

    fn next_batch(&mut self) -> Vec<Example> {
        self.batches
            .next_batch()
            .into_iter()
            .map(|index| self.examples[index].clone())
            .collect()
    }
}

/// Where in the data a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Passes over the data that are complete.
    pub epoch: u64,
    /// Examples, or blocks of a corpus, of this pass that were used.
    pub cursor: usize,
}

/// Batches, one after the other, for ever.
pub struct Batches {
    rows: Vec<usize>,
    batch_rows: usize,
    seed: u64,
    order: Vec<usize>,
    position: Position,
}

impl Batches {
    /// Starts at `position`. Every example has at most `batch_rows` rows.
    pub fn new(examples: &[Example], batch_rows: usize, seed: u64, position: Position) -> Batches {
        assert!(!examples.is_empty(), "there is something to train on");
        let rows: Vec<usize> = examples.iter().map(Example::rows).collect();
        let order = shuffled(rows.len(), seed, position.epoch);
        Batches {
            rows,
            batch_rows,
            seed,
            order,
            position,
        }
    }

    /// Where the next batch begins.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Indices of the next batch's examples: as many as fit, none of the next pass.
    pub fn next_batch(&mut self) -> Vec<usize> {
        let mut batch = Vec::new();
        let mut rows = 0;
        while let Some(&index) = self.order.get(self.position.cursor) {
            rows += self.rows[index];
            if rows > self.batch_rows && !batch.is_empty() {
                break;
            }
            batch.push(index);
            self.position.cursor += 1;
        }
        if self.position.cursor == self.order.len() {
            self.position = Position {
                epoch: self.position.epoch + 1,
                cursor: 0,
            };
            self.order = shuffled(self.rows.len(), self.seed, self.position.epoch);
        }
        batch
    }
}

/// Batches in `epochs` passes.
pub fn count_batches(examples: &[Example], batch_rows: usize, seed: u64, epochs: u64) -> usize {
    let mut batches = Batches::new(examples, batch_rows, seed, Position::default());
    let mut count = 0;
    while batches.position().epoch < epochs {
        batches.next_batch();
        count += 1;
    }
    count
}

fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    fastrand::Rng::with_seed(seed ^ (epoch + 1).wrapping_mul(0xD134_2543_DE82_EF95)).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_a_target_once() {
        let document: Vec<u32> = (0..23).collect();
        for rows in [1, 2, 5, 22, 23, 100] {
            let examples = pieces(&document, rows);
            let targets: Vec<u32> = examples
                .iter()
                .flat_map(|example| example.tokens[example.first_target..].to_vec())
                .collect();
            assert_eq!(targets, document[1..], "pieces of {rows} rows");
            assert!(examples.iter().all(|example| example.rows() <= rows));
        }
        assert!(pieces(&[7], 4).is_empty(), "a single token predicts nothing");
    }

    #[test]
    fn targets_follow_their_rows() {
        let text = Example {
            tokens: vec![1, 2, 3],
            first_target: 1,
        };
        let answer = Example {
            tokens: vec![4, 5, 6, 7],
            first_target: 3,
        };
        let (batch, targets) = pack(&[&text, &answer], 0.5);
        assert_eq!(batch.tokens, [1, 2, 4, 5, 6]);
        assert_eq!(batch.segments.len(), 2);
        let found: Vec<(u32, u32)> = targets.iter().map(|target| (target.row, target.token)).collect();
        assert_eq!(found, [(0, 2), (1, 3), (4, 7)]);
    }

    #[test]
    fn passes_are_complete_shuffled_and_can_be_resumed() {
        let examples: Vec<Example> = (1..40)
            .map(|n| Example {
                tokens: vec![0; n % 7 + 2],
                first_target: 1,
            })
            .collect();
        let mut batches = Batches::new(&examples, 16, 3, Position::default());
        let mut all = Vec::new();
        let mut positions = Vec::new();
        while batches.position().epoch < 2 {
            positions.push(batches.position());
            all.push(batches.next_batch());
        }
        assert_eq!(all.len(), count_batches(&examples, 16, 3, 2));
        assert!(
            all.iter()
                .all(|batch| batch.iter().map(|&index| examples[index].rows()).sum::<usize>() <= 16)
        );
        let passes: Vec<usize> = all.concat();
        let (first, second) = passes.split_at(examples.len());
        let sorted = |pass: &[usize]| {
            let mut pass = pass.to_vec();
            pass.sort_unstable();
            pass
        };
        assert_eq!(sorted(first), (0..examples.len()).collect::<Vec<_>>());
        assert_eq!(sorted(first), sorted(second));
        assert_ne!(first, second, "each pass has its own order");
        for (position, batch) in positions.into_iter().zip(&all) {
            assert_eq!(&Batches::new(&examples, 16, 3, position).next_batch(), batch);
        }
    }
}

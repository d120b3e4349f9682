//! Packed shards as the trainer reads them: memory-mapped, in a seeded order, resumed at the exact document and token.
//!
//! A batch is as many blocks of `--sequence-length` rows as fit. A position counts the blocks of a pass that were used, so it says at which token
//! of which document the next batch begins, whatever the number of machines.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use mmedc::order::Permutation;
use mmedc::shards::{Blocks, Manifest, Vocabulary};
use tokenizer::Tokenizer;

use crate::examples::{BatchSource, Data, Example, Position, pieces};
use crate::trainer::HeldOut;

/// An open folder of shards.
pub struct CorpusData {
    folder: PathBuf,
    manifest: Manifest,
    blocks: Blocks,
    rows: usize,
}

impl CorpusData {
    /// Opens `folder` for blocks of `rows` rows. Errors: shards of another vocabulary than `tokenizer`'s; damaged shards.
    pub fn open(folder: &Path, tokenizer: &Tokenizer, rows: usize) -> Result<CorpusData> {
        let manifest = Manifest::open(folder)?;
        manifest.vocabulary.check_same(&Vocabulary::of(tokenizer)?, folder)?;
        if rows < 2 {
            bail!("--sequence-length must be at least 2 to train on shards");
        }
        let blocks = Blocks::new(manifest.open_shards(folder, &manifest.train)?, rows)?;
        Ok(CorpusData {
            folder: folder.to_owned(),
            manifest,
            blocks,
            rows,
        })
    }

    /// The first `tokens` tokens held out of each language, in pieces.
    pub fn validation(&self, tokens: u64) -> Result<Vec<HeldOut>> {
        let mut groups = Vec::new();
        for (language, files) in &self.manifest.validation {
            let (mut examples, mut left) = (Vec::new(), tokens);
            for shard in self.manifest.open_shards(&self.folder, files)? {
                for document in 0..shard.documents() {
                    if left == 0 {
                        break;
                    }
                    let mut document = shard.document(document);
                    document.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    left -= document.len() as u64;
                    examples.extend(pieces(&document, self.rows));
                }
            }
            if !examples.is_empty() {
                groups.push(HeldOut {
                    name: language.clone(),
                    examples,
                });
            }
        }
        Ok(groups)
    }
}

impl Data for CorpusData {
    fn fingerprint(&self) -> String {
        let hashes: Vec<&str> = self.manifest.train.iter().map(|file| file.hash.as_str()).collect();
        format!("shards {}", mmedc::shards::manifest::fingerprint(&hashes))
    }

    fn describe(&self) -> String {
        format!(
            "{} tokens in {} blocks of {} shards",
            self.manifest.train_tokens(),
            self.blocks.count(),
            self.blocks.shards().len()
        )
    }

    fn count_batches(&self, batch_rows: usize, _: u64, epochs: u64) -> u64 {
        self.blocks
            .count()
            .div_ceil((batch_rows / self.rows).max(1) as u64)
            .saturating_mul(epochs)
    }

    fn batches(&self, batch_rows: usize, seed: u64, position: Position) -> Box<dyn BatchSource + '_> {
        Box::new(BlockBatches {
            blocks: &self.blocks,
            order: self.blocks.order(seed, position.epoch),
            blocks_per_batch: (batch_rows / self.rows).max(1),
            seed,
            position,
        })
    }
}

struct BlockBatches<'a> {
    blocks: &'a Blocks,
    order: Permutation,
    blocks_per_batch: usize,
    seed: u64,
    position: Position,
}

impl BatchSource for BlockBatches<'_> {
    fn position(&self) -> Position {
        self.position
    }

    fn place(&self) -> Option<String> {
        let place = self.blocks.place(self.order.at(self.position.cursor as u64));
        Some(format!(
            "at token {} of document {} (block {} of {} in pass {})",
            place.token_in_document,
            self.blocks.document_id(&place),
            self.position.cursor + 1,
            self.blocks.count(),
            self.position.epoch + 1
        ))
    }

    fn next_batch(&mut self) -> Vec<Example> {
        let from = self.position.cursor as u64;
        let to = (from + self.blocks_per_batch as u64).min(self.blocks.count());
        let examples = (from..to)
            .flat_map(|place| self.blocks.segments(self.order.at(place)))
            .map(|tokens| Example { tokens, first_target: 1 })
            .collect();
        self.position.cursor = to as usize;
        if to == self.blocks.count() {
            self.position = Position {
                epoch: self.position.epoch + 1,
                cursor: 0,
            };
            self.order = self.blocks.order(self.seed, self.position.epoch);
        }
        examples
    }
}

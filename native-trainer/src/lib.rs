//! What the commands of `mmedkit` do, one file a command.
//!
//! Around them: [`text_tree`] reads corpora, [`model`] opens models, [`device`] puts them on a device; [`examples`], [`trainer`], [`state`]
//! and [`run_log`] are the trainer: the same loop serves pre-training and fine-tuning. What must hold: a run that was stopped and resumed ends with
//! the same weights, bit for bit, as one that was not.

pub mod bertscore;
pub mod compare;
pub mod corpus;
pub mod corpus_data;
pub mod device;
pub mod evaluate;
pub mod examples;
pub mod export;
pub mod finetune;
pub mod folder;
pub mod generate;
pub mod model;
pub mod pair;
pub mod pretrain;
pub mod random_weights;
pub mod report;
pub mod run_files;
pub mod run_log;
pub mod score;
pub mod shape;
pub mod state;
pub mod text_tree;
pub mod tokenize;
pub mod tokenizer_train;
pub mod trainer;

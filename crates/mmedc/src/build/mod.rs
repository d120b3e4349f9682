//! Building a corpus: one program, any number of tasks, on one machine or many.
//!
//! The work is cut into *stages*, and each stage into *units*. A unit reads files that are finished, writes files under temporary names,
//! renames them, and then writes its *completion marker* (`done/STAGE/UNIT.json`). A task is nothing but a choice of units: unit `u` belongs to
//! task `u mod tasks`. What must hold: what a unit writes depends on the configuration and the input alone, so that the result is the same, byte
//! for byte, for any number of tasks, and a task that was killed is simply started again; tasks share no lock and no server, only the
//! storage.
//!
//! | stage | units | does |
//! | --- | --- | --- |
//! | `plan` | 1 | lists the inputs and cuts them into units of about equal size |
//! | `map` | input units | reads, runs the steps, writes the documents that stay, their signatures, and statistics |
//! | `reduce` | buckets | finds documents that share a key of their signatures |
//! | `resolve` | 1 | joins pairs to groups and says which copies go |
//! | `write` | input units | drops copies, tokenises, writes parquet, tokens and statistics |
//! | `pack` | 1 | joins the units' tokens to the shards that a trainer reads |
//! | `finish` | 1 | adds statistics, writes report, table and dataset card |
//!
//! - [`config`]: what the user writes, and the refusal to mix two configurations
//! - [`plan`]: the cut
//! - [`runner`]: markers, tasks, threads
//! - [`map`], [`copies`], [`emit`], [`pack`], [`finish`]: the stages
//! - [`steps`]: the steps over single documents, by name

pub mod config;
pub mod copies;
pub mod emit;
pub mod finish;
pub mod map;
pub mod pack;
pub mod plan;
pub mod runner;
pub mod steps;

pub use config::Config;
pub use runner::{Build, Manner, Marker, OpenTokenizer, Progress, Share, Silent, Stage};

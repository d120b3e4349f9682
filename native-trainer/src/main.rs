//! `mmedkit`: corpora, vocabularies, training, scoring, generation and export on the command line.

use clap::{Parser, Subcommand};
use mmedkit::{compare, corpus, evaluate, export, finetune, generate, pretrain, report, score, tokenize, tokenizer_train};

#[derive(Parser)]
#[command(
    name = "mmedkit",
    version,
    about = "Multilingual medical language models: corpora, train, score, generate, export"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make training data out of raw text
    #[command(subcommand)]
    Corpus(corpus::Command),
    /// Make vocabularies
    #[command(subcommand)]
    Tokenizer(TokenizerCommand),
    /// Token ids of texts: one JSON string a line on standard input, one JSON array a line on standard output
    Tokenize(tokenize::Args),
    /// Train on a tree of text files or on packed shards, from nothing or from a model
    Pretrain(pretrain::Args),
    /// Train on MMedBench questions, with the paper's two prompts
    Finetune(finetune::Args),
    /// Turn a Hugging Face folder into GGUF, or GGUF into a folder
    Export(export::Args),
    /// Log-likelihoods of continuations: one JSON request a line on standard input, one result a line on standard output
    Score(score::Args),
    /// Write text after a prompt
    Generate(generate::Args),
    /// Ask a model a benchmark's questions and record every answer
    Evaluate(Box<evaluate::Args>),
    /// Read the written answers of a record again, by another rule and without the model
    Rescore(evaluate::RescoreArgs),
    /// Join records that are parts of one run
    Merge(evaluate::MergeArgs),
    /// What evaluations say: accuracy with intervals, calibration, published results beside, as table, Markdown, CSV, JSON or a page
    Report(report::Args),
    /// Two evaluations question by question: which model is better, by how much, and where they differ
    Compare(compare::Args),
}

#[derive(Subcommand)]
enum TokenizerCommand {
    /// Train a byte-level BPE vocabulary on a tree of text files
    Train(tokenizer_train::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Corpus(command) => corpus::run(&command),
        Command::Tokenizer(TokenizerCommand::Train(args)) => tokenizer_train::run(&args),
        Command::Tokenize(args) => tokenize::run(&args, std::io::stdin().lock(), std::io::stdout().lock()),
        Command::Pretrain(args) => pretrain::run(&args),
        Command::Finetune(args) => finetune::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Score(args) => score::run(&args, std::io::stdin().lock(), std::io::stdout().lock()),
        Command::Generate(args) => generate::run(&args, std::io::stdout().lock()),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Rescore(args) => evaluate::rescore(&args),
        Command::Merge(args) => evaluate::merge(&args),
        Command::Report(args) => report::run(&args, std::io::stdout().lock()),
        Command::Compare(args) => compare::run(&args, std::io::stdout().lock()),
    }
}

//! `mmedkit corpus tokenize`: documents → shards of tokens, one a unit of input.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use mmedc::Counts;
use mmedc::shards::{EXTENSION, Vocabulary, tokenize};

use super::input::InputArgs;
use super::units::{Units, names, on_threads};
use crate::model;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub input: InputArgs,
    /// tokenizer.json, a Hugging Face folder that holds one, or a GGUF file
    #[arg(long, value_name = "MODEL")]
    pub tokenizer: PathBuf,
    /// Folder of the shards; `corpus pack` reads it
    #[arg(long)]
    pub output: PathBuf,
    /// Threads; 0 for all cores
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
}

/// Name of the file that says what a folder of shards was made of.
pub const SETTINGS: &str = "tokenized.json";
/// What shards are called before their number.
pub const KIND: &str = "tokens";

/// Tokenises what is not done yet.
pub fn run(args: &Args) -> Result<()> {
    let tokenizer = model::open_tokenizer(&args.tokenizer)?;
    let vocabulary = Vocabulary::of(&tokenizer)?;
    let units = Units::new(&args.input)?;
    units
        .settings(serde_json::json!({ "vocabulary": vocabulary }))?
        .claim(&args.output, SETTINGS)?;
    let bar = units.progress();
    let began = Instant::now();
    let (mut counts, mut problems, mut there) = (Counts::default(), 0, 0);
    on_threads(args.threads, || {
        for (unit, output) in names(&args.output, KIND, units.count(), EXTENSION).iter().enumerate() {
            if output.exists() {
                there += 1;
            } else {
                let documents = units.documents(unit, &bar, &mut problems);
                counts.merge(&tokenize::tokenize(documents, &tokenizer, &vocabulary, output, &|_| {})?);
            }
            bar.inc(units.bytes(unit));
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let count = |name: &str| counts.0.get(name).copied().unwrap_or(0);
    eprintln!(
        "{} tokens of {} documents ({:.2} bytes a token, {:.1} MB/s) in {} shards{}; {problems} documents could not be read",
        count("tokens"),
        count("documents"),
        count("bytes") as f64 / count("tokens").max(1) as f64,
        count("bytes") as f64 / 1e6 / began.elapsed().as_secs_f64(),
        units.count() - there,
        if there > 0 {
            format!(" ({there} were there already)")
        } else {
            String::new()
        }
    );
    Ok(())
}

//! `mmedkit export`: a Hugging Face folder into GGUF, or GGUF into a folder.
//!
//! Both ways go through the decoder's own table of parameters: read one by one in F32, rearranged for the other side's conventions
//! ([`convert`]), written in the wanted type. [`to_gguf`] and [`to_folder`] say what goes around them.

mod convert;
mod to_folder;
mod to_gguf;

use std::path::PathBuf;

use anyhow::{Result, bail};
use checkpoint::Recipe;

use crate::model::{self, Source};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A Hugging Face folder, the output folder of a run, or a GGUF file
    #[arg(long)]
    pub model: PathBuf,
    /// A file *.gguf, or the folder to be made
    #[arg(long)]
    pub output: PathBuf,
    /// Type of the weights: F32, F16, BF16, and for GGUF also Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K_M, Q4_K_S, Q4_K_M, Q5_K_M, Q6_K. By default F16 for GGUF, F32 for a folder
    #[arg(long)]
    pub recipe: Option<Recipe>,
    /// The model's name in the file; by default that of the input
    #[arg(long)]
    pub name: Option<String>,
}

/// Converts.
pub fn run(args: &Args) -> Result<()> {
    pollster::block_on(async {
        let files = model::open(&args.model).await?;
        let tokenizer = match files.has_tokenizer() {
            true => Some(files.tokenizer()?),
            false => {
                eprintln!(
                    "{} has no tokenizer; the export will have none either, and reads token ids only",
                    files.path.display()
                );
                None
            }
        };
        let to_gguf = args
            .output
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
        match (&files.source, to_gguf) {
            (Source::Folder(_), true) => {
                let name = args.name.clone().unwrap_or_else(|| name_of(&args.model));
                to_gguf::write(files, tokenizer.as_ref(), &args.output, args.recipe.unwrap_or(Recipe::F16), &name).await?;
            }
            (Source::Gguf(_), false) => {
                to_folder::write(files, tokenizer.as_ref(), &args.output, args.recipe.unwrap_or(Recipe::F32)).await?
            }
            (Source::Gguf(_), true) => bail!("from GGUF to GGUF would quantise twice; export the folder that the file was made of"),
            (Source::Folder(_), false) => bail!("the output must be a file *.gguf: the model is a folder already"),
        }
        eprintln!("written: {}", args.output.display());
        Ok(())
    })
}

fn name_of(path: &std::path::Path) -> String {
    path.file_stem()
        .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
}

//! `mmedkit tokenizer train`: a byte-level BPE vocabulary from a tree of text files.

use std::path::PathBuf;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use tokenizer::BpeTraining;

use crate::{folder, text_tree};

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of UTF-8 .txt files, one document a file
    #[arg(long)]
    pub input: PathBuf,
    /// Tokens in all, bytes and special tokens included
    #[arg(long)]
    pub vocab_size: usize,
    /// Where tokenizer.json goes; tokenizer_config.json is put beside it
    #[arg(long)]
    pub output: PathBuf,
}

/// Control tokens of new vocabularies: those of Llama 3, so that its chat format works.
pub const SPECIAL_TOKENS: [&str; 6] = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|pad|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
];

/// Turns in the form that Llama 3 uses.
pub const CHAT_TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n\
{{ message['content'] | trim }}<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}";

/// Trains and writes.
pub fn run(args: &Args) -> Result<()> {
    let files = text_tree::files(&args.input)?;
    let texts = files.iter().map(|path| text_tree::read(path)).collect::<Result<Vec<String>>>()?;
    let bytes: usize = texts.iter().map(String::len).sum();
    let bar = ProgressBar::new(bytes as u64);
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {bytes}/{total_bytes} read, {elapsed} {msg}",
    )?);
    let training = BpeTraining {
        vocab_size: args.vocab_size,
        special_tokens: SPECIAL_TOKENS.map(str::to_owned).to_vec(),
        bos_token: Some(SPECIAL_TOKENS[0].to_owned()),
        eos_token: Some(SPECIAL_TOKENS[1].to_owned()),
        pad_token: Some(SPECIAL_TOKENS[2].to_owned()),
        chat_template: Some(CHAT_TEMPLATE.to_owned()),
    };
    let tokenizer =
        tokenizer::train_bpe(texts.iter(), &training, |bytes| bar.inc(bytes as u64)).with_context(|| args.input.display().to_string())?;
    bar.finish_and_clear();

    let mut tokens = 0;
    for text in &texts {
        tokens += tokenizer.encode(text, false, false)?.len();
    }
    folder::write(&args.output, tokenizer.to_tokenizer_json()?.as_bytes())?;
    folder::write(
        &args.output.with_file_name("tokenizer_config.json"),
        tokenizer.to_tokenizer_config()?.as_bytes(),
    )?;
    eprintln!(
        "{} tokens from {} files; the corpus is {tokens} tokens, {:.2} bytes a token; written to {}",
        tokenizer.vocab_size(),
        files.len(),
        bytes as f64 / tokens.max(1) as f64,
        args.output.display()
    );
    Ok(())
}

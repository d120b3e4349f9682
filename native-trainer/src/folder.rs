//! Files that appear under their name only when they are whole.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use checkpoint::AtomicFile;

/// Writes `bytes` to `path`, whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).with_context(|| path.display().to_string())?;
    file.commit()?;
    Ok(())
}

/// Writes a model's `tokenizer.json`, `tokenizer_config.json` and `generation_config.json` into its folder.
pub fn write_tokenizer(folder: &Path, tokenizer: &tokenizer::Tokenizer) -> Result<()> {
    write(&folder.join("tokenizer.json"), tokenizer.to_tokenizer_json()?.as_bytes())?;
    write(&folder.join("tokenizer_config.json"), tokenizer.to_tokenizer_config()?.as_bytes())?;
    let special = tokenizer.special();
    let generation = serde_json::json!({"bos_token_id": special.bos, "eos_token_id": special.stop.iter().collect::<Vec<_>>(), "pad_token_id": special.pad});
    write(
        &folder.join("generation_config.json"),
        serde_json::to_string_pretty(&generation)?.as_bytes(),
    )
}

/// Reads `tokenizer.json` and what lies beside it (roles of tokens, where to stop, the chat template).
pub fn read_tokenizer(file: &Path) -> Result<tokenizer::Tokenizer> {
    let bytes = std::fs::read(file).with_context(|| format!("{}: cannot read the tokenizer", file.display()))?;
    let beside = |name: &str| -> Result<Option<Vec<u8>>> {
        let path = file.with_file_name(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    };
    let (config, generation) = (beside("tokenizer_config.json")?, beside("generation_config.json")?);
    let mut tokenizer = tokenizer::Tokenizer::from_tokenizer_json(&bytes, config.as_deref(), generation.as_deref())
        .with_context(|| file.display().to_string())?;
    if let Some(template) = beside("chat_template.jinja")? {
        let template = String::from_utf8(template).with_context(|| format!("{}: chat_template.jinja is not UTF-8", file.display()))?;
        tokenizer.set_chat_template(Some(template));
    }
    Ok(tokenizer)
}

//! Run records from disk, for the commands that read them.
//!
//! What must hold: a record that was cut in the middle of its last line is read up to there and said to be unfinished; any other damage is
//! an error with file and line; files of a folder are parts of one run, or none is read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mmedbench::RunRecord;
use mmedbench::run::merge;

/// A record: a JSONL file, or a folder of the parts of one run.
pub fn read(path: &Path) -> Result<RunRecord> {
    if !path.is_dir() {
        return read_file(path);
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
        let file = entry.with_context(|| path.display().to_string())?.path();
        if file.extension().is_some_and(|e| e == "jsonl") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("{}: the folder holds no record (*.jsonl)", path.display());
    }
    let parts = files.iter().map(|file| read_file(file)).collect::<Result<Vec<_>>>()?;
    merge(parts).with_context(|| format!("{}: its files are not parts of one run; name the one to read", path.display()))
}

fn read_file(path: &Path) -> Result<RunRecord> {
    RunRecord::from_jsonl(&text(path)?).with_context(|| path.display().to_string())
}

/// The whole lines of a record.
pub fn text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    // A record ends every line; what follows the last end was being written when the run was stopped.
    let text = if bytes[whole..].iter().all(u8::is_ascii_whitespace) {
        &bytes[..]
    } else {
        eprintln!("{}: the last line is cut off and left out; it can be resumed", path.display());
        &bytes[..whole]
    };
    let text = std::str::from_utf8(text).with_context(|| format!("{}: not a text", path.display()))?;
    Ok(text.to_string())
}

/// Writes to a file, or to standard output where none is named.
pub fn write(to: Option<&Path>, text: &str, mut standard: impl std::io::Write) -> Result<()> {
    match to {
        Some(path) => std::fs::write(path, text).with_context(|| path.display().to_string()),
        None => match standard.write_all(text.as_bytes()).and_then(|()| standard.flush()) {
            // `mmedkit report … | head` is no error.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            done => Ok(done?),
        },
    }
}

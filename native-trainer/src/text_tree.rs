//! A corpus as MMedC publishes it: a tree of UTF-8 text files, one document a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// All `.txt` files under `root` (or `root` itself), sorted by path, so that every machine reads them in the same order. Links to folders are not followed.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    if root.is_file() {
        return Ok(vec![root.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("{}: cannot list the folder", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("{}: cannot list the folder", folder.display()))?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "txt") && path.is_file() {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        bail!(
            "{}: no .txt files in this tree; a document is one UTF-8 file named *.txt",
            root.display()
        );
    }
    files.sort();
    Ok(files)
}

/// A document.
pub fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "{}: not UTF-8 (byte {}); convert the file",
            path.display(),
            error.utf8_error().valid_up_to() + 1
        )
    })
}

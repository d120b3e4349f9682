//! The layout of MMedC's authors: windows of 2048 tokens, each in a NumPy file of its own.
//!
//! As their `prepare_tokenized_dataset.py` does it: a document with its end token that is shorter than a window is filled up with padding
//! (on which their labels, which equal the inputs, then train); a longer one is cut every 1536 tokens, and its last window is flush with its
//! end, so that it overlaps the one before by more than a quarter. A file is an array of int64, as `numpy.save` writes it. They name a file after the
//! document's file and the window's number; here 12 digits of the document's id come between, because names repeat in other folders.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Vocabulary;
use super::pack::open_input;
use crate::{Counts, Error, Result};

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Tokens of a window.
    pub window: usize,
    /// From the beginning of one to that of the next.
    pub stride: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            window: 2048,
            stride: 1536,
        }
    }
}

/// Cuts a document.
pub fn windows(tokens: &[u32], options: Options, padding: u32) -> Vec<Vec<u32>> {
    let Options { window, stride } = options;
    if tokens.len() < window {
        let mut only = tokens.to_vec();
        only.resize(window, padding);
        return vec![only];
    }
    let last = tokens.len() - window;
    let starts = (0..last).step_by(stride).chain([last]);
    starts.map(|start| tokens[start..start + window].to_vec()).collect()
}

/// A one-dimensional array of int64 in NumPy's format 1.0.
pub fn npy(values: &[u32]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({},), }}", values.len());
    // Magic, version, length and header together are a multiple of 64 bytes, the last of them a line's end.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', length - 1 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(length as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| i64::from(*value).to_le_bytes()));
    bytes
}

/// A folder that gets its name when it is whole.
struct Partial {
    path: PathBuf,
    done: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Writes all documents of `inputs` into the new folder `folder`. `progress` hears the tokens done.
/// Errors: a folder that is there already; shards of another vocabulary.
pub fn write(inputs: &[PathBuf], vocabulary: &Vocabulary, options: Options, folder: &Path, progress: &dyn Fn(u64)) -> Result<Counts> {
    if options.window == 0 || options.stride == 0 || options.stride > options.window {
        return Err(Error::Refused(
            "windows: the stride must be at least 1 and at most the window".to_owned(),
        ));
    }
    if folder.exists() {
        return Err(Error::Refused(format!(
            "{}: is there already; remove it, or name another folder",
            folder.display()
        )));
    }
    let Some(name) = folder.file_name() else {
        return Err(Error::Refused(format!("{}: is no name for a folder", folder.display())));
    };
    let mut partial = Partial {
        path: folder.with_file_name(format!(".{}.{}.partial", name.to_string_lossy(), std::process::id())),
        done: false,
    };
    std::fs::create_dir_all(&partial.path).map_err(|error| Error::io(&partial.path, error))?;
    let mut counts = Counts::default();
    for path in inputs {
        let shard = open_input(path, vocabulary)?;
        for (document, metadata) in (0..).zip(shard.metadata()?) {
            let metadata = metadata?;
            let tokens = shard.document(document);
            counts.add("documents", 1);
            counts.add("padding", options.window.saturating_sub(tokens.len()) as u64);
            let stem = stem(&metadata.file);
            let id = format!("{:032x}", u128::from_be_bytes(shard.id(document)));
            for (number, window) in windows(&tokens, options, vocabulary.padding).into_iter().enumerate() {
                let path = partial.path.join(format!("{stem}-{}_{number}.npy", &id[..12]));
                let mut file = std::fs::File::create_new(&path).map_err(|error| Error::io(&path, error))?;
                file.write_all(&npy(&window)).map_err(|error| Error::io(&path, error))?;
                counts.add("windows", 1);
            }
            progress(metadata.tokens);
        }
    }
    std::fs::rename(&partial.path, folder).map_err(|error| Error::io(folder, error))?;
    partial.done = true;
    Ok(counts)
}

/// The file's name up to its first dot, as the authors take it, not longer than file systems allow.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    &stem[..stem.floor_char_boundary(150)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(stem("fr/livre.ocr.txt"), "livre");
        assert_eq!(stem("a"), "a");
        assert_eq!(stem(&"結".repeat(100)).len(), 150);
    }
}

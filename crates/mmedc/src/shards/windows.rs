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
use super::manifest::{Input, check_same};
use super::pack::open_input;
use crate::write::write_file;
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

/// What a folder of windows was made with and of. It lies beside the folder, for the authors' programs take every file in it for a window.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    vocabulary: Vocabulary,
    options: Options,
    input: Input,
    counts: Counts,
}

/// Writes all documents of `inputs` into the new folder `folder`, and beside it `FOLDER.windows.json`, which says of what. `progress` hears the
/// tokens done. A folder that is there already, made with these settings and of this input, is left as it is.
/// Errors: a folder of anything else (the difference is named); shards of another vocabulary.
pub fn write(inputs: &[PathBuf], vocabulary: &Vocabulary, options: Options, folder: &Path, progress: &dyn Fn(u64)) -> Result<Counts> {
    if options.window == 0 || options.stride == 0 || options.stride > options.window {
        return Err(Error::Refused(
            "windows: the stride must be at least 1 and at most the window".to_owned(),
        ));
    }
    let Some(name) = folder.file_name().map(|name| name.to_string_lossy()) else {
        return Err(Error::Refused(format!("{}: is no name for a folder", folder.display())));
    };
    let record = folder.with_file_name(format!("{name}.windows.json"));
    let input = Input::of(inputs, vocabulary)?;
    if folder.exists() {
        let Ok(json) = std::fs::read(&record) else {
            return Err(Error::Refused(format!(
                "{}: is there already, and no {} says what it was made of; remove it, or name another folder",
                folder.display(),
                record.display()
            )));
        };
        let old: Record = serde_json::from_slice(&json).map_err(|error| Error::format(&record, error.to_string()))?;
        old.vocabulary.check_same(vocabulary, folder)?;
        check_same(folder, (&old.options, &old.input), (&options, &input))?;
        progress(input.tokens);
        return Ok(old.counts);
    }
    let mut partial = Partial {
        path: folder.with_file_name(format!(".{name}.{}.partial", std::process::id())),
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
    let json = Record {
        vocabulary: vocabulary.clone(),
        options,
        input,
        counts,
    };
    // Before the folder has its name, so that one that has it is known.
    write_file(&record, &serde_json::to_vec_pretty(&json).expect("plain data"))?;
    std::fs::rename(&partial.path, folder).map_err(|error| Error::io(folder, error))?;
    partial.done = true;
    Ok(json.counts)
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

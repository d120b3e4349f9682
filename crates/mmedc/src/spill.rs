//! Bytes that are gathered for later, in bounded memory: beyond a few hundred kilobytes they lie in a file without a name, which is gone
//! with its last user, however that ends.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// What is held.
const HELD: usize = 256 << 10;

/// The bytes, in order.
pub struct Spill {
    /// Whose bytes these will be: the file lies in its folder, and messages name it.
    target: PathBuf,
    held: Vec<u8>,
    file: Option<File>,
}

impl Spill {
    /// For a file that is being written.
    pub fn for_file(target: &Path) -> Spill {
        Spill {
            target: target.to_owned(),
            held: Vec::new(),
            file: None,
        }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.held.extend_from_slice(bytes);
        if self.held.len() < HELD {
            return Ok(());
        }
        let problem = |error| Error::io(&self.target, error);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(nameless(&self.target)?),
        };
        file.write_all(&self.held).map_err(problem)?;
        self.held.clear();
        Ok(())
    }

    /// Gives everything to `take`, part by part.
    pub fn drain(self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if let Some(mut file) = self.file {
            let problem = |error| Error::io(&self.target, error);
            file.rewind().map_err(problem)?;
            let mut part = vec![0; HELD];
            loop {
                match file.read(&mut part).map_err(problem)? {
                    0 => break,
                    read => take(&part[..read])?,
                }
            }
        }
        take(&self.held)
    }
}

/// A file in the folder of `target` that no name leads to.
pub fn nameless(target: &Path) -> Result<File> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).map_err(|error| Error::io(target, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_in_order_and_no_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        for parts in [0u32, 3, 100_000] {
            let mut spill = Spill::for_file(&folder.path().join("a.bin"));
            (0..parts).for_each(|part| spill.push(&part.to_le_bytes()).unwrap());
            assert!(spill.held.capacity() <= 2 * HELD);
            assert_eq!(spill.file.is_some(), parts == 100_000);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            let mut all = Vec::new();
            spill
                .drain(|bytes| {
                    all.extend_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
            assert_eq!(all, (0..parts).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        }
    }
}

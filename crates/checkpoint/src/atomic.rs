//! A file that appears under its name only when it is complete.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Written under a temporary name in the same folder; [`AtomicFile::commit`] renames it. Dropped without that, it is removed.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
}

impl AtomicFile {
    /// Starts a new file that will replace `path`.
    pub fn create(path: impl AsRef<Path>) -> Result<AtomicFile> {
        let target = path.as_ref().to_owned();
        let name = target.file_name().ok_or_else(|| Error::Io {
            file: target.display().to_string(),
            problem: "is no file name".to_owned(),
        })?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.partial", std::process::id()));
        let temporary = target.with_file_name(temporary);
        // Readable too, so that a writer can check what it wrote.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .map_err(|error| Error::io(temporary.display(), error))?;
        Ok(AtomicFile {
            target,
            temporary,
            file: Some(file),
        })
    }

    /// Name of the file to be.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// Writes everything to disk and gives the file its name.
    pub fn commit(mut self) -> Result<()> {
        let file = self.file.take().expect("taken only here");
        file.sync_all().map_err(|error| Error::io(self.temporary.display(), error))?;
        drop(file);
        std::fs::rename(&self.temporary, &self.target).map_err(|error| Error::io(self.target.display(), error))
    }

    fn file(&mut self) -> &mut File {
        self.file.as_mut().expect("taken only by commit, which consumes self")
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file().flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file().seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After a commit the temporary name is gone, and this finds nothing.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

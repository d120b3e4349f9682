//! A local file, read at positions. Reads block: natively, futures of this crate are ready at once.

use super::{ByteSource, check_range};
use crate::error::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// An open file.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    name: String,
    file: File,
    len: u64,
}

impl FileSource {
    /// Opens `path` for reading.
    pub fn open(path: impl AsRef<Path>) -> Result<FileSource> {
        let path = path.as_ref().to_owned();
        let name = path.display().to_string();
        let file = File::open(&path).map_err(|error| Error::io(&name, error))?;
        let metadata = file.metadata().map_err(|error| Error::io(&name, error))?;
        if !metadata.is_file() {
            return Err(Error::Io {
                file: name,
                problem: "is not a file".to_owned(),
            });
        }
        Ok(FileSource {
            path,
            name,
            file,
            len: metadata.len(),
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl ByteSource for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check_range(self, offset, buffer.len())?;
        read_exact_at(&self.file, offset, buffer).map_err(|error| Error::io(&self.name, error))
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> std::io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        offset += read as u64;
        buffer = &mut buffer[read..];
    }
    Ok(())
}

//! A file of lines, plain or compressed by its name, which appears under that name only when it is whole.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mmedc::AtomicFile;

/// An unfinished file. Dropped, it leaves nothing.
pub struct Lines {
    path: PathBuf,
    out: Out,
}

enum Out {
    Plain(BufWriter<AtomicFile>),
    Gzip(flate2::write::GzEncoder<BufWriter<AtomicFile>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<AtomicFile>>),
}

impl Lines {
    /// Starts `path`; a name that ends in .gz or .zst is compressed.
    pub fn create(path: &Path) -> Result<Lines> {
        let file = BufWriter::with_capacity(1 << 18, AtomicFile::create(path)?);
        let name = path.to_string_lossy().to_ascii_lowercase();
        let out = if name.ends_with(".gz") {
            Out::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default()))
        } else if name.ends_with(".zst") {
            let mut encoder = zstd::stream::write::Encoder::new(file, 0)?;
            // Damage is then noticed by every reader.
            encoder.include_checksum(true)?;
            Out::Zstd(encoder)
        } else {
            Out::Plain(file)
        };
        Ok(Lines {
            path: path.to_owned(),
            out,
        })
    }

    /// Adds a line.
    pub fn write(&mut self, line: &str) -> Result<()> {
        let out: &mut dyn Write = match &mut self.out {
            Out::Plain(out) => out,
            Out::Gzip(out) => out,
            Out::Zstd(out) => out,
        };
        (out.write_all(line.as_bytes()))
            .and_then(|()| out.write_all(b"\n"))
            .with_context(|| self.path.display().to_string())
    }

    /// Writes everything out. What is left is to give the file its name ([`AtomicFile::commit`]).
    pub fn finish(self) -> Result<AtomicFile> {
        let buffer = match self.out {
            Out::Plain(out) => Ok(out),
            Out::Gzip(out) => out.finish(),
            Out::Zstd(out) => out.finish(),
        };
        buffer
            .and_then(|buffer| buffer.into_inner().map_err(std::io::IntoInnerError::into_error))
            .with_context(|| self.path.display().to_string())
    }
}

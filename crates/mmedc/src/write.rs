//! Files that appear under their name only when they are whole, and the form of a corpus between two steps: one [`Document`] a line, as
//! JSON, compressed with zstd (`*.jsonl.zst`).
//!
//! What must hold: a task that is killed, or a disk that is full, leaves no file that looks finished; the same documents give the same bytes.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Document, Error, Result};

/// zstd's own default: three to four times smaller, at more than 100 MB/s.
const LEVEL: i32 = 3;

/// Written under a temporary name in the same folder; [`AtomicFile::commit`] renames it. Dropped without that, it is removed.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    /// None where the target is a pipe or a device: those are written as they are, for a file in their place would be another thing.
    temporary: Option<PathBuf>,
    file: Option<File>,
}

impl AtomicFile {
    /// Starts a file that will replace `path`; its folder is made where it is missing.
    pub fn create(path: impl AsRef<Path>) -> Result<AtomicFile> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let target = path.as_ref().to_owned();
        let Some(name) = target.file_name() else {
            return Err(Error::Refused(format!("{}: is no file name", target.display())));
        };
        if std::fs::metadata(&target).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
            let file = File::options().write(true).open(&target);
            return Ok(AtomicFile {
                file: Some(file.map_err(|error| Error::io(&target, error))?),
                target,
                temporary: None,
            });
        }
        if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        // Two tasks may run the same work after a lost connection: each has its own temporary name, and the last to finish wins.
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{}.partial", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let temporary = target.with_file_name(temporary);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(|error| Error::io(&temporary, error))?;
        Ok(AtomicFile {
            target,
            temporary: Some(temporary),
            file: Some(file),
        })
    }

    /// The name to be.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// Writes everything to disk and gives the file its name.
    pub fn commit(mut self) -> Result<()> {
        let file = self.file.take().expect("taken only here");
        let Some(temporary) = &self.temporary else { return Ok(()) };
        file.sync_all().map_err(|error| Error::io(&self.target, error))?;
        drop(file);
        std::fs::rename(temporary, &self.target).map_err(|error| Error::io(&self.target, error))
    }

    fn file(&mut self) -> &mut File {
        self.file.as_mut().expect("taken only by commit, which consumes self")
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file().seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After a commit the temporary name is gone, and this finds nothing.
        if let Some(temporary) = &self.temporary {
            let _ = std::fs::remove_file(temporary);
        }
    }
}

/// Writes `bytes` to `path`, whole or not at all.
pub fn write_file(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path.as_ref())?;
    file.write_all(bytes).map_err(|error| Error::io(path, error))?;
    file.commit()
}

/// Lines of JSON into a zstd file.
pub struct JsonLinesWriter<W: Write> {
    name: PathBuf,
    encoder: zstd::Encoder<'static, BufWriter<W>>,
    line: Vec<u8>,
}

impl JsonLinesWriter<AtomicFile> {
    /// Starts `path`, which should end in `.jsonl.zst`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        JsonLinesWriter::new(path.as_ref(), AtomicFile::create(path.as_ref())?)
    }

    /// Ends the file and gives it its name.
    pub fn commit(self) -> Result<()> {
        self.finish()?.commit()
    }
}

impl<W: Write> JsonLinesWriter<W> {
    /// Into any writer; `name` is for messages.
    pub fn new(name: &Path, writer: W) -> Result<Self> {
        let mut encoder = zstd::Encoder::new(BufWriter::with_capacity(1 << 18, writer), LEVEL).map_err(|error| Error::io(name, error))?;
        // Damage is then noticed by every reader.
        encoder.include_checksum(true).map_err(|error| Error::io(name, error))?;
        Ok(JsonLinesWriter {
            name: name.to_owned(),
            encoder,
            line: Vec::new(),
        })
    }

    /// Adds a line.
    pub fn write(&mut self, value: &impl serde::Serialize) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value).map_err(|error| Error::format(&self.name, error.to_string()))?;
        self.line.push(b'\n');
        self.encoder.write_all(&self.line).map_err(|error| Error::io(&self.name, error))
    }

    /// Ends the stream and returns what is below it.
    pub fn finish(self) -> Result<W> {
        let problem = |error: io::Error| Error::io(&self.name, error);
        let buffer = self.encoder.finish().map_err(problem)?;
        buffer.into_inner().map_err(|error| problem(error.into_error()))
    }
}

/// Documents into a `.jsonl.zst` file.
pub struct DocumentWriter<W: Write = AtomicFile> {
    lines: JsonLinesWriter<W>,
    documents: u64,
}

impl DocumentWriter<AtomicFile> {
    /// Starts `path`, which should end in `.jsonl.zst`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Ok(DocumentWriter {
            lines: JsonLinesWriter::create(path)?,
            documents: 0,
        })
    }

    /// Ends the file and gives it its name. Returns the number of documents.
    pub fn commit(self) -> Result<u64> {
        self.lines.commit()?;
        Ok(self.documents)
    }
}

impl<W: Write> DocumentWriter<W> {
    /// Into any writer; `name` is for messages.
    pub fn new(name: &Path, writer: W) -> Result<Self> {
        Ok(DocumentWriter {
            lines: JsonLinesWriter::new(name, writer)?,
            documents: 0,
        })
    }

    /// Adds a document.
    pub fn write(&mut self, document: &Document) -> Result<()> {
        self.documents += 1;
        self.lines.write(document)
    }

    /// Ends the stream and returns what is below it.
    pub fn finish(self) -> Result<W> {
        self.lines.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(position: u64) -> Document {
        Document {
            id: Document::make_id("web", "a.txt", position),
            text: "zwei\nZeilen \u{0} and \"quotes\" 結核".into(),
            language: Some(crate::Language::Ja),
            source: "web".into(),
            license: String::new(),
            file: "a.txt".into(),
            position,
        }
    }

    #[test]
    fn documents_come_back_from_any_zstd_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.jsonl.zst");
        let mut writer = DocumentWriter::create(&path).unwrap();
        assert!(!path.exists(), "no name before the end");
        for position in 0..1000 {
            writer.write(&document(position)).unwrap();
        }
        assert_eq!(writer.commit().unwrap(), 1000);
        let bytes = zstd::decode_all(File::open(&path).unwrap()).unwrap();
        let lines: Vec<Document> = std::str::from_utf8(&bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines, (0..1000).map(document).collect::<Vec<_>>());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_not_finished_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.zst");
        write_file(&path, b"before").unwrap();
        let mut writer = DocumentWriter::create(&path).unwrap();
        writer.write(&document(0)).unwrap();
        drop(writer);
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_or_a_device_stays_what_it_is() {
        use std::os::unix::fs::FileTypeExt;
        write_file("/dev/null", b"nothing").unwrap();
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    /// A disk with room for `left` bytes.
    struct SmallDisk {
        left: usize,
    }

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = bytes.len().min(self.left);
            self.left -= written;
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error_wherever_it_strikes() {
        let name = Path::new("out/a.jsonl.zst");
        let whole = {
            let mut writer = DocumentWriter::new(name, Vec::new()).unwrap();
            (0..20).for_each(|position| writer.write(&document(position)).unwrap());
            writer.finish().unwrap().len()
        };
        for left in 0..whole {
            let mut writer = DocumentWriter::new(name, SmallDisk { left }).unwrap();
            let written = (0..20).try_for_each(|position| writer.write(&document(position)));
            let error = written.and_then(|()| writer.finish().map(drop)).unwrap_err().to_string();
            assert!(error.starts_with("out/a.jsonl.zst: "), "{error}");
        }
        let mut writer = DocumentWriter::new(name, SmallDisk { left: whole }).unwrap();
        (0..20).for_each(|position| writer.write(&document(position)).unwrap());
        writer.finish().unwrap();
    }
}

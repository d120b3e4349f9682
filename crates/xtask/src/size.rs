//! What the files of a folder weigh, as they lie there and as they travel.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

/// One file. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the folder that was weighed, with `/`.
    pub path: String,
    pub bytes: u64,
    pub gzip: u64,
}

/// Weighs every file under `folder`, in the order of their paths.
pub fn weigh(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    walk(folder, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
            files.push(File {
                path,
                bytes: bytes.len() as u64,
                gzip: gzip_size(&bytes)?,
            });
        }
    }
    Ok(())
}

fn gzip_size(bytes: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Count(0), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.0)
}

/// Counts what is written and keeps nothing.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The files with their sizes, and the sums.
pub fn table(files: &[File]) -> String {
    let sum = File {
        path: format!("{} files", files.len()),
        bytes: files.iter().map(|file| file.bytes).sum(),
        gzip: files.iter().map(|file| file.gzip).sum(),
    };
    let mut table = format!("{:>12} {:>12}  file\n", "bytes", "gzip");
    for file in files.iter().chain([&sum]) {
        table.push_str(&format!("{:>12} {:>12}  {}\n", file.bytes, file.gzip, file.path));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_weighed_in_order_and_summed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("models")).unwrap();
        fs::write(dir.path().join("models/a.json"), "0".repeat(5000)).unwrap();
        fs::write(dir.path().join("b.js"), "").unwrap();
        let files = weigh(dir.path()).unwrap();
        assert_eq!(files[0].path, "b.js");
        assert_eq!((files[1].path.as_str(), files[1].bytes), ("models/a.json", 5000));
        assert!(files[1].gzip < 100);
        let table = table(&files);
        assert!(table.contains("5000") && table.ends_with("2 files\n"), "{table}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = weigh(Path::new("/no/such/site")).unwrap_err();
        assert!(error.to_string().contains("/no/such/site"));
    }
}

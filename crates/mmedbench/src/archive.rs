//! Questions out of a zip archive (`MMedBench.zip`, or one that a student made).
//!
//! What must hold: sizes that the archive states are never believed. Entries are inflated piece by piece, at most as far as [`Limits`]
//! allows, whatever their headers say; names are only names, nothing is written anywhere.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::ReadReport;
use crate::reader::is_question_file;

/// How far an archive is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries in the archive, whatever they are.
    pub entries: usize,
    /// Bytes of all question files together, inflated. The released MMedBench is far below the default of 256 MiB.
    pub total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            entries: 10_000,
            total_bytes: 256 << 20,
        }
    }
}

/// Why an archive was not read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{file}: not a readable zip archive ({reason})")]
    NotAnArchive { file: String, reason: String },
    #[error("{file}: the archive has {entries} entries, more than {limit}")]
    TooManyEntries { file: String, entries: usize, limit: usize },
    #[error("{file}: its question files hold more than {limit} bytes")]
    TooLarge { file: String, limit: u64 },
    #[error("{file}: {entry} cannot be read ({reason}); unpack the archive and open the folder")]
    BadEntry { file: String, entry: String, reason: String },
    #[error("{file}: the archive holds no .jsonl file")]
    NoQuestions { file: String },
}

/// Reads every question file of the archive `bytes`; `file` names the archive in errors.
pub fn read_zip(file: &str, bytes: &[u8], limits: Limits) -> Result<ReadReport, ArchiveError> {
    let not_an_archive = |e: zip::result::ZipError| ArchiveError::NotAnArchive {
        file: file.into(),
        reason: e.to_string(),
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(not_an_archive)?;
    if archive.len() > limits.entries {
        return Err(ArchiveError::TooManyEntries {
            file: file.into(),
            entries: archive.len(),
            limit: limits.entries,
        });
    }
    let mut report = ReadReport::default();
    let mut left = limits.total_bytes;
    for index in 0..archive.len() {
        let bad = |entry: &str, reason: String| ArchiveError::BadEntry {
            file: file.into(),
            entry: entry.into(),
            reason,
        };
        let mut entry = archive
            .by_index(index)
            .map_err(|e| bad(&format!("entry {}", index + 1), e.to_string()))?;
        if entry.is_dir() {
            continue;
        }
        let name = entry
            .name()
            .map_err(|e| bad(&format!("the name of entry {}", index + 1), e.to_string()))?
            .to_string();
        if !is_question_file(&name) {
            report.skipped.push(name);
            continue;
        }
        let mut content = Vec::new();
        (&mut entry)
            .take(left + 1)
            .read_to_end(&mut content)
            .map_err(|e| bad(&name, e.to_string()))?;
        let size = content.len() as u64;
        if size > left {
            return Err(ArchiveError::TooLarge {
                file: file.into(),
                limit: limits.total_bytes,
            });
        }
        left -= size;
        report.read_file(&name, &content);
    }
    if report.files.is_empty() {
        return Err(ArchiveError::NoQuestions { file: file.into() });
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use zip::write::{SimpleFileOptions, ZipWriter};

    const LINE: &str = r#"{"question":"Q","options":{"A":"1","B":"2"},"answer_idx":"A"}"#;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            out.start_file(
                *name,
                SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated),
            )
            .unwrap();
            out.write_all(bytes).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    #[test]
    fn reads_question_files_and_skips_the_rest() {
        let two = format!("{LINE}\n{LINE}\n");
        let bytes = archive(&[("MMedBench/Test/French.jsonl", two.as_bytes()), ("MMedBench/README.md", b"hello")]);
        let report = read_zip("m.zip", &bytes, Limits::default()).unwrap();
        assert_eq!(report.questions.len(), 2);
        assert_eq!(report.questions[1].id, "MMedBench/Test/French:2");
        assert_eq!(report.skipped, vec!["MMedBench/README.md"]);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bytes = archive(&[("Test/French.jsonl", &vec![b' '; 4 << 20])]);
        assert!(bytes.len() < 64 << 10);
        let limits = Limits {
            total_bytes: 1 << 20,
            ..Limits::default()
        };
        assert!(matches!(read_zip("b.zip", &bytes, limits), Err(ArchiveError::TooLarge { .. })));
        let limits = Limits {
            entries: 0,
            ..Limits::default()
        };
        assert!(matches!(
            read_zip("b.zip", &bytes, limits),
            Err(ArchiveError::TooManyEntries { .. })
        ));
    }

    #[test]
    fn a_lying_size_does_not_allocate_and_damage_is_named() {
        let mut bytes = archive(&[("Test/French.jsonl", LINE.as_bytes())]);
        // The uncompressed size stands at byte 22 of the local header and byte 24 of the central one.
        let central = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        bytes[central + 24..central + 28].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
        bytes[22..26].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
        match read_zip("l.zip", &bytes, Limits::default()) {
            Ok(report) => assert_eq!(report.questions.len(), 1),
            Err(e) => assert!(e.to_string().starts_with("l.zip"), "{e}"),
        }
        assert!(matches!(
            read_zip("n.zip", b"not a zip", Limits::default()),
            Err(ArchiveError::NotAnArchive { .. })
        ));
        assert!(matches!(
            read_zip("e.zip", &archive(&[("a.txt", b"x")]), Limits::default()),
            Err(ArchiveError::NoQuestions { .. })
        ));
    }
}

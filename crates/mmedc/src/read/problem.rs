//! What can be wrong with an input, by file, place and field.

use std::fmt;
use std::io;

/// Where: a file, and the line, row, page or entry in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    /// What is counted, and its number for people, from 1.
    pub part: Option<(&'static str, u64)>,
}

impl Place {
    pub fn file(file: &str) -> Place {
        Place {
            file: file.into(),
            part: None,
        }
    }

    /// `position` counts from 0, as documents do.
    pub fn part(file: &str, unit: &'static str, position: u64) -> Place {
        Place {
            file: file.into(),
            part: Some((unit, position.saturating_add(1))),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match self.part {
            Some((unit, number)) => write!(f, ", {unit} {number}"),
            None => Ok(()),
        }
    }
}

/// A document or a file that could not be read. The next documents of the file are still read where that is possible.
#[derive(Debug, thiserror::Error)]
pub enum ReadProblem {
    #[error("{place}: {source}")]
    Io { place: Place, source: io::Error },
    #[error("{place}: longer than {limit} bytes; raise the limit for documents, or split it")]
    TooLarge { place: Place, limit: u64 },
    #[error("{place}: byte {byte} is not UTF-8; convert the file, or let broken characters be replaced")]
    NotUtf8 { place: Place, byte: u64 },
    #[error("{place}: not the JSON that is expected ({reason})")]
    Json { place: Place, reason: String },
    #[error("{place}: written by an earlier step, and damaged ({reason}); make the file again")]
    DamagedStep { place: Place, reason: String },
    #[error(
        "{place}: breaks off before its first line ends ({source}); an earlier step may have written it, so nothing goes on without it: make it again, or leave it out"
    )]
    BrokenStart { place: Place, source: io::Error },
    #[error(
        "{place}: a document of the source {found:?}, not {declared:?}; an earlier step made its id of that, so declare no other source"
    )]
    OtherSource { place: Place, found: String, declared: String },
    #[error("{place}: no field {field:?}")]
    MissingField { place: Place, field: String },
    #[error("{place}: no column {column:?}; the columns are {columns}")]
    MissingColumn { place: Place, column: String, columns: String },
    #[error("{place}: column {column:?} holds {found}, not text")]
    NotText { place: Place, column: String, found: String },
    #[error("{place}: not a readable {format} file ({reason})")]
    Damaged {
        place: Place,
        format: &'static str,
        reason: String,
    },
    #[error("{place}: its name leaves the archive's folder; it is not read")]
    UnsafeName { place: Place },
    #[error("{place}: an image-only PDF, and no text recognition: {reason}")]
    ImageOnly { place: Place, reason: String },
    #[error("{place}: is not a format that is read: .txt, .zip, .jsonl(.gz|.zst), .parquet, .json (textbooks), .pdf")]
    UnknownFormat { place: Place },
    #[error("{place}: no file of a format that is read (.txt, .zip, .jsonl(.gz|.zst), .parquet, .json, .pdf) is in this folder")]
    NothingToRead { place: Place },
}

impl ReadProblem {
    /// Short fixed name, which reports count by.
    pub fn name(&self) -> &'static str {
        match self {
            ReadProblem::Io { .. } => "io",
            ReadProblem::TooLarge { .. } => "too_large",
            ReadProblem::NotUtf8 { .. } => "not_utf8",
            ReadProblem::Json { .. } => "json",
            ReadProblem::DamagedStep { .. } => "damaged_step",
            ReadProblem::BrokenStart { .. } => "broken_start",
            ReadProblem::OtherSource { .. } => "other_source",
            ReadProblem::MissingField { .. } => "missing_field",
            ReadProblem::MissingColumn { .. } => "missing_column",
            ReadProblem::NotText { .. } => "not_text",
            ReadProblem::Damaged { .. } => "damaged",
            ReadProblem::UnsafeName { .. } => "unsafe_name",
            ReadProblem::ImageOnly { .. } => "image_only",
            ReadProblem::UnknownFormat { .. } => "unknown_format",
            ReadProblem::NothingToRead { .. } => "nothing_to_read",
        }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        match self {
            ReadProblem::Io { place, .. }
            | ReadProblem::TooLarge { place, .. }
            | ReadProblem::NotUtf8 { place, .. }
            | ReadProblem::Json { place, .. }
            | ReadProblem::DamagedStep { place, .. }
            | ReadProblem::BrokenStart { place, .. }
            | ReadProblem::OtherSource { place, .. }
            | ReadProblem::MissingField { place, .. }
            | ReadProblem::MissingColumn { place, .. }
            | ReadProblem::NotText { place, .. }
            | ReadProblem::Damaged { place, .. }
            | ReadProblem::UnsafeName { place }
            | ReadProblem::ImageOnly { place, .. }
            | ReadProblem::UnknownFormat { place }
            | ReadProblem::NothingToRead { place } => place,
        }
    }

    /// Whether a whole input is refused for it: a wrong path or a file of a wrong shape, where going on would quietly read nothing, or an
    /// earlier step's file that is damaged.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            ReadProblem::DamagedStep { .. }
                | ReadProblem::BrokenStart { .. }
                | ReadProblem::OtherSource { .. }
                | ReadProblem::MissingColumn { .. }
                | ReadProblem::NotText { .. }
                | ReadProblem::UnknownFormat { .. }
                | ReadProblem::NothingToRead { .. }
        )
    }
}

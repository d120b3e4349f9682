//! What can go wrong with files of a corpus. Every error names the file, and the place in it where there is one.

use std::path::Path;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused: no such file, no space, no permission.
    #[error("{file}: {problem}")]
    Io {
        /// Path as given.
        file: String,
        /// What was attempted, and what the system said.
        problem: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The file is there, but it is not what it should be.
    #[error("{file}: {problem}")]
    Format {
        /// Path as given, with `, line 3` or the like behind it.
        file: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// What was asked for cannot be done, or not with what is already there.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// From the system's error.
    pub fn io(file: impl AsRef<Path>, source: std::io::Error) -> Error {
        Error::Io {
            file: file.as_ref().display().to_string(),
            problem: source.to_string(),
            source,
        }
    }

    /// About the content of a file.
    pub fn format(file: impl AsRef<Path>, problem: impl Into<String>) -> Error {
        Error::Format {
            file: file.as_ref().display().to_string(),
            problem: problem.into(),
        }
    }

    /// About the content of a file at a line, from 1.
    pub fn line(file: impl AsRef<Path>, line: u64, problem: impl Into<String>) -> Error {
        Error::Format {
            file: format!("{}, line {line}", file.as_ref().display()),
            problem: problem.into(),
        }
    }
}

//! What can go wrong with a file of weights, in words for the person who chose the file.

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is of another kind.
    #[error("{file} is no {expected} file: {problem}")]
    WrongFormat {
        file: String,
        expected: &'static str,
        problem: String,
    },
    /// The file is of the right kind, but a field of it makes no sense.
    #[error("{file}: {field}: {problem}")]
    Malformed { file: String, field: String, problem: String },
    /// The file ends before it should.
    #[error("{file} is cut short: {field} needs {needed} bytes from byte {offset}, but the file has {len} in all; fetch it again")]
    Truncated {
        file: String,
        field: String,
        offset: u64,
        needed: u64,
        len: u64,
    },
    /// A tensor of the file makes no sense.
    #[error("{file}: tensor `{name}`: {problem}")]
    Tensor { file: String, name: String, problem: String },
    /// Valid, but not something this program can use.
    #[error("{file}: {what} `{value}` is not supported; supported: {supported}")]
    Unsupported {
        file: String,
        what: String,
        value: String,
        supported: String,
    },
    /// Values that a format cannot hold, or the wrong number of them.
    #[error("{0}")]
    Values(String),
    /// The operating system or the browser refused.
    #[error("{file}: {problem}")]
    Io { file: String, problem: String },
    /// The address answers, but there is no file (any more).
    #[error("{url}: there is no file at this address (HTTP status {status}); check the address, or choose another model")]
    Gone { url: String, status: u16 },
    /// The server answered with another status that is no success.
    #[error("{url}: the server answered with HTTP status {status}{hint}")]
    Status { url: String, status: u16, hint: &'static str },
    /// The request did not get through: no network, a wrong host, or a server that forbids other sites to read its files.
    #[error(
        "{url}: the file could not be fetched ({problem}). Either there is no connection, or the server does not allow other sites \
         to read its files (CORS); then download the file and choose it from disk"
    )]
    Unreachable { url: String, problem: String },
    /// The server sends the whole file whatever range is asked for.
    #[error("{url}: the server cannot send parts of a file (it ignores ranges); download the file and choose it from disk")]
    NoRanges { url: String },
    /// The file is not the one that was there before.
    #[error("{url}: the file changed while it was read ({problem}); start again")]
    Changed { url: String, problem: String },
    /// What arrived is not what was promised.
    #[error("{file}: {what} has SHA-256 {actual}, but {expected} was expected: the file is damaged or is another one")]
    Hash {
        file: String,
        what: String,
        expected: String,
        actual: String,
    },
    /// A part of a stored file was damaged, and there is nowhere to fetch it from again.
    #[error(
        "{file}: bytes {start} to {end} are damaged on disk and could not be fetched again ({problem}); delete the model and load it again"
    )]
    Damaged {
        file: String,
        start: u64,
        end: u64,
        problem: String,
    },
    /// No room.
    #[error(
        "there is no room to store {file} ({problem}); delete a stored model or free disk space, then go on: what is stored already is kept"
    )]
    Quota { file: String, problem: String },
    /// Another tab or process has the file open.
    #[error("{file} is in use by another tab or window; close it there first")]
    InUse { file: String },
    /// The store has no such model, or only a part of it.
    #[error("{file} is not in the store{hint}")]
    NotStored { file: String, hint: &'static str },
    /// The caller asked to stop. What was stored stays.
    #[error("stopped")]
    Cancelled,
}

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failed call of the operating system.
    pub(crate) fn io(file: impl std::fmt::Display, error: std::io::Error) -> Error {
        Error::Io {
            file: file.to_string(),
            problem: error.to_string(),
        }
    }

    /// As the error of a decoder's [`decoder::TensorSource`].
    pub(crate) fn reading(self, name: &str) -> decoder::Error {
        match self {
            Error::Cancelled => decoder::Error::Cancelled,
            other => decoder::Error::Read {
                name: name.to_owned(),
                problem: other.to_string(),
            },
        }
    }
}

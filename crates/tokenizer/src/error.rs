//! What can go wrong with a tokenizer or a template, in words that name the field or token at fault.

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    /// A field of GGUF metadata is missing or makes no sense.
    #[error("tokenizer metadata: {key}: {problem}")]
    Metadata { key: String, problem: String },
    /// A tokenizer file is not what it should be.
    #[error("{file}: {problem}")]
    File { file: &'static str, problem: String },
    /// The tokenizer is of a kind that this code does not know.
    #[error("{what} `{value}` is not supported; supported: {supported}")]
    Unsupported {
        what: &'static str,
        value: String,
        supported: String,
    },
    /// A token id that the vocabulary does not have.
    #[error("token id {id} is outside the vocabulary of {size} tokens")]
    UnknownId { id: u32, size: usize },
    /// Text that could not be encoded.
    #[error("encoding text: {0}")]
    Encode(String),
    /// A chat template that cannot be read or refuses these messages.
    #[error("chat template: {0}")]
    Template(String),
    /// The tokenizer has no such form.
    #[error("this tokenizer cannot be written as {form}: {problem}")]
    NoSuchForm { form: &'static str, problem: String },
    /// A vocabulary could not be trained.
    #[error("training a vocabulary: {0}")]
    Train(String),
}

impl Error {
    pub(crate) fn metadata(key: &str, problem: impl Into<String>) -> Error {
        Error::Metadata {
            key: key.to_owned(),
            problem: problem.into(),
        }
    }

    pub(crate) fn file(file: &'static str, problem: impl ToString) -> Error {
        Error::File {
            file,
            problem: problem.to_string(),
        }
    }
}

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

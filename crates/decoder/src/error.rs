//! What can go wrong in the model, in words that name the tensor, field or limit at fault.

/// Errors of this crate and of every backend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configuration field is missing or makes no sense.
    #[error("model configuration: {field}: {problem}")]
    Config { field: String, problem: String },
    /// The model is of a kind that this code does not know.
    #[error("{what} `{value}` is not supported; supported: {supported}")]
    Unsupported {
        what: &'static str,
        value: String,
        supported: String,
    },
    /// A tensor is missing or has the wrong shape or type.
    #[error("tensor `{name}`: {problem}")]
    Tensor { name: String, problem: String },
    /// Bytes of a tensor could not be read.
    #[error("reading tensor `{name}`: {problem}")]
    Read { name: String, problem: String },
    /// A call's arguments do not fit the model.
    #[error("{0}")]
    Input(String),
    /// The text needs more room than the context has.
    #[error("the text needs {needed} tokens, but the context holds {available}; shorten it or load the model with a longer context")]
    ContextFull { needed: usize, available: usize },
    /// The device has no memory left.
    #[error("out of memory on {device}: {problem}; try a smaller model or a shorter context")]
    OutOfMemory { device: String, problem: String },
    /// The device went away (driver reset, sleep, tab in the background).
    #[error("the device {device} was lost: {problem}; load the model again")]
    DeviceLost { device: String, problem: String },
    /// The caller asked to stop.
    #[error("stopped")]
    Cancelled,
    /// Anything else a backend reports.
    #[error("{step} on {device}: {problem}")]
    Backend {
        device: String,
        step: &'static str,
        problem: String,
    },
}

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

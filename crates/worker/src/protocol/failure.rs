//! What went wrong, for programs and for people.

use serde::{Deserialize, Serialize};

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: what, where, and what to do.
    pub message: String,
    /// Whether the engine can go on as it is. False: load again (lost device) or start a new worker (internal).
    pub recoverable: bool,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// An error after which the engine goes on, where its kind allows.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
            recoverable: !matches!(kind, ErrorKind::DeviceLost | ErrorKind::Internal),
        }
    }
}

/// Kinds of errors. Snake case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A request makes no sense: wrong fields, empty lists, both prompt and messages.
    BadRequest,
    /// No model is loaded.
    NotLoaded,
    /// The file is no GGUF, is cut short, or lies about itself.
    BadFile,
    /// The file's architecture, tokenizer or weight type is not supported.
    Unsupported,
    /// The file is not what it should be: hash.
    Corrupt,
    /// The address cannot be reached, or not from this page (CORS).
    Network,
    /// The address or the stored model does not exist.
    NotFound,
    /// The server does not answer requests for parts of a file.
    NoRanges,
    /// The browser's storage is full.
    Quota,
    /// Another tab uses the stored model.
    Busy,
    /// There is no WebGPU adapter.
    NoAdapter,
    /// The GPU computes wrong numbers.
    SelfTest,
    /// Device or WebAssembly memory is full.
    OutOfMemory,
    /// The device went away; load again.
    DeviceLost,
    /// The text does not fit into the context.
    ContextFull,
    /// The page asked to stop.
    Cancelled,
    /// An error of the program itself.
    Internal,
}

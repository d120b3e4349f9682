//! Errors of the crates below, as failures that a page can act upon. Their messages are kept: they name file, tensor and remedy already.

use crate::protocol::{ErrorKind, Failure};

/// Of the model or a device.
pub fn decoder(error: decoder::Error) -> Failure {
    use decoder::Error::*;
    let kind = match &error {
        Config { .. } | Tensor { .. } | Read { .. } => ErrorKind::BadFile,
        Unsupported { .. } => ErrorKind::Unsupported,
        Input(_) => ErrorKind::BadRequest,
        ContextFull { .. } => ErrorKind::ContextFull,
        OutOfMemory { .. } => ErrorKind::OutOfMemory,
        DeviceLost { .. } => ErrorKind::DeviceLost,
        Cancelled => ErrorKind::Cancelled,
        Backend { .. } => ErrorKind::Internal,
    };
    let mut failure = Failure::new(kind, error.to_string());
    // A kernel that failed is no reason to start another worker.
    failure.recoverable |= kind == ErrorKind::Internal;
    failure
}

/// Of a file or its source.
pub fn checkpoint(error: checkpoint::Error) -> Failure {
    use checkpoint::Error::*;
    let kind = match &error {
        WrongFormat { .. } | Malformed { .. } | Truncated { .. } | Tensor { .. } => ErrorKind::BadFile,
        Unsupported { .. } => ErrorKind::Unsupported,
        Values(_) => ErrorKind::BadRequest,
        Gone { .. } | NotStored { .. } => ErrorKind::NotFound,
        Status { .. } | Unreachable { .. } | Io { .. } => ErrorKind::Network,
        NoRanges { .. } => ErrorKind::NoRanges,
        Changed { .. } | Hash { .. } | Damaged { .. } => ErrorKind::Corrupt,
        Quota { .. } => ErrorKind::Quota,
        InUse { .. } => ErrorKind::Busy,
        Cancelled => ErrorKind::Cancelled,
    };
    Failure::new(kind, error.to_string())
}

/// Of the vocabulary or a template.
pub fn tokenizer(error: tokenizer::Error) -> Failure {
    use tokenizer::Error::*;
    let kind = match &error {
        Metadata { .. } | File { .. } => ErrorKind::BadFile,
        Unsupported { .. } => ErrorKind::Unsupported,
        UnknownId { .. } | Encode(_) | Template(_) | NoSuchForm { .. } | Train(_) => ErrorKind::BadRequest,
    };
    Failure::new(kind, error.to_string())
}

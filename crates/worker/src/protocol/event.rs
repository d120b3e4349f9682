//! What happens to a request until it is over.

use serde::{Deserialize, Serialize};

use super::{Failure, Reply};

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(clippy::large_enum_variant)] // one exists at a time
pub enum Event {
    /// The worker has started.
    Started {
        /// [`super::VERSION`].
        version: u32,
    },
    /// A load goes on.
    Progress(Progress),
    /// Text was written. Pieces end at whole characters; together they are the reply's text.
    Token {
        /// The newest token.
        token: u32,
        /// What can be shown because of it; maybe empty.
        text: String,
    },
    /// The last event of a request that went well.
    Done {
        /// Its result.
        reply: Reply,
    },
    /// The last event of a request that did not.
    Failed {
        /// Why.
        error: Failure,
    },
}

/// How far a load is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is done now.
    pub stage: Stage,
    /// Bytes so far (of the file or of its weights), or 0.
    pub loaded: u64,
    /// Bytes in all, or 0.
    pub total: u64,
}

/// Parts of a load, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The file's header is read.
    Header,
    /// The file is fetched and stored (bytes of the file, also what an earlier load had fetched), or read from disk for its hash.
    Download,
    /// A device is chosen and proves itself.
    Device,
    /// Weights go to the device.
    Weights,
    /// The loaded model proves itself.
    SelfTest,
}

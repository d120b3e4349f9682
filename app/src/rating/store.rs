//! Ratings as they are stored: a rater's record, and what its study was made from.

use mmedbench::rating::{Ratings, RatingsHeader};
use serde::{Deserialize, Serialize};

use crate::storage::StorageError;
use crate::storage::idb::{self, Store};

/// What a study is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// [`crate::library::Choice::key`].
    pub choice: String,
    /// Whether the data's own rationales are a source.
    pub stored: bool,
    /// Runs of this browser, by their ids.
    pub runs: Vec<String>,
    pub seed: u64,
    pub most: Option<usize>,
}

/// One rater's ratings of one study.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Of study and rater: a rater has one record of a study.
    pub id: String,
    /// None for a record from elsewhere.
    pub setup: Option<Setup>,
    pub ratings: Ratings,
}

impl Stored {
    /// Nothing judged yet.
    pub fn new(header: RatingsHeader, setup: Option<Setup>) -> Stored {
        Stored {
            setup,
            ..Stored::of(Ratings {
                header,
                questions: Vec::new(),
            })
        }
    }

    /// A record from elsewhere.
    pub fn of(ratings: Ratings) -> Stored {
        let rater = mmedbench::sha256_hex(ratings.header.rater.as_bytes());
        let study = &ratings.header.study;
        Stored {
            id: format!("{}-{}", study.get(..12).unwrap_or(study), &rater[..8]),
            setup: None,
            ratings,
        }
    }
}

/// As it lies in the database.
#[derive(Serialize, Deserialize)]
struct Kept {
    setup: Option<Setup>,
    record: String,
}

/// All that are stored. What cannot be read (of another version) is passed over.
pub async fn all() -> Result<Vec<Stored>, StorageError> {
    let kept = idb::all(Store::Ratings).await?;
    let read = |text: &String| {
        let kept: Kept = serde_json::from_str(text).ok()?;
        Some(Stored {
            setup: kept.setup,
            ..Stored::of(Ratings::from_jsonl(&kept.record).ok()?)
        })
    };
    Ok(kept.iter().filter_map(read).collect())
}

pub async fn put(stored: &Stored) -> Result<(), StorageError> {
    let kept = Kept {
        setup: stored.setup.clone(),
        record: stored.ratings.to_jsonl(),
    };
    let text = serde_json::to_string(&kept).map_err(|e| StorageError(e.to_string()))?;
    idb::put(Store::Ratings, &stored.id, &text).await
}

pub async fn delete(id: &str) -> Result<(), StorageError> {
    idb::delete(&[Store::Ratings], id).await
}

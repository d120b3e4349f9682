//! What the store needs of a file system.

use crate::error::Result;

/// Folders of files. One level: a folder for each model.
#[allow(async_fn_in_trait)] // stores live on one thread
pub trait Files {
    /// An open file.
    type File: StoredFile;
    /// Given back when dropped.
    type Lock;

    /// Names of all folders.
    async fn folders(&self) -> Result<Vec<String>>;

    /// The content of a small file; `None` where there is none.
    async fn read_small(&self, folder: &str, file: &str) -> Result<Option<Vec<u8>>>;

    /// Opens a file for reading and writing, alone; creates it and its folder. [`crate::Error::InUse`] where somebody has it open; `model`
    /// is the name for messages.
    async fn open(&self, folder: &str, file: &str, model: &str) -> Result<Self::File>;

    /// Opens a file for reading, beside other readers; `None` where there is none.
    async fn open_shared(&self, folder: &str, file: &str, model: &str) -> Result<Option<Self::File>>;

    /// Removes a folder and what is in it.
    async fn remove(&self, folder: &str, model: &str) -> Result<()>;

    /// Takes the right to change a folder, or [`crate::Error::InUse`] at once.
    async fn lock(&self, folder: &str, model: &str) -> Result<Self::Lock>;

    /// Bytes that may still be stored, where that is known.
    async fn room(&self) -> Option<u64>;
}

/// An open file. Closed when dropped.
#[allow(async_fn_in_trait)]
#[allow(clippy::len_without_is_empty)]
pub trait StoredFile {
    /// Bytes of the file.
    async fn len(&self) -> Result<u64>;

    /// Fills `buffer` from `offset`.
    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// Writes `bytes` at `offset`. [`crate::Error::Quota`] where there is no room.
    async fn write(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Cuts the file off.
    async fn truncate(&self, len: u64) -> Result<()>;

    /// Makes what was written survive the end of the program.
    async fn flush(&self) -> Result<()>;
}

//! What stays in this browser: quiz runs and a student's own questions (IndexedDB), benchmark records (the private file system), small preferences
//! (localStorage).

pub mod idb;
pub mod lock;
pub mod opfs;
pub mod prefs;
mod problem;

pub use problem::StorageError;

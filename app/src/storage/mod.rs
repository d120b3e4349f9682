//! What stays in this browser: runs and a student's own questions (IndexedDB), small preferences (localStorage).

pub mod idb;
pub mod prefs;

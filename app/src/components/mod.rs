//! What pages are made of, one component per file.

pub mod actions;
pub mod data_panel;
pub mod errors;
pub mod explanation;
pub mod feedback;
pub mod keyboard;
pub mod model_chip;
pub mod model_panel;
pub mod options;
pub mod probabilities;
pub mod progress_line;
pub mod question_view;
pub mod results;
pub mod score_table;
pub mod setup;
pub mod theme;

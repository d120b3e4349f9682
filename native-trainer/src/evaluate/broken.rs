//! Lines of the data that are no questions: a few are shown when a run begins, all stand in a file beside the record.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::data::Found;

/// So many are shown.
const SHOWN: usize = 5;

/// What could not be read, of what is asked and of the examples.
pub struct Broken(Vec<String>);

impl Broken {
    pub fn of(found: &Found) -> Broken {
        let asked = found.asked.errors.iter().map(ToString::to_string);
        let examples = found.training.errors.iter().map(|error| format!("examples: {error}"));
        Broken(asked.chain(examples).collect())
    }

    /// Where all of them are written.
    fn file(record: &Path) -> PathBuf {
        record.with_extension("unreadable.txt")
    }

    /// Shows the first ones and writes all; nothing where there are none.
    pub fn tell(&self, record: &Path) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let file = Broken::file(record);
        fs::write(&file, self.0.join("\n") + "\n").with_context(|| file.display().to_string())?;
        for line in self.0.iter().take(SHOWN) {
            eprintln!("{line}");
        }
        eprintln!(
            "{} lines cannot be read and are in no score; all of them: {}",
            self.0.len(),
            file.display()
        );
        Ok(())
    }
}

//! Inputs in units of work: so many files at a time, in order, each unit one output file; done units are not done again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use mmedc::read::{self, InputFile, ReadOptions};
use mmedc::{Document, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::input::{InputArgs, Inputs};

/// Compressed bytes of a unit, unless a single file has more.
const UNIT_BYTES: u64 = 64 << 20;

/// All units of the inputs.
pub struct Units {
    inputs: Inputs,
    options: ReadOptions,
    /// First file of each unit, then the number of files.
    starts: Vec<usize>,
}

/// What a folder of results was made of, stored with it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Those of the command.
    pub settings: Value,
    /// How inputs were read.
    pub reading: Value,
    /// Path and size of every file.
    pub files: Vec<(String, u64)>,
    /// How many files come out.
    pub units: usize,
}

impl Units {
    /// Lists the inputs.
    pub fn new(args: &InputArgs) -> Result<Units> {
        let inputs = args.files()?;
        let (mut starts, mut bytes) = (vec![0], 0);
        for (number, (_, file)) in inputs.files.iter().enumerate() {
            if bytes > 0 && bytes + file.bytes > UNIT_BYTES {
                starts.push(number);
                bytes = 0;
            }
            bytes += file.bytes;
        }
        starts.push(inputs.files.len());
        Ok(Units {
            inputs,
            options: args.options(),
            starts,
        })
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// A bar over the bytes of all files; hidden where standard error is no terminal.
    pub fn progress(&self) -> ProgressBar {
        self.inputs.progress()
    }

    fn files(&self, unit: usize) -> impl Iterator<Item = &InputFile> {
        self.inputs.files[self.starts[unit]..self.starts[unit + 1]]
            .iter()
            .map(|(_, file)| file)
    }

    /// Compressed bytes of a unit.
    pub fn bytes(&self, unit: usize) -> u64 {
        self.files(unit).map(|file| file.bytes).sum()
    }

    /// What results depend on.
    pub fn settings(&self, settings: Value) -> Result<Settings> {
        Ok(Settings {
            settings,
            reading: serde_json::to_value(&self.options)?,
            files: self
                .inputs
                .files
                .iter()
                .map(|(input, file)| (super::input::shown(input, &file.file), file.bytes))
                .collect(),
            units: self.count(),
        })
    }

    /// The longest document that is read.
    pub fn max_document_bytes(&self) -> u64 {
        self.options.max_document_bytes
    }

    /// Documents of a unit. Those that cannot be read are left out, told, and counted in `problems`; what spoils a whole input is an error.
    pub fn documents<'a>(
        &'a self,
        unit: usize,
        bar: &'a ProgressBar,
        problems: &'a mut u64,
    ) -> impl Iterator<Item = mmedc::Result<Document>> + 'a {
        let read = self.files(unit).flat_map(|file| {
            let (reader, problem) = match read::open(file, &self.options) {
                Ok(reader) => (Some(reader), None),
                Err(problem) => (None, Some(Err(problem))),
            };
            problem.into_iter().chain(reader.into_iter().flatten())
        });
        read.filter_map(move |document| match document {
            Ok(document) => Some(Ok(document)),
            Err(problem) if problem.is_fatal() => Some(Err(Error::Refused(problem.to_string()))),
            Err(problem) => {
                *problems += 1;
                bar.suspend(|| eprintln!("left out: {problem}"));
                None
            }
        })
    }
}

impl Settings {
    /// Writes `name` into `folder`, or compares with the one that is there. Errors: it says something else; the difference is named.
    pub fn claim(&self, folder: &Path, name: &str) -> Result<()> {
        let path = folder.join(name);
        if let Some(old) = Settings::read(&path)? {
            if old == *self {
                return Ok(());
            }
            let mut differences = Vec::new();
            for (what, then, now) in [
                ("settings", old.settings, self.settings.clone()),
                ("reading", old.reading, self.reading.clone()),
            ] {
                if then != now {
                    differences.push(format!("{what} then: {then}\n  {what} now:  {now}"));
                }
            }
            if old.files != self.files {
                let first = old.files.iter().zip(&self.files).find(|(then, now)| then != now);
                differences.push(match first {
                    Some((then, now)) => format!(
                        "input then: {} ({} bytes)\n  input now:  {} ({} bytes)",
                        then.0, then.1, now.0, now.1
                    ),
                    None => format!("{} input files then, {} now", old.files.len(), self.files.len()),
                });
            }
            bail!(
                "{}: made with other settings or of other input; use the same, or another --output\n  {}",
                folder.display(),
                differences.join("\n  ")
            );
        }
        mmedc::write::write_file(&path, &serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// The file, if there is one.
    pub fn read(path: &Path) -> Result<Option<Settings>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }
}

/// `FOLDER/KIND-00000.ENDING` for every unit.
pub fn names(folder: &Path, kind: &str, count: usize, ending: &str) -> Vec<PathBuf> {
    (0..count).map(|unit| folder.join(format!("{kind}-{unit:05}.{ending}"))).collect()
}

/// Runs `work` on `threads` threads; 0 is as many as there are cores.
pub fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(work)
}

//! The cut of the inputs into units of work: consecutive files until a size is reached.
//!
//! What must hold: the cut depends on the list of files alone, and the list of files may not change while the build goes on.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::config::{Input, OcrSetting};
use super::map::get_or_try;
use super::runner::{Build, Marker};
use crate::read::{self, Format, Ocr, Place, ReadOptions, ReadProblem, tree};
use crate::storage::{Entry, Storage, is_remote};
use crate::{Error, Result};

/// Where the plan lies in the output.
const PLAN: &str = "plan.json";

/// All units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub units: Vec<Unit>,
    /// Files of no format that is read.
    pub other: u64,
    /// Files left out by name.
    pub excluded: u64,
    /// What reads books that are only images: [`read::recognition`], or [`NO_RECOGNITION`]; none where no input asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocr: Option<String>,
}

/// On a machine without Tesseract.
pub const NO_RECOGNITION: &str = "no Tesseract";

/// Files that are read together, all of one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Place in the configuration.
    pub input: usize,
    pub bytes: u64,
    /// Path inside the input, and size.
    pub files: Vec<(String, u64)>,
}

impl Build {
    /// The plan, which must have been made.
    pub fn plan(&self) -> Result<&Plan> {
        get_or_try(&self.plan, || {
            let shown = self.output.shown(PLAN);
            let Some(json) = self.output.read(PLAN)? else {
                return Err(Error::Refused(format!("{shown}: there is no plan yet; run `--stage plan` first")));
            };
            serde_json::from_slice(&json).map_err(|error| Error::format(shown, format!("not a plan: {error}")))
        })
    }

    /// Refuses a unit with books that this machine would read otherwise than the one where the plan was made.
    pub(super) fn check_recognition(&self, unit: &Unit) -> Result<()> {
        let then = self.plan()?.ocr.as_deref();
        if !may_be_recognised(self, unit) || then == Some(recognition(self)) {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "books that are only images would be read otherwise on this machine than on the one where the plan was made; install the same on both, or set \
             `ocr = \"off\"`\n  then: {}\n  now:  {}",
            then.unwrap_or(NO_RECOGNITION),
            recognition(self)
        )))
    }

    /// Where the files of an input lie.
    pub(super) fn input(&self, number: usize) -> Result<Storage> {
        let input = &self.settings.config.input[number];
        Ok(Storage::open_input(&input.path, &self.settings.base)?.0)
    }
}

/// The stage: makes the plan, or compares it with the one that is there.
pub(super) fn run(build: &Build) -> Result<Marker> {
    let config = &build.settings.config;
    let mut plan = Plan {
        units: Vec::new(),
        other: 0,
        excluded: 0,
        ocr: None,
    };
    for (number, input) in config.input.iter().enumerate() {
        let files = list(build, input, &mut plan)?;
        cut(number, &files, (config.tasks.unit_mib * f64::from(1 << 20)) as u64, &mut plan.units);
    }
    tell_apart(&config.input, &plan.units)?;
    if plan.units.iter().any(|unit| may_be_recognised(build, unit)) {
        plan.ocr = Some(recognition(build).to_owned());
        let demanded = config.input.iter().find(|input| input.ocr == OcrSetting::On);
        if let Some(input) = demanded.filter(|_| recognition(build) == NO_RECOGNITION) {
            return Err(Error::Refused(format!(
                "corpus.toml: the input {} has ocr = \"on\", but tesseract is not installed; Debian's package is tesseract-ocr",
                input.path
            )));
        }
    }
    if let Some(json) = build.output.read(PLAN)? {
        let shown = build.output.shown(PLAN);
        let before: Plan = serde_json::from_slice(&json).map_err(|error| Error::format(&shown, format!("not a plan: {error}")))?;
        if before != plan {
            return Err(Error::Refused(format!(
                "the inputs are no longer what {shown} was made of. Take another output, or delete that one.\n  {}",
                changes(&before, &plan).join("\n  ")
            )));
        }
    } else {
        build.output.write(PLAN, &serde_json::to_vec(&plan).expect("plain data"))?;
    }
    let mut marker = Marker::default();
    marker.counts.add("units", plan.units.len() as u64);
    marker.counts.add("bytes", plan.units.iter().map(|unit| unit.bytes).sum());
    marker.counts.add("other_files", plan.other);
    marker.counts.add("excluded_files", plan.excluded);
    Ok(marker)
}

/// Whether a unit has books, of an input whose images of pages are read.
fn may_be_recognised(build: &Build, unit: &Unit) -> bool {
    let asked = build.settings.config.input[unit.input].ocr != OcrSetting::Off;
    asked && unit.files.iter().any(|(path, _)| Format::of(path) == Some(Format::Pdf))
}

/// What this machine reads them with.
fn recognition(build: &Build) -> &str {
    build.recognition.get_or_init(|| {
        let Ocr::Tesseract(command) = ReadOptions::default().ocr else {
            return NO_RECOGNITION.to_owned();
        };
        read::recognition(&command).unwrap_or_else(|| NO_RECOGNITION.to_owned())
    })
}

fn list(build: &Build, input: &Input, plan: &mut Plan) -> Result<Vec<Entry>> {
    let unreadable = |problem: ReadProblem| Error::Refused(problem.to_string());
    if !is_remote(&input.path) {
        let path = build.settings.base.join(input.path.trim_start_matches("file://"));
        let listing = tree::list(&path, &input.options()).map_err(unreadable)?;
        plan.other += listing.other;
        plan.excluded += listing.excluded;
        let entry = |file: tree::InputFile| Entry {
            path: file.file,
            bytes: file.bytes,
        };
        return Ok(listing.files.into_iter().map(entry).collect());
    }
    let (storage, single) = Storage::open_input(&input.path, &build.settings.base)?;
    let mut files = match single {
        Some(path) => {
            let bytes = storage.size(&path)?.unwrap_or(0);
            vec![Entry { path, bytes }]
        }
        None => storage.list("")?,
    };
    files.retain(|entry| {
        let readable = Format::of(&entry.path).is_some();
        let excluded = readable && input.exclude.iter().any(|text| entry.path.contains(text.as_str()));
        plan.other += u64::from(!readable);
        plan.excluded += u64::from(excluded);
        readable && !excluded
    });
    if files.is_empty() {
        return Err(unreadable(ReadProblem::NothingToRead {
            place: Place::file(&input.path),
        }));
    }
    Ok(files)
}

/// Refuses inputs whose documents would have the same ids: files of the same name, and sources that are or may be the same.
fn tell_apart(inputs: &[Input], units: &[Unit]) -> Result<()> {
    let names = |number: usize| {
        let files = units.iter().filter(move |unit| unit.input == number).flat_map(|unit| &unit.files);
        files.map(move |(path, _)| inputs[number].document_file(path))
    };
    for (second, input) in inputs.iter().enumerate() {
        for (first, other) in inputs[..second].iter().enumerate() {
            if input.source.is_some() && other.source.is_some() && input.source != other.source {
                continue;
            }
            let taken: HashSet<Cow<str>> = names(first).collect();
            if let Some(name) = names(second).find(|name| taken.contains(name)) {
                return Err(Error::Refused(format!(
                    "corpus.toml: the inputs {} and {} both hold {name}, so their documents could not be told apart. Give each another `source`, or one of \
                     them a `name`",
                    other.path, input.path
                )));
            }
        }
    }
    Ok(())
}

fn cut(input: usize, files: &[Entry], unit_bytes: u64, units: &mut Vec<Unit>) {
    let empty = || Unit {
        input,
        bytes: 0,
        files: Vec::new(),
    };
    let mut unit = empty();
    for file in files {
        if !unit.files.is_empty() && unit.bytes.saturating_add(file.bytes) > unit_bytes {
            units.push(std::mem::replace(&mut unit, empty()));
        }
        unit.bytes += file.bytes;
        unit.files.push((file.path.clone(), file.bytes));
    }
    if !unit.files.is_empty() {
        units.push(unit);
    }
}

/// What to tell about two lists of files.
fn changes(before: &Plan, now: &Plan) -> Vec<String> {
    let files = |plan: &Plan| {
        let files = plan
            .units
            .iter()
            .flat_map(|unit| unit.files.iter().map(|(path, bytes)| ((unit.input, path.clone()), *bytes)));
        files.collect::<std::collections::BTreeMap<_, _>>()
    };
    let ocr = (before.ocr.as_ref(), now.ocr.as_ref());
    let (before, now) = (files(before), files(now));
    let gone = before
        .iter()
        .filter(|(file, _)| !now.contains_key(*file))
        .map(|((_, path), _)| format!("gone: {path}"));
    let new = now
        .iter()
        .filter(|(file, _)| !before.contains_key(*file))
        .map(|((_, path), _)| format!("new: {path}"));
    let other = before.iter().filter_map(|(file, bytes)| {
        let size = now.get(file).filter(|size| *size != bytes)?;
        Some(format!("{}: {bytes} → {size} bytes", file.1))
    });
    let mut all: Vec<String> = gone.chain(new).chain(other).collect();
    if ocr.0 != ocr.1 {
        let shown = |ocr: Option<&String>| ocr.cloned().unwrap_or_else(|| "nothing to be recognised".into());
        all.insert(0, format!("text recognition: {} → {}", shown(ocr.0), shown(ocr.1)));
    }
    if all.is_empty() {
        all.push("files that are not read were added or removed".into());
    }
    let more = all.len().saturating_sub(10);
    all.truncate(10);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_filled_in_order() {
        let files: Vec<Entry> = [5, 5, 3, 20, 1, 0, 9]
            .into_iter()
            .enumerate()
            .map(|(number, bytes)| Entry {
                path: format!("{number}"),
                bytes,
            })
            .collect();
        let mut units = Vec::new();
        cut(2, &files, 10, &mut units);
        let sizes: Vec<(u64, usize)> = units.iter().map(|unit| (unit.bytes, unit.files.len())).collect();
        assert_eq!(sizes, [(10, 2), (3, 1), (20, 1), (10, 3)]);
        assert!(units.iter().all(|unit| unit.input == 2));
        cut(3, &[], 10, &mut units);
        assert_eq!(units.len(), 4);
    }
}

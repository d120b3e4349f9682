//! Stage `finish`: everything that is said about the whole corpus: statistics, report, card, and the lists of what is contaminated and what
//! could not be read.

use std::collections::BTreeMap;
use std::fs::File;

use super::map::{contaminated, left_out, statistics};
use super::runner::{Build, Marker, Stage};
use crate::publish::{Split, card};
use crate::report;
use crate::statistics::{LanguageTag, Statistics};
use crate::{AtomicFile, Error, Result};

/// The statistics as JSON.
pub const STATISTICS: &str = "statistics.json";
/// The same as a page.
pub const REPORT: &str = "report.html";
/// Documents that share text with a benchmark's questions; where none were looked for there is no such file.
pub const CONTAMINATED: &str = "contaminated.jsonl";
/// Documents and files that could not be read.
pub const LEFT_OUT: &str = "left_out.jsonl";
/// The folder for the hub.
pub const DATASET: &str = "dataset";

pub(super) fn run(build: &Build) -> Result<Marker> {
    let mut all = Statistics::default();
    let mut splits: BTreeMap<LanguageTag, Split> = BTreeMap::new();
    for stage in [Stage::Map, Stage::Write] {
        for unit in 0..build.units(stage)? {
            let name = statistics(stage, unit);
            let shown = build.output.shown(&name);
            let json = build
                .output
                .read(&name)?
                .ok_or_else(|| Error::Refused(format!("{shown}: missing, though its unit is done")))?;
            let part = serde_json::from_slice(&json).map_err(|error| Error::format(shown, error.to_string()))?;
            all.merge(&part);
        }
    }
    for unit in 0..build.units(Stage::Write)? {
        for (path, bytes) in build.marker(Stage::Write, unit)?.files {
            if let Some(language) = super::emit::parquet_language(&path) {
                let split = splits.entry(language).or_default();
                split.files += 1;
                split.download_bytes += bytes;
            }
        }
    }
    let passed_over = [
        ("files_of_other_formats", build.plan()?.other),
        ("files_excluded_by_name", build.plan()?.excluded),
    ];
    for (name, files) in passed_over.into_iter().filter(|(_, files)| *files > 0) {
        all.reading.add(name, files);
    }
    let config = &build.settings.config;
    let pretty = build.settings.pretty();
    let mut json = serde_json::to_vec_pretty(&all).expect("plain data");
    json.push(b'\n');
    let mut marker = Marker::default();
    marker.files.push((LEFT_OUT.to_owned(), join(build, LEFT_OUT, left_out)?));
    if build.steps()?.look_for_questions() {
        marker
            .files
            .push((CONTAMINATED.to_owned(), join(build, CONTAMINATED, contaminated)?));
    }
    let mut write = |name: &str, bytes: &[u8]| {
        marker.files.push((name.to_owned(), bytes.len() as u64));
        build.output.write(name, bytes)
    };
    write(STATISTICS, &json)?;
    write(REPORT, report::html(&config.dataset.card.name, &all, &pretty).as_bytes())?;
    if config.dataset.parquet {
        let text = card::card(&config.dataset.card, &all, &splits, config.tokenize.is_some(), &pretty);
        write(&format!("{DATASET}/README.md"), text.as_bytes())?;
    }
    // No task runs any more: what half-written files are there belong to killed ones.
    build.output.remove_partial_files()?;
    Ok(marker)
}

/// All units' lists as one, plain. Returns its size.
fn join(build: &Build, name: &str, part: fn(u64) -> String) -> Result<u64> {
    let path = build.output.writable(name);
    let mut list = AtomicFile::create(&path)?;
    for unit in 0..build.units(Stage::Map)? {
        let part = build.output.fetch(&part(unit))?;
        let problem = |error| Error::io(&part.path, error);
        let mut lines = zstd::Decoder::new(File::open(&part.path).map_err(problem)?).map_err(problem)?;
        std::io::copy(&mut lines, &mut list).map_err(|error| Error::io(&path, error))?;
    }
    list.commit()?;
    build.output.publish(name)
}

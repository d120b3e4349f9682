//! Stage `finish`: everything that is said about the whole corpus.

use std::collections::BTreeMap;

use super::map::statistics;
use super::runner::{Build, Marker, Stage};
use crate::publish::{Split, card};
use crate::report;
use crate::statistics::{LanguageTag, Statistics};
use crate::{Error, Result};

/// The statistics as JSON.
pub const STATISTICS: &str = "statistics.json";
/// The same as a page.
pub const REPORT: &str = "report.html";
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
    let config = &build.settings.config;
    let pretty = build.settings.pretty();
    let mut json = serde_json::to_vec_pretty(&all).expect("plain data");
    json.push(b'\n');
    let mut marker = Marker::default();
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

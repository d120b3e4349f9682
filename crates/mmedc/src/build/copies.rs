//! Stages `reduce` and `resolve`: the one shuffle. [`crate::dedup`] does the work; here are the files' names.

use super::map::signatures;
use super::runner::{Build, Marker};
use crate::storage::Fetched;
use crate::{Result, dedup};

fn pairs(bucket: u64) -> String {
    format!("work/pairs/{bucket:05}.bin")
}

/// Documents of a unit that go.
pub(super) fn removals(unit: u64) -> String {
    format!("work/removals/{unit:05}.jsonl.zst")
}

fn fetch(build: &Build, names: impl Iterator<Item = String>) -> Result<(Vec<Fetched>, Vec<std::path::PathBuf>)> {
    let fetched = names.map(|name| build.output.fetch(&name)).collect::<Result<Vec<_>>>()?;
    let paths = fetched.iter().map(|file| file.path.clone()).collect();
    Ok((fetched, paths))
}

pub(super) fn reduce(build: &Build, bucket: u64) -> Result<Marker> {
    let units = build.plan()?.units.len() as u64;
    // Held until the end: what was brought here for this is removed with it.
    let (_held, files) = fetch(build, (0..units).map(signatures))?;
    let counts = dedup::pairs::reduce(&files, bucket as u32, &build.output.writable(&pairs(bucket)))?;
    let files = vec![(pairs(bucket), build.output.publish(&pairs(bucket))?)];
    Ok(Marker { files, counts })
}

pub(super) fn resolve(build: &Build) -> Result<Marker> {
    let units = build.plan()?.units.len() as u64;
    let (_held, files) = fetch(build, (0..units).map(signatures))?;
    let (_held, pairs) = fetch(build, (0..build.settings.buckets()).map(pairs))?;
    let outputs: Vec<_> = (0..units).map(|unit| build.output.writable(&removals(unit))).collect();
    let counts = dedup::resolve::resolve(&files, &pairs, &outputs)?;
    let mut marker = Marker {
        counts,
        ..Marker::default()
    };
    for unit in 0..units {
        marker.files.push((removals(unit), build.output.publish(&removals(unit))?));
    }
    Ok(marker)
}

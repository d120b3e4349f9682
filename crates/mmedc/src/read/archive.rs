//! A zip archive of `.txt` files, as MMedC was released.
//!
//! What must hold: sizes that the archive states are never believed, an entry is inflated at most as far as a document may be long; nothing
//! is written anywhere, and an entry whose name climbs out of the archive is a problem, for names become part of ids and reports.

use std::fs::File;
use std::io::BufReader;

use zip::ZipArchive;

use super::problem::{Place, ReadProblem};
use super::{Origin, ReadOptions, Source, text};
use crate::{Counts, Document};

pub struct TextArchive {
    archive: ZipArchive<BufReader<File>>,
    next: usize,
}

impl TextArchive {
    /// Reads the table of contents.
    pub fn new(file: File, name: &str) -> Result<TextArchive, ReadProblem> {
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(Place::file(name), e.to_string()))?;
        Ok(TextArchive { archive, next: 0 })
    }
}

impl Source for TextArchive {
    fn next(&mut self, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Option<Result<Document, ReadProblem>> {
        while self.next < self.archive.len() {
            let index = self.next;
            self.next += 1;
            let nameless = Place::part(&origin.file, "entry", index as u64);
            let entry = match self.archive.by_index(index) {
                Ok(entry) => entry,
                Err(e) => return Some(Err(damaged(nameless, e.to_string()))),
            };
            if entry.is_dir() {
                continue;
            }
            let name = match entry.name() {
                Ok(name) => name.replace('\\', "/"),
                Err(e) => return Some(Err(damaged(nameless, e.to_string()))),
            };
            let origin = origin.inside(&name, options);
            let place = Place::file(&origin.file);
            if !stays_inside(&name) {
                return Some(Err(ReadProblem::UnsafeName { place }));
            }
            if !name.to_ascii_lowercase().ends_with(".txt") {
                counts.add("other_files", 1);
                continue;
            }
            if options.exclude.iter().any(|text| name.contains(text.as_str())) {
                counts.add("excluded_files", 1);
                continue;
            }
            return Some(match text::document(entry, &place, &origin, options, counts) {
                Err(ReadProblem::Io { place, source }) => Err(damaged(place, source.to_string())),
                result => result,
            });
        }
        None
    }
}

fn damaged(place: Place, reason: String) -> ReadProblem {
    ReadProblem::Damaged {
        place,
        format: "zip",
        reason,
    }
}

/// Whether a name, unpacked under a folder, would lie under it.
fn stays_inside(name: &str) -> bool {
    let drive = name.as_bytes().get(1) == Some(&b':');
    !drive && !name.contains('\0') && !name.starts_with('/') && name.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_climb_are_told_from_names_that_only_look_odd() {
        for name in ["a.txt", "a/b.txt", "./a.txt", "a/..b.txt", "a..txt", "…/x.txt"] {
            assert!(stays_inside(name), "{name}");
        }
        for name in ["../a.txt", "a/../../b.txt", "/etc/a.txt", "C:/a.txt", "a/..", "a\0.txt"] {
            assert!(!stays_inside(name), "{name}");
        }
    }
}

//! What an input holds: a folder is walked, a file is taken as it is.
//!
//! What must hold: the same order on every machine, for tasks are cut by file; links to folders are not followed, so no walk is endless.

use std::path::{Path, PathBuf};

use super::ReadOptions;
use super::problem::{Place, ReadProblem};
use crate::Language;

/// The formats that are read, by file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One document a file.
    Txt,
    /// An archive of `.txt` files, as MMedC was released.
    Zip,
    /// One JSON object a line, plain, `.gz` or `.zst`.
    Jsonl,
    /// CulturaX and its like.
    Parquet,
    /// A book in the form of the authors' PDF reader.
    Textbook,
    Pdf,
}

impl Format {
    /// By the end of the name, in any case.
    pub fn of(file: &str) -> Option<Format> {
        let name = file.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        Some(if ends(&[".txt"]) {
            Format::Txt
        } else if ends(&[".zip"]) {
            Format::Zip
        } else if ends(&[".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".json.gz", ".json.zst"]) {
            Format::Jsonl
        } else if ends(&[".parquet"]) {
            Format::Parquet
        } else if ends(&[".json"]) {
            Format::Textbook
        } else if ends(&[".pdf"]) {
            Format::Pdf
        } else {
            return None;
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::Txt => "txt",
            Format::Zip => "zip",
            Format::Jsonl => "jsonl",
            Format::Parquet => "parquet",
            Format::Textbook => "textbook",
            Format::Pdf => "pdf",
        }
    }
}

/// One file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    pub path: PathBuf,
    /// Path inside the input, with `/`; of an input that is a file, its name.
    pub file: String,
    pub format: Format,
    pub bytes: u64,
}

/// What stands under an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by `file`.
    pub files: Vec<InputFile>,
    /// Files of no format that is read.
    pub other: u64,
    /// Files left out because their path holds one of the texts to exclude.
    pub excluded: u64,
}

/// Lists `root`. A path inside it that holds one of `options.exclude` is left out and counted (MMedC's card advises `cultural_filtered_data_used`).
/// An input without a single readable file is an error: a wrong path should not look like an empty corpus.
pub fn list(root: &Path, options: &ReadOptions) -> Result<Listing, ReadProblem> {
    let name = root.to_string_lossy().into_owned();
    let io = |path: &Path, source| ReadProblem::Io {
        place: Place::file(&path.to_string_lossy()),
        source,
    };
    let meta = std::fs::metadata(root).map_err(|e| io(root, e))?;
    let mut listing = Listing::default();
    if meta.is_file() {
        let file = root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or(name);
        let Some(format) = Format::of(&file) else {
            return Err(ReadProblem::UnknownFormat {
                place: Place::file(&root.to_string_lossy()),
            });
        };
        listing.files.push(InputFile {
            path: root.to_owned(),
            file,
            format,
            bytes: meta.len(),
        });
        return Ok(listing);
    }
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, inside)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| io(&folder, e))? {
            let entry = entry.map_err(|e| io(&folder, e))?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let file = if inside.is_empty() { name } else { format!("{inside}/{name}") };
            let kind = entry.file_type().map_err(|e| io(&path, e))?;
            if kind.is_dir() {
                folders.push((path, file));
                continue;
            }
            // A link to a file is read, one to a folder is not, and a broken one is an error where its name says text.
            if kind.is_symlink() && path.is_dir() {
                continue;
            }
            let Some(format) = Format::of(&file) else {
                listing.other += 1;
                continue;
            };
            if options.exclude.iter().any(|text| file.contains(text.as_str())) {
                listing.excluded += 1;
                continue;
            }
            let bytes = std::fs::metadata(&path).map_err(|e| io(&path, e))?.len();
            listing.files.push(InputFile { path, file, format, bytes });
        }
    }
    if listing.files.is_empty() {
        return Err(ReadProblem::NothingToRead {
            place: Place::file(&root.to_string_lossy()),
        });
    }
    listing.files.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(listing)
}

/// The language that a path declares: the last folder, or else the file's stem up to `_`, `-` or `.`, that is a code or an English name.
pub fn language_of_path(file: &str) -> Option<Language> {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.split(['.', '_', '-']).next().unwrap_or(name);
    folders.rsplit('/').chain([stem]).find_map(language_of_name)
}

/// A code, an English name, or the authors' `jp`, in any case.
pub fn language_of_name(name: &str) -> Option<Language> {
    Some(match name.to_ascii_lowercase().as_str() {
        "en" | "english" => Language::En,
        "zh" | "chinese" => Language::Zh,
        "ja" | "jp" | "japanese" => Language::Ja,
        "fr" | "french" => Language::Fr,
        "ru" | "russian" => Language::Ru,
        "es" | "spanish" => Language::Es,
        _ => return None,
    })
}

/// The source that a path declares: its first folder, unless that names a language.
pub fn source_of_path(file: &str) -> Option<&str> {
    let (first, _) = file.split_once('/')?;
    language_of_name(first).is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_go_by_the_end_of_the_name() {
        for (file, format) in [
            ("a/b.txt", Some(Format::Txt)),
            ("MMedC.ZIP", Some(Format::Zip)),
            ("x.jsonl.zst", Some(Format::Jsonl)),
            ("x.json.gz", Some(Format::Jsonl)),
            ("fr_part_00000.parquet", Some(Format::Parquet)),
            ("book.json", Some(Format::Textbook)),
            ("book.pdf", Some(Format::Pdf)),
            ("README.md", None),
            ("txt", None),
        ] {
            assert_eq!(Format::of(file), format, "{file}");
        }
    }

    #[test]
    fn paths_declare_language_and_source() {
        for (file, language, source) in [
            ("web/fr/a.txt", Some(Language::Fr), Some("web")),
            ("fr/web/a.txt", Some(Language::Fr), None),
            ("websites/Spanish/x/a.txt", Some(Language::Es), Some("websites")),
            ("jp/a.txt", Some(Language::Ja), None),
            ("ru_part_00001.parquet", Some(Language::Ru), None),
            ("books/english.jsonl", Some(Language::En), Some("books")),
            ("en/fr/a.txt", Some(Language::Fr), None),
            ("enormous/a.txt", None, Some("enormous")),
            ("a.txt", None, None),
        ] {
            assert_eq!((language_of_path(file), source_of_path(file)), (language, source), "{file}");
        }
    }

    #[test]
    fn a_tree_is_listed_in_order_and_links_to_folders_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for file in ["b/x.txt", "a.txt", "b/cultural_filtered_data_used/y.txt", "b/README.md", "a/z.pdf"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), file).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(root, root.join("b/loop")).unwrap();
        let options = ReadOptions {
            exclude: vec!["cultural_filtered_data_used".into()],
            ..ReadOptions::default()
        };
        let listing = list(root, &options).unwrap();
        let list = |path: &Path| list(path, &ReadOptions::default());
        let files: Vec<&str> = listing.files.iter().map(|f| f.file.as_str()).collect();
        assert_eq!(files, ["a.txt", "a/z.pdf", "b/x.txt"]);
        assert_eq!((listing.other, listing.excluded), (1, 1));
        assert_eq!(listing.files[0].bytes, 5);

        let one = list(&root.join("a.txt")).unwrap();
        assert_eq!(one.files[0].file, "a.txt");
        assert!(matches!(list(&root.join("b/README.md")), Err(ReadProblem::UnknownFormat { .. })));
        assert!(matches!(list(&root.join("nothing")), Err(ReadProblem::Io { .. })));
        std::fs::create_dir(root.join("empty")).unwrap();
        assert!(matches!(list(&root.join("empty")), Err(ReadProblem::NothingToRead { .. })));
    }
}

//! Documents that an earlier step wrote ([`crate::write`]): their ids, files and positions stay as they are.
//!
//! A file is known as one by its first line: an object with all fields of a [`Document`] whose id is that of its source, file and position.
//! What must hold: a damaged file of ours is an error and never a shorter corpus; no line is held beyond its limit.

use std::fs::File;
use std::path::Path;

use super::ReadOptions;
use super::bytes::{Line, read_line};
use super::jsonl::decompressed;
use super::problem::{Place, ReadProblem};
use crate::{Document, Error};

/// The document that a first line is, if a step wrote it.
pub fn recognise(line: &[u8]) -> Option<Document> {
    let document: Document = serde_json::from_slice(line).ok()?;
    (document.id == Document::make_id(&document.source, &document.file, document.position)).then_some(document)
}

/// A later line of such a file.
pub fn parse(line: &[u8], place: &Place) -> Result<Document, ReadProblem> {
    serde_json::from_slice(line).map_err(|error| ReadProblem::DamagedStep {
        place: place.clone(),
        reason: error.to_string(),
    })
}

/// What is declared about the input goes before what a document says, but for the source, which its id is made of.
pub fn declare(mut document: Document, options: &ReadOptions, place: Place) -> Result<Document, ReadProblem> {
    if let Some(declared) = &options.source
        && *declared != document.source
    {
        return Err(ReadProblem::OtherSource {
            place,
            found: document.source,
            declared: declared.clone(),
        });
    }
    document.language = options.language.or(document.language);
    if document.license.is_empty() {
        document.license.clone_from(&options.license);
    }
    Ok(document)
}

/// Reads a file that a stage of the same work wrote, of documents that were read with this limit. An item that is an error ends what can be trusted.
pub fn read_documents(path: &Path, max_document_bytes: u64) -> crate::Result<impl Iterator<Item = crate::Result<Document>> + use<>> {
    // Escapes make six bytes of one, and compatibility forms eleven: never both of the same.
    let limit = max_document_bytes.saturating_mul(16).saturating_add(1 << 16);
    let problem = |error| Error::io(path, error);
    let name = path.to_string_lossy();
    let mut lines = decompressed(File::open(path).map_err(problem)?, &name).map_err(problem)?;
    let path = path.to_owned();
    let mut number = 0u64;
    Ok(std::iter::from_fn(move || {
        number += 1;
        let read = match read_line(&mut lines, limit) {
            Ok(Line::End) => return None,
            Ok(Line::Whole(line)) => serde_json::from_slice(&line).map_err(|error| format!("not a document: {error}")),
            Ok(Line::TooLong) => Err(format!("longer than {limit} bytes, which no document of this work is")),
            Err(error) => return Some(Err(Error::io(&path, error))),
        };
        Some(read.map_err(|problem| Error::line(&path, number, problem)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Format, InputFile, InvalidUtf8, open};
    use crate::{DocumentWriter, Language};
    use std::io::Write;

    fn documents() -> Vec<Document> {
        let document = |position| Document {
            id: Document::make_id("web", "raw/a.parquet", position),
            text: format!("text\n{position}"),
            language: None,
            source: "web".into(),
            license: String::new(),
            file: "raw/a.parquet".into(),
            position,
        };
        (3..6).map(document).collect()
    }

    fn input(path: &Path) -> InputFile {
        InputFile {
            path: path.to_owned(),
            file: format!("fr/{}", path.file_name().unwrap().to_str().unwrap()),
            format: Format::Jsonl,
            bytes: 0,
        }
    }

    fn read(path: &Path, options: &ReadOptions) -> Vec<Result<Document, ReadProblem>> {
        match open(&input(path), options) {
            Ok(reader) => reader.collect(),
            Err(problem) => vec![Err(problem)],
        }
    }

    fn ok(read: Vec<Result<Document, ReadProblem>>) -> Vec<Document> {
        read.into_iter().map(|document| document.unwrap()).collect()
    }

    #[test]
    fn ids_survive_every_form_and_strangers_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let options = ReadOptions::default();
        let path = folder.path().join("a.jsonl.zst");
        let mut writer = DocumentWriter::create(&path).unwrap();
        documents().iter().for_each(|document| writer.write(document).unwrap());
        writer.commit().unwrap();
        assert_eq!(ok(read(&path, &options)), documents());
        let read_again: Vec<Document> = read_documents(&path, 1 << 20).unwrap().map(|document| document.unwrap()).collect();
        assert_eq!(read_again, documents());
        let lines: String = documents()
            .iter()
            .map(|document| serde_json::to_string(document).unwrap() + "\n")
            .collect();
        let plain = folder.path().join("a.jsonl");
        std::fs::write(&plain, &lines).unwrap();
        assert_eq!(ok(read(&plain, &options)), documents());
        let gzip = folder.path().join("a.jsonl.gz");
        let mut encoder = flate2::write::GzEncoder::new(File::create(&gzip).unwrap(), flate2::Compression::fast());
        encoder.write_all(lines.as_bytes()).unwrap();
        encoder.finish().unwrap();
        assert_eq!(ok(read(&gzip, &options)), documents());

        for stranger in [
            "{\"text\": \"a\"}\n",
            "{\"id\":\"1\",\"text\":\"a\",\"source\":\"web\",\"file\":\"b\",\"position\":0}\n",
        ] {
            std::fs::write(&plain, stranger).unwrap();
            let read = ok(read(&plain, &options));
            assert_eq!((read[0].file.as_str(), read[0].position), ("fr/a.jsonl", 0));
            assert_eq!(read[0].language, Some(Language::Fr));
        }
    }

    #[test]
    fn what_is_declared_applies_but_for_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, serde_json::to_string(&documents()[0]).unwrap()).unwrap();
        let options = ReadOptions {
            language: Some(Language::Es),
            license: "CC0".into(),
            source: Some("web".into()),
            invalid_utf8: InvalidUtf8::Refuse,
            ..ReadOptions::default()
        };
        let document = ok(read(&path, &options)).remove(0);
        assert_eq!((document.language, document.license.as_str()), (Some(Language::Es), "CC0"));
        assert_eq!(document.id, documents()[0].id);
        let options = ReadOptions {
            source: Some("books".into()),
            ..options
        };
        let problem = read(&path, &options).remove(0).unwrap_err();
        assert!(problem.is_fatal());
        assert!(problem.to_string().contains("of the source \"web\", not \"books\""), "{problem}");
    }

    #[test]
    fn a_damaged_file_of_ours_is_an_error_wherever_it_breaks_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.zst");
        let mut writer = DocumentWriter::create(&path).unwrap();
        documents().iter().for_each(|document| writer.write(document).unwrap());
        writer.commit().unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 1..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let last = read(&path, &ReadOptions::default()).pop().unwrap().unwrap_err();
            assert!(
                last.is_fatal() && last.to_string().starts_with("fr/a.jsonl.zst"),
                "{length}: {last}"
            );
        }
        let plain = folder.path().join("a.jsonl");
        let first = serde_json::to_string(&documents()[0]).unwrap();
        std::fs::write(&plain, format!("{first}\n{}", &first[..first.len() / 2])).unwrap();
        let last = read(&plain, &ReadOptions::default()).pop().unwrap().unwrap_err();
        assert!(last.is_fatal() && last.to_string().contains("line 2"), "{last}");
        let error = read_documents(&plain, 100).unwrap().nth(1).unwrap().unwrap_err().to_string();
        assert!(error.contains("a.jsonl, line 2: not a document"), "{error}");
    }

    #[test]
    fn the_limit_for_documents_holds_from_the_first_line_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut long = documents().remove(0);
        long.text = "x".repeat(1 << 20);
        let lines: String = [&long, &documents()[1], &long, &documents()[2]]
            .map(|document| serde_json::to_string(document).unwrap() + "\n")
            .concat();
        std::fs::write(&path, lines).unwrap();
        let options = ReadOptions {
            max_document_bytes: 1000,
            ..ReadOptions::default()
        };
        let read = read(&path, &options);
        for place in [0, 2] {
            assert!(matches!(read[place], Err(ReadProblem::TooLarge { limit: 1000, .. })), "{place}");
        }
        assert_eq!(*read[1].as_ref().unwrap(), documents()[1]);
        assert_eq!(*read[3].as_ref().unwrap(), documents()[2]);
        let error = read_documents(&path, 1000).unwrap().next().unwrap().unwrap_err().to_string();
        assert!(error.contains("line 1: longer than 81536 bytes"), "{error}");
    }
}

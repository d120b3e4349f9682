//! Documents that an earlier step wrote, with their ids and places as they are (`*.jsonl`, `*.jsonl.zst`; see [`crate::write`]).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::{Document, Error, Result};

/// Reads a file of documents. An item that is an error ends what can be trusted.
pub fn read_documents(path: &Path) -> Result<impl Iterator<Item = Result<Document>> + use<>> {
    let mut lines = lines(path)?;
    let path = path.to_owned();
    let (mut number, mut line) = (0u64, String::new());
    Ok(std::iter::from_fn(move || {
        line.clear();
        number += 1;
        match lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).map_err(|error| Error::line(&path, number, format!("not a document: {error}")))),
            Err(error) => Some(Err(Error::io(&path, error))),
        }
    }))
}

/// Whether a file's first line is a document of an earlier step: its id is that of its source, file and position.
pub fn is_documents(path: &Path) -> Result<bool> {
    /// No line of a corpus is looked at further.
    const LONGEST: u64 = 1 << 30;
    let mut line = Vec::new();
    let mut lines = std::io::Read::take(lines(path)?, LONGEST);
    lines.read_until(b'\n', &mut line).map_err(|error| Error::io(path, error))?;
    let document: Option<Document> = serde_json::from_slice(&line).ok();
    Ok(document.is_some_and(|document| document.id == Document::make_id(&document.source, &document.file, document.position)))
}

fn lines(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        let decoder = zstd::Decoder::new(file).map_err(|error| Error::io(path, error))?;
        Ok(Box::new(BufReader::with_capacity(1 << 18, decoder)))
    } else {
        Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DocumentWriter;
    use std::io::Write;

    #[test]
    fn ids_survive_the_disk_and_strangers_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let documents: Vec<Document> = (0..3)
            .map(|position| Document {
                id: Document::make_id("web", "raw/a.parquet", position),
                text: format!("text\n{position}"),
                language: None,
                source: "web".into(),
                license: "CC0".into(),
                file: "raw/a.parquet".into(),
                position,
            })
            .collect();
        let path = folder.path().join("a.jsonl.zst");
        let mut writer = DocumentWriter::create(&path).unwrap();
        documents.iter().for_each(|document| writer.write(document).unwrap());
        writer.commit().unwrap();
        assert!(is_documents(&path).unwrap());
        let read: Vec<Document> = read_documents(&path).unwrap().map(|document| document.unwrap()).collect();
        assert_eq!(read, documents);

        let other = folder.path().join("b.jsonl");
        let mut file = File::create(&other).unwrap();
        writeln!(file, "{}", serde_json::to_string(&documents[0]).unwrap()).unwrap();
        writeln!(file, "{{\"text\": 1}}").unwrap();
        assert!(is_documents(&other).unwrap());
        let error = read_documents(&other).unwrap().nth(1).unwrap().unwrap_err().to_string();
        assert!(error.contains("b.jsonl, line 2: not a document"), "{error}");
        for stranger in [
            "",
            "{\"text\": \"a\"}\n",
            "{\"id\":\"1\",\"text\":\"a\",\"source\":\"web\",\"file\":\"a\",\"position\":0}\n",
            "\u{0}",
        ] {
            std::fs::write(&other, stranger).unwrap();
            assert!(!is_documents(&other).unwrap(), "{stranger:?}");
        }
    }
}

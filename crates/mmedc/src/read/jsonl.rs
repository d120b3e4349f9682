//! One JSON object a line, plain, gzip or zstd.
//!
//! Fields: the text (named by [`ReadOptions::text_field`]), and where they are strings `language` or `lang`, `source`, `license` or
//! `licence`. Others are passed over. Lines of white space are no documents. A line that cannot be read is a problem of its own. A file that an
//! earlier step wrote is read as [`own`] says.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::bytes::{Line, read_line, to_text};
use super::problem::{Place, ReadProblem};
use super::tree::language_of_name;
use super::{Declared, Origin, ReadOptions, Source, own};
use crate::{Counts, Document};

/// A window of 128 MiB is the format's recommended limit; a frame that asks for more is an error.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Whose lines a file has; its first line says so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Unknown,
    Foreign,
    /// An earlier step's, see [`own`].
    Ours,
}

pub struct JsonLines {
    /// None after the end.
    reader: Option<Box<dyn BufRead + Send>>,
    line: u64,
    whose: Whose,
    compressed: bool,
}

/// By the end of the name.
fn compression(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    [".gz", ".zst"].into_iter().find(|ending| name.ends_with(ending))
}

/// What a file holds, decompressed by the end of its name.
pub fn decompressed(file: File, name: &str) -> io::Result<Box<dyn BufRead + Send>> {
    // No bytes are no stream of either kind, but hold no documents either.
    let empty = file.metadata()?.len() == 0;
    Ok(match compression(name).filter(|_| !empty) {
        None => Box::new(BufReader::with_capacity(1 << 16, file)),
        Some(".gz") => Box::new(BufReader::with_capacity(1 << 16, flate2::read::MultiGzDecoder::new(file))),
        Some(_) => {
            let mut decoder = zstd::stream::read::Decoder::new(file)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        }
    })
}

impl JsonLines {
    pub fn new(file: File, name: &str) -> Result<JsonLines, ReadProblem> {
        let reader = decompressed(file, name).map_err(|source| ReadProblem::Io {
            place: Place::file(name),
            source,
        })?;
        Ok(JsonLines {
            reader: Some(reader),
            line: 0,
            whose: Whose::Unknown,
            compressed: compression(name).is_some(),
        })
    }

    /// A stream that breaks off does not mend. Of a file that is or may be an earlier step's, going on would quietly lose the rest.
    fn broken(&self, place: Place, source: io::Error) -> ReadProblem {
        match self.whose {
            Whose::Ours => ReadProblem::DamagedStep {
                place,
                reason: source.to_string(),
            },
            Whose::Unknown if self.compressed => ReadProblem::BrokenStart { place, source },
            _ => ReadProblem::Io { place, source },
        }
    }
}

impl Source for JsonLines {
    fn next(&mut self, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Option<Result<Document, ReadProblem>> {
        loop {
            let reader = self.reader.as_mut()?;
            let position = self.line;
            let place = Place::part(&origin.file, "line", position);
            self.line += 1;
            let bytes = match read_line(reader, options.max_document_bytes) {
                Ok(Line::End) => {
                    self.reader = None;
                    return None;
                }
                Ok(Line::TooLong) => {
                    return Some(Err(ReadProblem::TooLarge {
                        place,
                        limit: options.max_document_bytes,
                    }));
                }
                Ok(Line::Whole(bytes)) => bytes,
                Err(source) => {
                    self.reader = None;
                    return Some(Err(self.broken(place, source)));
                }
            };
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if self.whose == Whose::Unknown {
                let first = own::recognise(&bytes);
                self.whose = if first.is_some() { Whose::Ours } else { Whose::Foreign };
                if let Some(document) = first {
                    return Some(own::declare(document, options, place));
                }
            }
            return Some(match self.whose {
                Whose::Ours => own::parse(&bytes, &place).and_then(|document| own::declare(document, options, place)),
                _ => row(bytes, position, place, origin, options, counts),
            });
        }
    }
}

fn row(
    bytes: Vec<u8>,
    position: u64,
    place: Place,
    origin: &Origin,
    options: &ReadOptions,
    counts: &mut Counts,
) -> Result<Document, ReadProblem> {
    let line = to_text(bytes, options, &place, counts)?;
    // Some programs put a byte order mark before the first line.
    let json = line.strip_prefix('\u{feff}').unwrap_or(&line);
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = RowSeed { text: &options.text_field }
        .deserialize(&mut deserializer)
        .and_then(|row| deserializer.end().map(|()| row));
    let Row {
        text,
        language,
        source,
        license,
    } = read.map_err(|e| ReadProblem::Json {
        place: place.clone(),
        reason: e.to_string(),
    })?;
    let text = text.ok_or(ReadProblem::MissingField {
        place,
        field: options.text_field.clone(),
    })?;
    let declared = language.as_deref().and_then(language_of_name);
    if language.is_some() && declared.is_none() {
        counts.add("other_language", 1);
    }
    let declared = Declared {
        language: declared,
        source,
        license,
    };
    Ok(origin.declared(text, position, declared))
}

#[derive(Default)]
struct Row {
    text: Option<String>,
    language: Option<String>,
    source: Option<String>,
    license: Option<String>,
}

/// A string, or nothing where it is of another kind.
struct MaybeString(Option<String>);

impl<'de> serde::Deserialize<'de> for MaybeString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(MaybeString(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        }))
    }
}

struct RowSeed<'a> {
    text: &'a str,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Row;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the field {:?}", self.text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut row = Row::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == self.text {
                row.text = Some(map.next_value()?);
                continue;
            }
            let slot = match key.as_str() {
                "language" | "lang" => &mut row.language,
                "source" => &mut row.source,
                "license" | "licence" => &mut row.license,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if let Some(text) = map.next_value::<MaybeString>()?.0 {
                *slot = Some(text);
            }
        }
        Ok(row)
    }
}

//! Documents as parquet: columns `id`, `text`, `language`, `source`, `license`, `file`, `position` and, with a tokenizer, `tokens`.
//!
//! Rows are gathered until their text reaches [`ROW_GROUP_BYTES`] and then written, so memory stays the same however long the file gets.
//! Pages are compressed with zstd. The same documents give the same bytes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::{Document, Error, Result};

/// Text of a row group. The hub's viewer reads whole row groups, and asks for small ones.
pub const ROW_GROUP_BYTES: usize = 32 << 20;

/// The columns, with the parquet type of each. `tokens` is last and may be absent.
pub const COLUMNS: [(&str, &str); 8] = [
    ("id", "REQUIRED BYTE_ARRAY id (STRING);"),
    ("text", "REQUIRED BYTE_ARRAY text (STRING);"),
    ("language", "OPTIONAL BYTE_ARRAY language (STRING);"),
    ("source", "REQUIRED BYTE_ARRAY source (STRING);"),
    ("license", "REQUIRED BYTE_ARRAY license (STRING);"),
    ("file", "REQUIRED BYTE_ARRAY file (STRING);"),
    ("position", "REQUIRED INT64 position;"),
    ("tokens", "REQUIRED INT64 tokens;"),
];

/// The columns of a data set without or with token counts.
pub fn columns(tokens: bool) -> &'static [(&'static str, &'static str)] {
    &COLUMNS[..COLUMNS.len() - usize::from(!tokens)]
}

/// Writes one parquet file.
pub struct ParquetWriter<W: Write + Send> {
    name: PathBuf,
    writer: SerializedFileWriter<W>,
    with_tokens: bool,
    strings: [Vec<ByteArray>; 5],
    languages: Vec<ByteArray>,
    /// 1 where the row has a language.
    has_language: Vec<i16>,
    positions: Vec<i64>,
    tokens: Vec<i64>,
    pending_bytes: usize,
    rows: u64,
    text_bytes: u64,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// `name` is for messages.
    pub fn new(name: &Path, writer: W, with_tokens: bool) -> Result<ParquetWriter<W>> {
        let fields: String = columns(with_tokens).iter().map(|(_, column)| *column).collect();
        let schema = parse_message_type(&format!("message document {{ {fields} }}")).map_err(|error| problem(name, &error))?;
        let level = ZstdLevel::try_new(3).map_err(|error| problem(name, &error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("mmedkit".into())
            // Texts hardly repeat: a dictionary of them would only be memory.
            .set_column_dictionary_enabled("text".into(), false)
            .set_column_dictionary_enabled("id".into(), false)
            // Statistics of a text column would repeat whole documents in the footer.
            .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
            .build();
        let writer = SerializedFileWriter::new(writer, Arc::new(schema), Arc::new(properties)).map_err(|error| problem(name, &error))?;
        Ok(ParquetWriter {
            name: name.to_owned(),
            writer,
            with_tokens,
            strings: Default::default(),
            languages: Vec::new(),
            has_language: Vec::new(),
            positions: Vec::new(),
            tokens: Vec::new(),
            pending_bytes: 0,
            rows: 0,
            text_bytes: 0,
        })
    }

    /// Adds a row. `tokens` is written where the file has that column.
    pub fn write(&mut self, document: &Document, tokens: u64) -> Result<()> {
        let strings = [&document.id, &document.text, &document.source, &document.license, &document.file];
        for (column, value) in self.strings.iter_mut().zip(strings) {
            column.push(value.as_bytes().to_vec().into());
        }
        self.has_language.push(i16::from(document.language.is_some()));
        self.languages
            .extend(document.language.map(|language| ByteArray::from(language.code())));
        self.positions.push(document.position as i64);
        self.tokens.push(tokens as i64);
        self.rows += 1;
        self.text_bytes += document.text.len() as u64;
        self.pending_bytes += document.text.len();
        if self.pending_bytes >= ROW_GROUP_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.positions.is_empty() {
            return Ok(());
        }
        let group = self.writer.next_row_group().map_err(|error| problem(&self.name, &error))?;
        let [id, text, source, license, file] = &self.strings;
        let numbers = [&self.positions, &self.tokens];
        let columns = Columns {
            strings: [Some(id), Some(text), None, Some(source), Some(license), Some(file)],
            languages: (&self.languages, &self.has_language),
            numbers: &numbers[..1 + usize::from(self.with_tokens)],
        };
        columns.write(group).map_err(|error| problem(&self.name, &error))?;
        self.strings.iter_mut().for_each(Vec::clear);
        self.languages.clear();
        self.has_language.clear();
        self.positions.clear();
        self.tokens.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    /// Ends the file. Returns what is below, the number of rows, and the bytes of their texts.
    pub fn finish(mut self) -> Result<(W, u64, u64)> {
        self.flush()?;
        let writer = self.writer.into_inner().map_err(|error| problem(&self.name, &error))?;
        Ok((writer, self.rows, self.text_bytes))
    }
}

/// A row group's columns in the order of [`COLUMNS`].
struct Columns<'a> {
    /// None where the languages stand.
    strings: [Option<&'a Vec<ByteArray>>; 6],
    languages: (&'a [ByteArray], &'a [i16]),
    numbers: &'a [&'a Vec<i64>],
}

impl Columns<'_> {
    fn write<W: Write + Send>(&self, mut group: SerializedRowGroupWriter<'_, W>) -> std::result::Result<(), ParquetError> {
        let missing = || ParquetError::General("the schema has fewer columns than a document".into());
        for strings in self.strings {
            let mut column = group.next_column()?.ok_or_else(missing)?;
            let (values, levels) = match strings {
                Some(values) => (values.as_slice(), None),
                None => (self.languages.0, Some(self.languages.1)),
            };
            column.typed::<ByteArrayType>().write_batch(values, levels, None)?;
            column.close()?;
        }
        for numbers in self.numbers {
            let mut column = group.next_column()?.ok_or_else(missing)?;
            column.typed::<Int64Type>().write_batch(numbers, None, None)?;
            column.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn problem(name: &Path, error: &ParquetError) -> Error {
    Error::format(name, format!("cannot be written as parquet: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn document(position: u64) -> Document {
        Document {
            id: Document::make_id("web", "a.txt", position),
            text: format!("{position} 結核 \u{0}"),
            language: (!position.is_multiple_of(3)).then_some(Language::Ja),
            source: "web".into(),
            license: "CC0".into(),
            file: "a.txt".into(),
            position,
        }
    }

    #[test]
    fn rows_come_back() {
        for with_tokens in [false, true] {
            let mut writer = ParquetWriter::new(Path::new("a.parquet"), Vec::new(), with_tokens).unwrap();
            for position in 0..100 {
                writer.write(&document(position), position * 2).unwrap();
                if position == 40 {
                    writer.flush().unwrap();
                }
            }
            let (bytes, rows, _) = writer.finish().unwrap();
            assert_eq!(rows, 100);
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let reader = SerializedFileReader::new(file).unwrap();
            assert_eq!(reader.num_row_groups(), 2);
            let names: Vec<_> = reader
                .metadata()
                .file_metadata()
                .schema()
                .get_fields()
                .iter()
                .map(|f| f.name().to_string())
                .collect();
            assert_eq!(names, columns(with_tokens).iter().map(|(name, _)| *name).collect::<Vec<_>>());
            for (position, row) in reader.get_row_iter(None).unwrap().enumerate() {
                let (row, expected) = (row.unwrap(), document(position as u64));
                assert_eq!(row.get_string(0).unwrap(), &expected.id);
                assert_eq!(row.get_string(1).unwrap(), &expected.text);
                assert_eq!(row.get_string(2).ok().map(String::as_str), expected.language.map(Language::code));
                assert_eq!(row.get_string(3).unwrap(), "web");
                assert_eq!(row.get_string(4).unwrap(), "CC0");
                assert_eq!(row.get_long(6).unwrap(), position as i64);
                if with_tokens {
                    assert_eq!(row.get_long(7).unwrap(), 2 * position as i64);
                }
            }
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let written = ParquetWriter::new(Path::new("out/a.parquet"), Full, false).and_then(|mut writer| {
            writer.write(&document(0), 0)?;
            writer.finish().map(drop)
        });
        let error = written.unwrap_err().to_string();
        assert!(error.contains("out/a.parquet"), "{error}");
    }
}

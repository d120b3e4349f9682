//! Parquet with CulturaX's columns: `text`, and where they are there `language` or `lang`, `source`, `license` or `licence`. Others
//! (`url`, `timestamp`) are not touched: columns are read one by one, pages at a time.
//!
//! What must hold: a file without the text column is refused at once, naming the columns that it has; a damaged file is a problem and never
//! ends the program (the library's decoders may panic on one, which is caught here).

use std::collections::VecDeque;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::basic::Type;
use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::bytes::to_text;
use super::problem::{Place, ReadProblem};
use super::tree::language_of_name;
use super::{Declared, Origin, ReadOptions, Source};
use crate::{Counts, Document};

/// Rows that are decoded at a time. Values are slices of decoded pages, so that a batch costs little more than its pages.
const BATCH: usize = 64;

/// One column of the row group that is being read.
struct Column {
    index: usize,
    max_level: i16,
    reader: Option<ColumnReaderImpl<ByteArrayType>>,
    /// Decoded rows; none for null.
    rows: VecDeque<Option<ByteArray>>,
}

impl Column {
    /// Decodes up to [`BATCH`] rows more.
    fn fill(&mut self) -> Result<(), ParquetError> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (rows, ..) = reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if self.max_level == 0 {
            self.rows.extend(values.into_iter().map(Some));
            return Ok(());
        }
        if levels.len() != rows {
            return Err(ParquetError::General(format!("{rows} rows with {} levels", levels.len())));
        }
        let mut values = values.into_iter();
        for level in levels {
            self.rows.push_back(if level == self.max_level { values.next() } else { None });
        }
        Ok(())
    }
}

pub struct Columns {
    file: SerializedFileReader<File>,
    /// Text, then what else there is: language, source, licence.
    columns: [Option<Column>; 4],
    group: usize,
    /// Rows left in the group that is open.
    left: i64,
    row: u64,
    ended: bool,
}

const NAMES: [&[&str]; 3] = [&["language", "lang"], &["source"], &["license", "licence"]];

impl Columns {
    /// Reads the footer and finds the columns.
    pub fn new(file: File, name: &str, options: &ReadOptions) -> Result<Columns, ReadProblem> {
        let place = Place::file(name);
        let file = guarded(|| SerializedFileReader::new(file)).map_err(|reason| damaged(place.clone(), reason))?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let find = |wanted: &str| schema.columns().iter().position(|column| column.path().string() == wanted);
        let Some(text) = find(&options.text_field) else {
            let columns: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
            return Err(ReadProblem::MissingColumn {
                place,
                column: options.text_field.clone(),
                columns: columns.join(", "),
            });
        };
        let is_text = |index: usize| {
            let column = schema.column(index);
            column.physical_type() == Type::BYTE_ARRAY && column.max_rep_level() == 0
        };
        if !is_text(text) {
            return Err(ReadProblem::NotText {
                place,
                column: options.text_field.clone(),
                found: schema.column(text).physical_type().to_string(),
            });
        }
        let column = |index: usize| Column {
            index,
            max_level: schema.column(index).max_def_level(),
            reader: None,
            rows: VecDeque::new(),
        };
        let other = |names: &[&str]| names.iter().find_map(|name| find(name)).filter(|&index| is_text(index)).map(column);
        let columns = [Some(column(text)), other(NAMES[0]), other(NAMES[1]), other(NAMES[2])];
        Ok(Columns {
            file,
            columns,
            group: 0,
            left: 0,
            row: 0,
            ended: false,
        })
    }

    /// The next row's values, or none at the end.
    fn next_row(&mut self) -> Result<Option<[Option<ByteArray>; 4]>, ParquetError> {
        while self.left <= 0 {
            if self.group == self.file.num_row_groups() {
                return Ok(None);
            }
            let group = self.file.get_row_group(self.group)?;
            self.left = group.metadata().num_rows();
            for column in self.columns.iter_mut().flatten() {
                let description = group.metadata().column(column.index).column_descr_ptr();
                let pages = group.get_column_page_reader(column.index)?;
                column.reader = Some(get_typed_column_reader(get_column_reader(description, pages)));
                column.rows.clear();
            }
            self.group += 1;
        }
        self.left -= 1;
        let mut row = [None, None, None, None];
        for (value, column) in row.iter_mut().zip(&mut self.columns) {
            let Some(column) = column else { continue };
            if column.rows.is_empty() {
                column.fill()?;
            }
            *value =
                (column.rows.pop_front()).ok_or_else(|| ParquetError::General("a column holds fewer rows than the file states".into()))?;
        }
        Ok(Some(row))
    }
}

impl Source for Columns {
    fn next(&mut self, origin: &Origin, options: &ReadOptions, counts: &mut Counts) -> Option<Result<Document, ReadProblem>> {
        while !self.ended {
            let row = match guarded(|| self.next_row()) {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(reason) => {
                    // Where the next row would start is not known any more.
                    self.ended = true;
                    return Some(Err(damaged(Place::part(&origin.file, "row", self.row), reason)));
                }
            };
            let position = self.row;
            self.row += 1;
            let place = Place::part(&origin.file, "row", position);
            let [text, language, source, license] = row;
            let Some(text) = text else {
                counts.add("null_text", 1);
                continue;
            };
            if text.len() as u64 > options.max_document_bytes {
                return Some(Err(ReadProblem::TooLarge {
                    place,
                    limit: options.max_document_bytes,
                }));
            }
            let text = match to_text(text.data().to_vec(), options, &place, counts) {
                Ok(text) => text,
                Err(problem) => return Some(Err(problem)),
            };
            let short = |value: Option<ByteArray>| value.map(|bytes| String::from_utf8_lossy(bytes.data()).into_owned());
            let language = short(language);
            let known = language.as_deref().and_then(language_of_name);
            if language.is_some() && known.is_none() {
                counts.add("other_language", 1);
            }
            let declared = Declared {
                language: known,
                source: short(source),
                license: short(license),
            };
            return Some(Ok(origin.declared(text, position, declared)));
        }
        None
    }
}

/// Runs the library, and takes a panic in it for a damaged file.
fn guarded<T>(run: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("its contents make no sense to the decoder".into()),
    }
}

fn damaged(place: Place, reason: String) -> ReadProblem {
    ReadProblem::Damaged {
        place,
        format: "parquet",
        reason,
    }
}

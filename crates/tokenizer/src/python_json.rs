//! JSON as Python's `json.dumps(value, ensure_ascii=False, indent=…)` writes it, which is what templates were trained with.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// `, ` and `: ` without indentation; with it, `,` before a new line.
struct Python {
    indent: Option<usize>,
    level: usize,
    empty: bool,
}

impl Python {
    fn new_line<W: ?Sized + io::Write>(&self, writer: &mut W) -> io::Result<()> {
        match self.indent {
            Some(width) => write!(writer, "\n{:1$}", "", width * self.level),
            None => Ok(()),
        }
    }

    fn open<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.empty = true;
        writer.write_all(bracket)
    }

    fn item<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(if self.indent.is_some() { b"," } else { b", " })?;
        }
        self.new_line(writer)
    }

    fn close<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level -= 1;
        if !self.empty {
            self.new_line(writer)?;
        }
        self.empty = false;
        writer.write_all(bracket)
    }
}

impl Formatter for Python {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }
    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }
    fn end_array_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.empty = false;
        Ok(())
    }
    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }
    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }
    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.item(writer, first)
    }
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.empty = false;
        Ok(())
    }
}

/// `value` as Python writes it.
pub(crate) fn to_string(value: &impl Serialize, indent: Option<usize>) -> serde_json::Result<String> {
    let mut output = Vec::new();
    value.serialize(&mut Serializer::with_formatter(
        &mut output,
        Python {
            indent,
            level: 0,
            empty: true,
        },
    ))?;
    Ok(String::from_utf8(output).expect("serde_json writes UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_lines_are_those_of_python() {
        let value = serde_json::json!({"a": [1, 2.5, null, true], "é<": {}, "l": [], "n": {"k": "\"x\"\n"}});
        // Expected: CPython 3.11's json.dumps of the same value.
        assert_eq!(
            to_string(&value, None).unwrap(),
            r#"{"a": [1, 2.5, null, true], "é<": {}, "l": [], "n": {"k": "\"x\"\n"}}"#
        );
        let lines = "{\n  \"a\": [\n    1,\n    2.5,\n    null,\n    true\n  ],\n  \"é<\": {},\n  \"l\": [],\n  \"n\": {\n    \"k\": \"\\\"x\\\"\\n\"\n  }\n}";
        assert_eq!(to_string(&value, Some(2)).unwrap(), lines);
    }
}

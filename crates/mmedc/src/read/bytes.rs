//! From bytes to text: never more than the limit, and no byte that is not UTF-8 without being counted.

use std::io::{self, BufRead, Read};

use super::problem::{Place, ReadProblem};
use super::{InvalidUtf8, ReadOptions};
use crate::Counts;

/// Reads to the end, or stops one byte past `limit`, whatever a header says about the size.
pub fn read_limited(reader: impl Read, limit: u64, place: &Place) -> Result<Vec<u8>, ReadProblem> {
    let mut bytes = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| ReadProblem::Io {
            place: place.clone(),
            source,
        })?;
    if bytes.len() as u64 > limit {
        return Err(ReadProblem::TooLarge {
            place: place.clone(),
            limit,
        });
    }
    Ok(bytes)
}

/// A line without its line break; an overlong one is passed over without being held.
pub enum Line {
    End,
    Whole(Vec<u8>),
    TooLong,
}

/// Reads the next line of at most `limit` bytes.
pub fn read_line(reader: &mut impl BufRead, limit: u64) -> io::Result<Line> {
    let mut line = Vec::new();
    let (mut any, mut too_long) = (false, false);
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if buffer.is_empty() {
            break;
        }
        any = true;
        let (part, used, done) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (&buffer[..at], at + 1, true),
            None => (buffer, buffer.len(), false),
        };
        too_long |= line.len() as u64 + part.len() as u64 > limit;
        if too_long {
            line = Vec::new();
        } else {
            line.extend_from_slice(part);
        }
        reader.consume(used);
        if done {
            break;
        }
    }
    Ok(match (any, too_long) {
        (false, _) => Line::End,
        (true, true) => Line::TooLong,
        (true, false) => {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            Line::Whole(line)
        }
    })
}

/// Takes bytes as text. Broken sequences become U+FFFD and are counted (`invalid_utf8_sequences`, `invalid_utf8_documents`), or the document
/// is refused.
pub fn to_text(bytes: Vec<u8>, options: &ReadOptions, place: &Place, counts: &mut Counts) -> Result<String, ReadProblem> {
    let broken = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(broken) => broken,
    };
    if options.invalid_utf8 == InvalidUtf8::Refuse {
        return Err(ReadProblem::NotUtf8 {
            place: place.clone(),
            byte: broken.utf8_error().valid_up_to() as u64 + 1,
        });
    }
    let bytes = broken.into_bytes();
    let mut text = String::with_capacity(bytes.len());
    let mut sequences = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            sequences += 1;
        }
    }
    counts.add("invalid_utf8_sequences", sequences);
    counts.add("invalid_utf8_documents", 1);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_of_every_ending_and_length() {
        let text = b"ab\r\n\nlonger than eight\n12345678\nlast";
        for capacity in [1, 2, 3, 64] {
            let mut reader = BufReader::with_capacity(capacity, &text[..]);
            let mut seen = Vec::new();
            loop {
                match read_line(&mut reader, 8).unwrap() {
                    Line::End => break,
                    Line::TooLong => seen.push("!".to_string()),
                    Line::Whole(line) => seen.push(String::from_utf8(line).unwrap()),
                }
            }
            assert_eq!(seen, ["ab", "", "!", "12345678", "last"], "buffer of {capacity}");
        }
    }

    #[test]
    fn broken_characters_are_replaced_and_counted_or_refused() {
        let bytes = b"d\xe9j\xe0 vu \xf0\x9f\x92".to_vec();
        let place = Place::file("a.txt");
        let mut counts = Counts::default();
        let replace = ReadOptions::default();
        let text = to_text(bytes.clone(), &replace, &place, &mut counts).unwrap();
        assert_eq!(text, String::from_utf8_lossy(&bytes));
        assert_eq!(counts.0["invalid_utf8_sequences"], 3);
        assert_eq!(counts.0["invalid_utf8_documents"], 1);
        let refuse = ReadOptions {
            invalid_utf8: InvalidUtf8::Refuse,
            ..replace
        };
        let error = to_text(bytes, &refuse, &place, &mut counts).unwrap_err();
        assert!(error.to_string().starts_with("a.txt: byte 2 is not UTF-8"), "{error}");
    }

    #[test]
    fn the_limit_is_inclusive_and_holds_for_endless_input() {
        let place = Place::file("a");
        assert_eq!(read_limited(&b"12345"[..], 5, &place).unwrap().len(), 5);
        let error = read_limited(io::repeat(b'x'), 5, &place).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a: longer than 5 bytes; raise the limit for documents, or split it"
        );
    }
}

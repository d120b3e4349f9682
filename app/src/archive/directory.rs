//! The list at the end of a zip archive: which files it holds and where (PKWARE APPNOTE 6.3.10, sections 4.3.12 and 4.3.16).
//!
//! What must hold: every offset is compared with the bytes that are there; nothing that the archive states sizes an allocation. Archives of
//! more than 4 GiB (zip64), of several disks, and encrypted entries are refused.

use std::ops::Range;

/// The end record with the longest comment.
const LONGEST_END: u64 = 22 + 0xffff;
const MOST_ENTRIES: usize = 10_000;
/// Bytes of the list; 10,000 entries with long names fit.
const LARGEST_LIST: u64 = 8 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub method: Method,
    /// Bytes as they lie in the archive.
    pub packed: u64,
    /// CRC-32 of what they unpack to.
    pub crc: u32,
    /// Where its local header begins.
    pub header: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Stored,
    Deflated,
    /// Encrypted, or compressed in another way.
    Other(u16),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadArchive {
    NotAnArchive(&'static str),
    TooManyEntries(usize),
}

impl BadArchive {
    pub fn sentence(&self, file: &str) -> String {
        match self {
            BadArchive::NotAnArchive(reason) => format!("{file}: not a readable zip archive ({reason})"),
            BadArchive::TooManyEntries(n) => format!("{file}: the archive has {n} entries, more than {MOST_ENTRIES}"),
        }
    }
}

/// From where on the end record is looked for.
pub fn end_at(size: u64) -> u64 {
    size.saturating_sub(LONGEST_END)
}

/// Where the list lies, from the archive's last bytes.
pub fn find(end: &[u8], size: u64) -> Result<Range<u64>, BadArchive> {
    let bad = BadArchive::NotAnArchive;
    let at = (0..end.len().saturating_sub(21))
        .rev()
        .find(|at| end[*at..].starts_with(b"PK\x05\x06") && at + 22 + usize::from(u16_at(end, at + 20)) <= end.len())
        .ok_or(bad("it has no list of files at its end; it may be cut short"))?;
    let (entries, bytes, start) = (u16_at(end, at + 10), u32_at(end, at + 12), u32_at(end, at + 16));
    if entries == u16::MAX || bytes == u32::MAX || start == u32::MAX {
        return Err(bad("it is of the large kind, zip64; unpack it and open the folder"));
    }
    if u16_at(end, at + 4) != 0 {
        return Err(bad("it is one of several parts"));
    }
    if usize::from(entries) > MOST_ENTRIES {
        return Err(BadArchive::TooManyEntries(entries.into()));
    }
    let list = u64::from(start)..u64::from(start) + u64::from(bytes);
    let end_record = size.saturating_sub(end.len() as u64) + at as u64;
    if list.end > end_record || u64::from(bytes) > LARGEST_LIST {
        return Err(bad("its list of files does not lie where it says"));
    }
    Ok(list)
}

/// The entries of the list.
pub fn entries(list: &[u8]) -> Result<Vec<Entry>, BadArchive> {
    let cut = BadArchive::NotAnArchive("its list of files is cut short");
    let mut out = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        if rest.len() < 46 || !rest.starts_with(b"PK\x01\x02") {
            return Err(cut);
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
        let next = 46 + name + extra + comment;
        if rest.len() < next {
            return Err(cut);
        }
        if out.len() == MOST_ENTRIES {
            return Err(BadArchive::TooManyEntries(out.len() + 1));
        }
        let method = match (u16_at(rest, 8) & 1, u16_at(rest, 10)) {
            (0, 0) => Method::Stored,
            (0, 8) => Method::Deflated,
            (_, other) => Method::Other(other),
        };
        out.push(Entry {
            name: String::from_utf8_lossy(&rest[46..46 + name]).into_owned(),
            method,
            packed: u32_at(rest, 20).into(),
            crc: u32_at(rest, 16),
            header: u32_at(rest, 42).into(),
        });
        rest = &rest[next..];
    }
    Ok(out)
}

/// How far behind the start of a local header the entry's bytes begin; `None` where it is no such header.
pub fn data_after(header: &[u8]) -> Option<u64> {
    let whole = header.len() >= 30 && header.starts_with(b"PK\x03\x04");
    whole.then(|| 30 + u64::from(u16_at(header, 26)) + u64::from(u16_at(header, 28)))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;
    use zip::CompressionMethod;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn archive(entries: &[(&str, &[u8], CompressionMethod)]) -> Vec<u8> {
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        out.set_comment("a comment with PK\x05\x06 in it, which is no end of any archive")
            .unwrap();
        for (name, bytes, method) in entries {
            out.start_file(*name, SimpleFileOptions::default().compression_method(*method))
                .unwrap();
            out.write_all(bytes).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Entry>, BadArchive> {
        let size = bytes.len() as u64;
        let list = find(&bytes[end_at(size) as usize..], size)?;
        entries(&bytes[list.start as usize..list.end as usize])
    }

    #[test]
    fn archives_of_another_writer_are_read() {
        let text = "question ".repeat(100);
        let bytes = archive(&[
            ("Test/日本語.jsonl", text.as_bytes(), CompressionMethod::Deflated),
            ("plain", b"stored", CompressionMethod::Stored),
        ]);
        let found = read(&bytes).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].method), ("Test/日本語.jsonl", Method::Deflated));
        let plain = &found[1];
        assert_eq!((plain.name.as_str(), plain.method, plain.packed), ("plain", Method::Stored, 6));
        let header = &bytes[plain.header as usize..];
        let data = plain.header + data_after(header).unwrap();
        assert_eq!(&bytes[data as usize..][..6], b"stored");
    }

    #[test]
    fn damage_is_told_and_never_read_past() {
        let whole = archive(&[("a.jsonl", b"{}", CompressionMethod::Stored)]);
        for cut in 0..whole.len() {
            // Without its last bytes an archive has no list; what must not happen is a panic or a wrong list.
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(matches!(read(b"not a zip"), Err(BadArchive::NotAnArchive(_))));
        let end = whole.len() - whole.windows(4).rev().position(|w| w == b"PK\x01\x02").unwrap() - 4;
        for (at, byte) in (end..whole.len()).flat_map(|at| [0u8, 0x7f, 0xff].map(|byte| (at, byte))) {
            let mut broken = whole.clone();
            broken[at] = byte;
            let _ = read(&broken);
        }
        assert_eq!(data_after(b"PK\x03\x04"), None);
    }
}

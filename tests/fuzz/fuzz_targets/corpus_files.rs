//! A file of a corpus. Its first byte says the format; the rest is read to the end, as documents and problems.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedc::read::{Format, Ocr, ReadOptions, open_file};
use std::io::{Seek, Write};
use std::panic;

const LIMIT: u64 = 1 << 20;
const NAMES: [&str; 8] = [
    "a.txt",
    "a.jsonl",
    "a.jsonl.gz",
    "a.jsonl.zst",
    "a.json",
    "a.zip",
    "a.parquet",
    "a.pdf",
];

fuzz_target!(
    // Panics inside the libraries for parquet and PDF are caught and are no findings; any that leaves our code still ends the run.
    init: panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let Some((which, bytes)) = bytes.split_first() else {
            return;
        };
        let name = NAMES[usize::from(*which) % NAMES.len()];
        let mut file = tempfile::tempfile().expect("a place for a small file");
        file.write_all(bytes).and_then(|()| file.rewind()).expect("a place for a small file");
        let options = ReadOptions {
            max_document_bytes: LIMIT,
            ocr: Ocr::Off,
            ..ReadOptions::default()
        };
        let Ok(reader) = open_file(file, name, Format::of(name).expect("a format"), &options) else {
            return;
        };
        for (n, result) in reader.enumerate() {
            assert!(n <= bytes.len() + 1 || n < 10_000, "does not end");
            match result {
                // A byte that is not UTF-8 becomes three.
                Ok(document) => assert!(document.text.len() as u64 <= 3 * LIMIT),
                Err(problem) => assert!(!problem.to_string().is_empty()),
            }
        }
    }
);

//! A zip archive with question files that may lie about everything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedbench::archive::{Limits, read_zip};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        entries: 100,
        total_bytes: 1 << 20,
    };
    let _ = read_zip("fuzz.zip", bytes, limits);
});

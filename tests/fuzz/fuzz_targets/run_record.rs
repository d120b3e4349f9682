//! A run record: what is read is written back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedbench::RunRecord;

fuzz_target!(|text: &str| {
    if let Ok(record) = RunRecord::from_jsonl(text) {
        assert_eq!(RunRecord::from_jsonl(&record.to_jsonl()).expect("our own form"), record);
        let _ = record.to_csv();
    }
});

//! A JSONL file of questions: every line is taken or reported, and what was taken survives its own form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedbench::{ReadReport, letters_from};

fuzz_target!(|bytes: &[u8]| {
    let mut report = ReadReport::default();
    report.read_file("Test/French.jsonl", bytes);
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
        .count();
    // The mark at the beginning of some files is no line.
    assert!(report.questions.len() + report.errors.len() >= lines.saturating_sub(1));
    for question in &report.questions {
        assert!(letters_from(&question.answer_idx()).is_some_and(|letters| question.is_correct(&letters)));
    }
});

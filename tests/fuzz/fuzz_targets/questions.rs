//! A file of questions in any format: every line of MMedBench's is taken or reported, and what was taken can be asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedbench::{Question, ReadReport, Template, letters_from};
use std::sync::LazyLock;

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let built_in = Template::NAMES
        .into_iter()
        .map(|name| Template::built_in(name).expect("it is built in"));
    built_in.collect()
});

fuzz_target!(|bytes: &[u8]| {
    let mut report = ReadReport::default();
    report.read_file("Test/French.jsonl", bytes);
    let bytes_of_lines = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes_of_lines.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace)).count();
    assert_eq!(report.questions.len() + report.errors.len(), lines);
    // The name decides which of the benchmarks' own formats are thought of.
    for name in ["a.jsonl", "a.json", "fr-dev.tsv", "a.csv"] {
        report.read_any(name, bytes);
    }
    report.questions.iter().for_each(check);
    for error in report.errors.iter().take(4) {
        assert!(!error.to_string().is_empty());
    }
});

fn check(question: &Question) {
    let letters = letters_from(&question.answer_idx()).expect("our own form");
    assert!(question.is_correct(&letters));
    assert!(question.options.len() >= 2 && question.options.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(question.answer.contains(&question.options[question.key_position()].0));
    for template in TEMPLATES.iter() {
        if let Ok(frame) = template.frame(question) {
            let _ = (frame.preamble(question), frame.ask_in_chat(question), frame.example(question, "A"));
        }
    }
}

//! A run record: what is read is written back as it was, and everything that is shown of it can be computed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedbench::report::{Style, as_csv, as_html, as_tables, comparison_tables, report};
use mmedbench::{Protocol, RunRecord};

fuzz_target!(|text: &str| {
    let Ok(mut record) = RunRecord::from_jsonl(text) else {
        return;
    };
    assert_eq!(RunRecord::from_jsonl(&record.to_jsonl()).expect("our own form"), record);
    let _ = record.to_csv();
    let _ = mmedbench::summary::scores(&record.questions);
    if let Ok(report) = report(&record) {
        for style in [Style::Terminal, Style::Markdown] {
            let _ = as_tables(&report, style, None);
        }
        let reports = [report];
        let _ = (as_csv(&reports), as_html(&reports));
    }
    if let Ok(comparison) = mmedbench::report::compare::compare(&record, &record) {
        let _ = comparison_tables(&comparison, Style::Terminal, 10);
    }
    for protocol in [Protocol::Lenient, Protocol::Paper] {
        let _ = mmedbench::run::rescore(&mut record, protocol);
    }
});

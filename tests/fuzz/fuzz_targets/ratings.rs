//! A rater's record: what is read is written back as it was, and can be summed up beside another's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedbench::rating::{Ratings, summary};
use mmedbench::report::{Style, ratings_as_csv, ratings_as_html, ratings_as_tables};

fuzz_target!(|text: &str| {
    let Ok(ratings) = Ratings::from_jsonl(text) else {
        return;
    };
    assert_eq!(Ratings::from_jsonl(&ratings.to_jsonl()).expect("our own form"), ratings);
    let mut other = ratings.clone();
    other.header.rater.push('2');
    if let Ok(summary) = summary(&[ratings, other]) {
        let _ = ratings_as_tables(&summary, &[], Style::Terminal);
        let _ = (ratings_as_html(&summary, &[]), ratings_as_csv(&summary, &[]));
    }
});

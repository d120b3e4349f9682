//! The crate's own small files, read as a user's would be: from a folder and out of a zip archive that holds the same.

use std::io::{Cursor, Write};

use mmedkit_mmedbench::archive::{Limits, read_zip};
use mmedkit_mmedbench::{Language, ReadReport};

const ENGLISH: &[u8] = include_bytes!("fixtures/English.jsonl");

#[test]
fn good_lines_are_taken_and_broken_ones_named() {
    let mut report = ReadReport::default();
    report.offer_file("Mine/English.jsonl", ENGLISH);
    let ids: Vec<&str> = report.questions.iter().map(|q| q.id.as_str()).collect();
    assert_eq!(ids, ["Mine/English:1", "Mine/English:2", "Mine/English:4"]);
    assert_eq!(
        report.questions[0].question,
        "Which <b>vitamin</b> is made in the skin?\nOne answer."
    );
    assert_eq!(report.questions[1].answer_idx(), "A,C");
    assert_eq!(report.questions[2].options.len(), 10);
    assert!(report.questions.iter().all(|q| q.language == Language::English));
    let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors[0], "Mine/English.jsonl, line 3, field `answer_idx`: missing");
    assert!(errors[1].starts_with("Mine/English.jsonl, line 5: not valid JSON"), "{}", errors[1]);
}

#[test]
fn an_archive_gives_the_same_as_the_folder() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("Mine/English.jsonl", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(ENGLISH).unwrap();
    let archive = zip.finish().unwrap().into_inner();
    let mut folder = ReadReport::default();
    folder.offer_file("Mine/English.jsonl", ENGLISH);
    assert_eq!(read_zip("mine.zip", &archive, Limits::default()).unwrap(), folder);
}

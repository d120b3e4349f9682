//! Every file of the folder of metric vectors has a test that reads it, or stands here with the reason why none does.

mod vectors;

/// Compared key by key in the test named.
const COMPARED: [(&str, &str); 6] = [
    ("choice.jsonl", "conformance_choice"),
    ("choice_summary.json", "conformance_statistics"),
    ("extraction.jsonl", "conformance_metrics_extraction"),
    ("stats.json", "conformance_statistics"),
    ("text.jsonl", "conformance_text"),
    ("text_summary.json", "conformance_text"),
];

/// Not results: what the vectors were made from and with.
const NOT_RESULTS: [&str; 5] = [
    "README.md",
    "extraction_cases.jsonl",
    "inputs.json",
    "make_vectors.py",
    "versions.json",
];

#[test]
fn conformance_no_file_is_forgotten() {
    let Some(folder) = vectors::folder() else { return };
    let mut found = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        found += 1;
        match COMPARED.iter().find(|(file, _)| *file == name) {
            Some((file, test)) => println!("{file}: {test}"),
            None => assert!(NOT_RESULTS.contains(&name.as_str()), "{name}: no test reads it"),
        }
    }
    assert_eq!(found, COMPARED.len() + NOT_RESULTS.len(), "a file that a test reads is missing");
}

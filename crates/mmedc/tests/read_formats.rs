//! Every format that is read, from files that other programs wrote (`fixtures/make_inputs.py`: pyarrow, zstandard, fpdf2, Pillow).

use std::path::{Path, PathBuf};

use mmedkit_mmedc::read::{Format, InputFile, Ocr, ReadOptions, ReadProblem, list, open};
use mmedkit_mmedc::{Document, Language};

fn fixture(name: &str) -> InputFile {
    file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name), name)
}

fn file(path: &Path, name: &str) -> InputFile {
    InputFile {
        path: path.to_owned(),
        file: name.into(),
        format: Format::of(name).unwrap(),
        bytes: 0,
    }
}

fn read(name: &str, options: &ReadOptions) -> Vec<Document> {
    open(&fixture(name), options).unwrap().map(Result::unwrap).collect()
}

#[test]
fn culturax_columns() {
    let mut reader = open(&fixture("fr_part_00000.parquet"), &ReadOptions::default()).unwrap();
    let documents: Vec<Document> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(documents.len(), 120, "160 rows, 40 of them null");
    assert_eq!(reader.counts().0["null_text"], 40);
    for (n, document) in documents.iter().enumerate() {
        let row = n / 3 * 4 + [0, 1, 3][n % 3];
        let (text, source) = match row % 4 {
            0 => (format!("{row}: Le patient présente une fièvre."), "mC4"),
            1 => (String::new(), "OSCAR-2301"),
            _ => (format!("{row}: La fièvre a disparu.\nFin."), "OSCAR-2301"),
        };
        assert_eq!(
            (document.text.as_str(), document.source.as_str()),
            (text.as_str(), source),
            "row {row}"
        );
        assert_eq!((document.position, document.language), (row as u64, Some(Language::Fr)));
        assert_eq!(document.id, Document::make_id(source, "fr_part_00000.parquet", document.position));
    }
}

#[test]
fn other_compressions_and_kinds_of_text_columns() {
    let documents = read("large_zstd.parquet", &ReadOptions::default());
    let seen: Vec<(&str, Option<Language>)> = documents.iter().map(|d| (d.text.as_str(), d.language)).collect();
    assert_eq!(seen, [("a", Some(Language::Ru)), ("b", None), ("a", Some(Language::En))]);

    let mut reader = open(&fixture("binary_gzip.parquet"), &ReadOptions::default()).unwrap();
    let texts: Vec<String> = reader.by_ref().map(|d| d.unwrap().text).collect();
    assert_eq!(texts, ["ok", "d\u{fffd}j\u{fffd}"]);
    assert_eq!(reader.counts().0["invalid_utf8_sequences"], 2);
}

#[test]
fn a_missing_column_is_named_with_those_that_are_there() {
    let error = open(&fixture("no_text.parquet"), &ReadOptions::default()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "no_text.parquet: no column \"text\"; the columns are timestamp, url, source"
    );
    assert!(error.is_fatal());
    let options = ReadOptions {
        text_field: "url".into(),
        ..ReadOptions::default()
    };
    assert_eq!(read("no_text.parquet", &options).len(), 160);
}

#[test]
fn json_lines_plain_gzip_and_zstd() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("two.jsonl");
    std::fs::write(
        &plain,
        "\u{feff}{\"text\":\"Lungs.\",\"language\":\"en\",\"source\":\"web\",\"license\":\"CC0\"}\r\n\n{\"lang\":\"zh\",\"source\":\"web\",\"licence\":\"CC0\",\"x\":[1,{}],\"text\":\"\\u80ba\\u3002\"}",
    )
    .unwrap();
    for input in [fixture("two.jsonl.gz"), fixture("two.jsonl.zst"), file(&plain, "two.jsonl")] {
        let documents: Vec<Document> = open(&input, &ReadOptions::default()).unwrap().map(Result::unwrap).collect();
        assert_eq!(documents.len(), 2, "{}", input.file);
        let last = if input.file == "two.jsonl" { 2 } else { 1 };
        for (document, (text, language, position)) in documents.iter().zip([("Lungs.", Language::En, 0), ("肺。", Language::Zh, last)]) {
            assert_eq!(document.text, text, "{}", input.file);
            assert_eq!(document.language, Some(language));
            assert_eq!((document.source.as_str(), document.license.as_str()), ("web", "CC0"));
            assert_eq!(document.position, position);
        }
    }
}

#[test]
fn what_is_declared_on_the_command_line_goes_first() {
    let options = ReadOptions {
        language: Some(Language::Ja),
        source: Some("mine".into()),
        license: "none".into(),
        ..ReadOptions::default()
    };
    for document in read("two.jsonl.gz", &options) {
        assert_eq!((document.language, document.source.as_str()), (Some(Language::Ja), "mine"));
        assert_eq!(document.license, "CC0", "a row's own licence stands");
    }
}

#[test]
fn lines_that_cannot_be_read_are_named_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.jsonl");
    std::fs::write(
        &path,
        "{\"text\":\"one\"}\n{\"text\":1}\n{\"body\":\"x\"}\n[]\n{\"text\":\"\\ud800\"}\n{\"text\":\"two\"} {}\n{\"text\":\"last\"}",
    )
    .unwrap();
    let read: Vec<String> = open(&file(&path, "x.jsonl"), &ReadOptions::default())
        .unwrap()
        .map(|document| match document {
            Ok(document) => document.text,
            Err(problem) => problem.to_string(),
        })
        .collect();
    assert_eq!((read[0].as_str(), read[6].as_str(), read.len()), ("one", "last", 7));
    assert!(
        read[1].starts_with("x.jsonl, line 2: not the JSON that is expected (invalid type"),
        "{}",
        read[1]
    );
    assert_eq!(read[2], "x.jsonl, line 3: no field \"text\"");
    for (line, problem) in (4..).zip(&read[3..6]) {
        assert!(
            problem.starts_with(&format!("x.jsonl, line {line}: not the JSON that is expected")),
            "{problem}"
        );
    }
}

#[test]
fn the_authors_textbooks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book.json");
    std::fs::write(&path, r#"{"pdf_filename":"b.pdf","page_num":3,"text_list":["First.","","Third."]}"#).unwrap();
    let mut reader = open(&file(&path, "books/zh/book.json"), &ReadOptions::default()).unwrap();
    let document = reader.next().unwrap().unwrap();
    assert_eq!(document.text, "First.\n\nThird.");
    assert_eq!((document.source.as_str(), document.language), ("books", Some(Language::Zh)));
    assert!(reader.next().is_none());
    assert_eq!(reader.counts().0["pages"], 3);

    std::fs::write(&path, r#"{"pages":[]}"#).unwrap();
    let error = open(&file(&path, "book.json"), &ReadOptions::default())
        .unwrap()
        .next()
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("missing field `text_list`"), "{error}");
}

#[test]
fn a_text_book_page_by_page() {
    let mut reader = open(&fixture("book_ru.pdf"), &ReadOptions::default()).unwrap();
    let document = reader.next().unwrap().unwrap();
    let sentence = "Пневмония — воспаление лёгких. Врач назначил антибиотик, и через три дня температура упала до нормы.";
    let pages: Vec<String> = (1..=3).map(|n| format!("Page {n}. {}", [sentence; 4].join(" "))).collect();
    // Where lines break is the page's; the words and their order are the book's.
    let words: Vec<&str> = document.text.split_whitespace().collect();
    assert_eq!(words.join(" "), pages.join(" "));
    assert_eq!(reader.counts().0["pages"], 3);
    assert_eq!(reader.counts().0["dropped_pages"], 0);
}

#[test]
fn a_long_text_book_loses_its_covers() {
    let mut reader = open(&fixture("book_en_100.pdf"), &ReadOptions::default()).unwrap();
    let text = reader.next().unwrap().unwrap().text;
    let pages: Vec<usize> = text
        .split("Page ")
        .skip(1)
        .map(|page| page.split('.').next().unwrap().parse().unwrap())
        .collect();
    // 0.018 x 100 + 3 = 4.8: pages 1 to 4 go, and the last five.
    assert_eq!(pages, (5..=95).collect::<Vec<usize>>());
    assert_eq!(reader.counts().0["dropped_pages"], 9);
    let limit = ReadOptions {
        max_document_bytes: 5000,
        ..ReadOptions::default()
    };
    let error = open(&fixture("book_en_100.pdf"), &limit).unwrap().next().unwrap().unwrap_err();
    assert!(matches!(error, ReadProblem::TooLarge { limit: 5000, .. }), "{error}");
}

/// What reads a scan where Tesseract is, and what is said where it is not. Both are behaviour that is promised.
#[test]
fn a_scan_is_recognised_or_listed() {
    let options = |command: &str| ReadOptions {
        language: Some(Language::En),
        ocr: Ocr::Tesseract(command.into()),
        ..ReadOptions::default()
    };
    let scan = fixture("scan_en.pdf");
    let error = open(&scan, &options("no-such-tesseract")).unwrap().next().unwrap().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("scan_en.pdf: an image-only PDF, and no text recognition: no-such-tesseract is not installed"),
        "{error}"
    );
    assert_eq!(error.name(), "image_only");
    let off = ReadOptions {
        ocr: Ocr::Off,
        ..options("")
    };
    assert!(open(&scan, &off).unwrap().next().unwrap().is_err());

    let installed = std::process::Command::new("tesseract").arg("--list-langs").output();
    match (open(&scan, &options("tesseract")).unwrap().next().unwrap(), installed) {
        (Ok(document), _) => assert_eq!(document.text, "The fever was gone\nafter three days."),
        (Err(error), Err(_)) => assert!(error.to_string().contains("is not installed"), "{error}"),
        (Err(error), Ok(_)) => assert!(error.to_string().contains("has no model eng"), "{error}"),
    }
    println!(
        "tesseract: {:?}",
        std::process::Command::new("tesseract").arg("--version").output().is_ok()
    );
}

/// The command line that is promised to Tesseract, on a stand-in that says what it got.
#[cfg(unix)]
#[test]
fn recognition_gets_each_page_as_a_picture() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let script = |body: &str| -> PathBuf {
        let path = dir.path().join("ocr.sh");
        std::fs::write(
            &path,
            format!("#!/bin/sh\nif [ \"$1\" = --list-langs ]; then echo rus; exit 0; fi\n{body}\n"),
        )
        .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let read = |command: PathBuf, language| {
        let options = ReadOptions {
            language,
            ocr: Ocr::Tesseract(command),
            ..ReadOptions::default()
        };
        open(&fixture("scan_en.pdf"), &options).unwrap().next().unwrap()
    };
    let says = script("echo \" $* \"; echo; head -c 2 | tr -d '\\n'; wc -c | tr -d ' \\n'; echo");
    let document = read(says.clone(), Some(Language::Ru)).unwrap();
    // 700 x 120 grey pixels after the header, of which `head` took two bytes.
    let page = format!("stdin stdout -l rus P5{}", "\n700 120\n255\n".len() + 700 * 120);
    assert_eq!(document.text, format!("{page}\n{page}"));
    let error = read(says.clone(), Some(Language::Ja)).unwrap_err().to_string();
    assert!(error.contains("has no model jpn; Debian's package is tesseract-ocr-jpn"), "{error}");
    assert!(read(says, None).unwrap_err().to_string().contains("its language is not declared"));
    let error = read(script("cat >/dev/null; exit 3"), Some(Language::Ru)).unwrap_err().to_string();
    assert!(error.contains("failed: exit status: 3"), "{error}");
}

#[test]
fn a_tree_of_everything_is_read_in_order_with_stable_ids() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let ids = || -> Vec<String> {
        let options = ReadOptions {
            ocr: Ocr::Off,
            ..ReadOptions::default()
        };
        let listing = list(&root, &options).unwrap();
        assert!(listing.other >= 1, "programs are no texts");
        let readers = listing.files.iter().filter_map(|file| open(file, &options).ok());
        readers.flatten().filter_map(Result::ok).map(|document| document.id).collect()
    };
    let first = ids();
    assert_eq!(first, ids());
    let distinct: std::collections::BTreeSet<&String> = first.iter().collect();
    assert_eq!(distinct.len(), first.len());
    assert!(first.len() > 120);
}

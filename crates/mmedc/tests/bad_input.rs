//! Inputs that are wrong, damaged or hostile.

mod counting;

use std::io::{Cursor, Read, Write};
use std::path::Path;

use counting::{ALONE, peak};
use mmedkit_mmedc::filter::{Keywords, MedicalFilter, Rule};
use mmedkit_mmedc::read::{Format, InputFile, InvalidUtf8, ReadOptions, ReadProblem, open};
use mmedkit_mmedc::{Counts, Document, Language, Step, Verdict};
use zip::write::{SimpleFileOptions, ZipWriter};

fn input(path: &Path) -> InputFile {
    let name = path.file_name().unwrap().to_str().unwrap();
    InputFile {
        path: path.to_owned(),
        file: name.into(),
        format: Format::of(name).unwrap(),
        bytes: 0,
    }
}

/// Texts and problems of a file, in order.
fn read(path: &Path, options: &ReadOptions) -> Vec<Result<Document, ReadProblem>> {
    match open(&input(path), options) {
        Ok(reader) => reader.collect(),
        Err(problem) => vec![Err(problem)],
    }
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        out.start_file(*name, options).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn an_empty_file_of_every_format() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, expected) in [
        ("a.txt", "ok "),
        ("a.jsonl", ""),
        ("a.jsonl.gz", ""),
        ("a.jsonl.zst", ""),
        ("a.zip", "damaged"),
        ("a.parquet", "damaged"),
        ("a.json", "json"),
        ("a.pdf", "damaged"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, "").unwrap();
        let seen: Vec<String> = (read(&path, &ReadOptions::default()).into_iter())
            .map(|result| match result {
                Ok(document) => format!("ok {}", document.text),
                Err(problem) => problem.name().to_string(),
            })
            .collect();
        // A stream of no bytes is no gzip stream, but holds no documents either.
        let expected: Vec<&str> = Some(expected).filter(|e| !e.is_empty()).into_iter().collect();
        if name.ends_with(".gz") || name.ends_with(".zst") {
            assert!(seen.is_empty() || seen == ["io"], "{name}: {seen:?}");
        } else {
            assert_eq!(seen, expected, "{name}");
        }
    }
    // The empty document goes through a step like any other.
    let filter = MedicalFilter::new(Rule::Mmedc, &Keywords::mmedc());
    let mut document = read(&dir.path().join("a.txt"), &ReadOptions::default()).remove(0).unwrap();
    document.language = Some(Language::Fr);
    assert_eq!(
        filter.apply(&mut document, &mut Counts::default()),
        Verdict::Drop("not_medical".into())
    );
}

#[test]
fn invalid_utf8_is_replaced_and_counted_or_refused() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let latin = b"La fi\xe8vre a dur\xe9 trois jours.";
    let line = [b"{\"text\":\"".as_slice(), latin, b"\"}\n{\"text\":\"ok\"}\n"].concat();
    let zip = archive(&[("fr/a.txt", latin), ("fr/b.txt", b"ok")]);
    for (name, bytes, place) in [
        ("a.txt", latin.to_vec(), "a.txt: byte 6"),
        ("a.jsonl", line, "a.jsonl, line 1: byte 15"),
        ("a.zip", zip, "a.zip/fr/a.txt: byte 6"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut reader = open(&input(&path), &ReadOptions::default()).unwrap();
        let first = reader.next().unwrap().unwrap();
        assert_eq!(first.text, "La fi\u{fffd}vre a dur\u{fffd} trois jours.", "{name}");
        assert_eq!(reader.counts().0["invalid_utf8_sequences"], 2, "{name}");
        let refuse = ReadOptions {
            invalid_utf8: InvalidUtf8::Refuse,
            ..ReadOptions::default()
        };
        let mut results = read(&path, &refuse).into_iter();
        let error = results.next().unwrap().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{place} is not UTF-8")), "{error}");
        assert!(results.all(|rest| rest.unwrap().text == "ok"), "{name}: the rest is read");
    }
}

/// A pipe of a gibibyte that is never on disk: gzip of one long line, one mebibyte of file.
fn gzip_of(prefix: &str, filler: u8, n: u64, suffix: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(prefix.as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(filler).take(n), &mut out).unwrap();
    out.write_all(suffix.as_bytes()).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_document_of_a_gibibyte_is_passed_over_without_being_held() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.gz");
    let bytes = gzip_of("{\"text\":\"before\"}\n{\"text\":\"", b'x', 1 << 30, "\"}\n{\"text\":\"after\"}\n");
    assert!(bytes.len() < 16 << 20);
    std::fs::write(&path, bytes).unwrap();
    let options = ReadOptions {
        max_document_bytes: 8 << 20,
        ..ReadOptions::default()
    };
    let (results, most) = peak(|| read(&path, &options));
    assert_eq!(results.len(), 3);
    assert_eq!(results[0].as_ref().unwrap().text, "before");
    assert_eq!(
        results[1].as_ref().unwrap_err().to_string(),
        "a.jsonl.gz, line 2: longer than 8388608 bytes; raise the limit for documents, or split it"
    );
    assert_eq!(results[2].as_ref().unwrap().text, "after");
    // The line as far as the limit (its buffer grows by doubling) and the decoder.
    assert!(most < 40 << 20, "{most} bytes");
}

#[test]
fn a_file_of_a_gibibyte_is_refused_by_what_it_holds() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.txt");
    // Sparse: it takes no room on disk.
    std::fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let options = ReadOptions {
        max_document_bytes: 8 << 20,
        ..ReadOptions::default()
    };
    let (results, most) = peak(|| read(&path, &options));
    assert!(matches!(results[..], [Err(ReadProblem::TooLarge { .. })]));
    assert!(most < 40 << 20, "{most} bytes");
}

/// With a higher limit a long document is read and filtered, in memory of a few times its size.
#[test]
fn a_long_document_is_filtered_in_memory_of_a_few_times_its_size() {
    let _alone = ALONE.lock().unwrap();
    const SIZE: usize = 32 << 20;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.txt");
    let sentence = "Cancer treatment and chemotherapy of the patient, Éponge. ";
    std::fs::write(&path, sentence.repeat(SIZE / sentence.len())).unwrap();
    let filter = MedicalFilter::new(Rule::Mmedc, &Keywords::mmedc());
    let (decision, most) = peak(|| {
        let document = read(&path, &ReadOptions::default()).remove(0).unwrap();
        filter.decide(Language::En, &document.text).unwrap()
    });
    assert!(decision.chars > 30_000_000 && decision.unique_hits >= 3);
    assert!(most < 4 * SIZE, "{most} bytes");
}

#[test]
fn an_archive_that_lies_about_sizes_is_read_by_what_it_holds() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zip");
    // Of the text: byte 22 of the local header and byte 24 of the central one; of what it is packed to: four bytes before.
    let lying = |local: usize, size: u32| {
        let mut bytes = archive(&[("fr/a.txt", "La fièvre.".as_bytes())]);
        let central = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        bytes[central + local + 2..central + local + 6].copy_from_slice(&size.to_le_bytes());
        bytes[local..local + 4].copy_from_slice(&size.to_le_bytes());
        bytes
    };
    for (local, size, whole) in [
        // More than there is: it ends where it ends, and nothing is reserved for the rest.
        (22, 0xffff_fff0, true),
        (22, 1 << 30, true),
        // Less than there is: nobody knows what the archive's maker meant, so it is no document.
        (22, 3, false),
        (22, 0, false),
        (18, 3, false),
        (18, 0, false),
    ] {
        std::fs::write(&path, lying(local, size)).unwrap();
        let (results, most) = peak(|| read(&path, &ReadOptions::default()));
        assert!(most < 8 << 20, "{size}: {most} bytes");
        match &results[..] {
            [Ok(document)] if whole => assert_eq!(document.text, "La fièvre."),
            [Err(problem @ ReadProblem::Damaged { .. })] if !whole => {
                assert!(
                    problem.to_string().starts_with("a.zip/fr/a.txt: not a readable zip file"),
                    "{problem}"
                );
            }
            other => panic!("{local} {size}: {other:?}"),
        }
    }
    // A bomb: a mebibyte holds a gibibyte.
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    out.start_file(
        "b.txt",
        SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .large_file(true),
    )
    .unwrap();
    std::io::copy(&mut std::io::repeat(b' ').take(1 << 28), &mut out).unwrap();
    out.start_file("c.txt", SimpleFileOptions::default()).unwrap();
    out.write_all(b"after").unwrap();
    std::fs::write(&path, out.finish().unwrap().into_inner()).unwrap();
    let options = ReadOptions {
        max_document_bytes: 4 << 20,
        ..ReadOptions::default()
    };
    let (results, most) = peak(|| read(&path, &options));
    assert!(matches!(&results[0], Err(ReadProblem::TooLarge { .. })));
    assert_eq!(results[1].as_ref().unwrap().text, "after");
    assert!(most < 24 << 20, "{most} bytes");
}

#[test]
fn an_archive_that_climbs_out_is_named_and_the_rest_is_read() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zip");
    let entries: [(&str, &[u8]); 5] = [
        ("../../etc/a.txt", b"up"),
        ("/etc/b.txt", b"root"),
        ("web/es/c.txt", b"dentro"),
        ("web/es/readme.md", b"not text"),
        ("web/cultural_filtered_data_used/d.txt", b"left out"),
    ];
    std::fs::write(&path, archive(&entries)).unwrap();
    let options = ReadOptions {
        exclude: vec!["cultural_filtered_data_used".into()],
        ..ReadOptions::default()
    };
    let mut reader = open(&input(&path), &options).unwrap();
    let results: Vec<_> = reader.by_ref().collect();
    assert!(matches!(&results[0], Err(ReadProblem::UnsafeName { .. })));
    assert!(matches!(&results[1], Err(ReadProblem::UnsafeName { .. })));
    let document = results[2].as_ref().unwrap();
    assert_eq!(document.file, "a.zip/web/es/c.txt");
    assert_eq!((document.language, document.source.as_str()), (Some(Language::Es), "web"));
    assert_eq!(results.len(), 3);
    assert_eq!((reader.counts().0["other_files"], reader.counts().0["excluded_files"]), (1, 1));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn streams_that_break_off_are_said_to() {
    let _alone = ALONE.lock().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let whole = gzip_of("{\"text\":\"one\"}\n{\"text\":\"", b'y', 100_000, "\"}\n");
    let path = dir.path().join("a.jsonl.gz");
    std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let results = read(&path, &ReadOptions::default());
    assert_eq!(results[0].as_ref().unwrap().text, "one");
    assert!(results[1..].iter().all(Result::is_err));
    assert_eq!(results.len(), 2, "it ends there");
    // Whose file this was cannot be told any more.
    std::fs::write(dir.path().join("b.jsonl.zst"), b"not zstd at all").unwrap();
    let results = read(&dir.path().join("b.jsonl.zst"), &ReadOptions::default());
    assert!(matches!(&results[..], [Err(problem @ ReadProblem::BrokenStart { .. })] if problem.is_fatal()));
}

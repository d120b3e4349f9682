//! Every file format with bytes changed, cut out and put in by a seeded generator: a reader answers with documents and problems, ends,
//! and never panics.

use std::path::Path;

use mmedkit_mmedc::read::{Format, InputFile, Ocr, ReadOptions, open};

/// Knuth's generator; the seed names the case.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            2 => bytes.truncate(at),
            3 => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let value = random.below(256) as u8;
                bytes.splice(at..at, std::iter::repeat_n(value, random.below(9)));
            }
        }
    }
}

fn rounds(name: &str, original: &[u8], rounds: u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let options = ReadOptions {
        max_document_bytes: 1 << 20,
        ocr: Ocr::Off,
        ..ReadOptions::default()
    };
    let (mut documents, mut problems) = (0, 0);
    for seed in 0..rounds {
        let mut bytes = original.to_vec();
        mutate(&mut bytes, &mut Random(seed));
        std::fs::write(&path, &bytes).unwrap();
        let input = InputFile {
            path: path.clone(),
            file: name.into(),
            format: Format::of(name).unwrap(),
            bytes: bytes.len() as u64,
        };
        match open(&input, &options) {
            Err(_) => problems += 1,
            Ok(reader) => {
                // More than the file can hold would be a reader that does not end.
                for (n, result) in reader.enumerate() {
                    assert!(n < 10_000, "{name}, seed {seed}: does not end");
                    match result {
                        Ok(document) => {
                            assert!(document.text.len() <= 3 << 20);
                            documents += 1;
                        }
                        Err(problem) => {
                            assert!(!problem.to_string().is_empty());
                            problems += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{name}: {documents} documents, {problems} problems in {rounds} rounds");
    assert!(problems > 0, "{name}: no round did any damage");
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

#[test]
fn json_lines() {
    let lines = "{\"text\":\"Le poumon\",\"language\":\"fr\"}\n{\"text\":\"\\u80ba \\ud83d\\udc89\",\"source\":null}\n".repeat(4);
    rounds("a.jsonl", lines.as_bytes(), 500);
    rounds("a.jsonl.gz", &fixture("two.jsonl.gz"), 500);
    rounds("a.jsonl.zst", &fixture("two.jsonl.zst"), 500);
}

#[test]
fn textbooks() {
    let book = r#"{"pdf_filename":"b.pdf","page_num":3,"text_list":["First.","é","Third."]}"#;
    rounds("a.json", book.as_bytes(), 500);
}

#[test]
fn archives() {
    use std::io::{Cursor, Write};
    let mut out = zip::write::ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["fr/a.txt", "zh/b.txt"] {
        out.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all("Le poumon, 肺。".repeat(20).as_bytes()).unwrap();
    }
    rounds("a.zip", &out.finish().unwrap().into_inner(), 500);
}

#[test]
fn parquet() {
    rounds("a.parquet", &fixture("fr_part_00000.parquet"), 500);
    rounds("b.parquet", &fixture("large_zstd.parquet"), 300);
}

#[test]
fn pdf() {
    rounds("a.pdf", &fixture("book_ru.pdf"), 60);
    rounds("b.pdf", &fixture("scan_en.pdf"), 60);
}

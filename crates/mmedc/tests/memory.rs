//! Memory of steps that go through a whole file, however many documents it has.

mod counting;

use std::path::Path;

use counting::{ALONE, peak};
use mmedkit_mmedc::dedup::Options;
use mmedkit_mmedc::dedup::signatures::{Signatures, map};
use mmedkit_mmedc::shards::{Metadata, Shard, ShardWriter, Vocabulary};
use mmedkit_mmedc::{Document, Language};

fn document(position: u64) -> Document {
    Document {
        id: format!("{position:032x}"),
        text: format!("text number {position}"),
        language: Some(Language::En),
        source: "web".into(),
        license: String::new(),
        file: "all.jsonl".into(),
        position,
    }
}

/// 15 keys a document: without a bound, 36 bytes of the table and 480 of the keys each.
fn sign(folder: &Path, documents: u64) -> usize {
    let options = Options {
        rows: 1,
        ..Options::default()
    };
    let output = folder.join("signatures.bin");
    let (counts, most) = peak(|| map((0..documents).map(|position| Ok(document(position))), &options, 4, &output, &|_| {}).unwrap());
    assert_eq!(counts.0["documents"], documents);
    let signatures = Signatures::open(&output).unwrap();
    assert_eq!(u64::from(signatures.documents), documents);
    let mut entries = 0;
    for bucket in 0..4 {
        let keys: Vec<u128> = signatures.bucket(bucket).map(|entry| entry.unwrap().0).collect();
        assert!(keys.is_sorted());
        entries += keys.len() as u64;
    }
    assert_eq!(entries, 15 * documents);
    most
}

#[test]
fn signatures_of_one_large_file_take_no_more_memory() {
    let _alone = ALONE.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // A batch of documents is full at 50,000, a run of keys at 35,000.
    let (small, large) = (sign(folder.path(), 80_000), sign(folder.path(), 320_000));
    println!("signatures: {small} bytes at most for 80,000 documents, {large} for 320,000");
    // The same, but for the buffers of ten runs in place of three, which together have a bound.
    assert!(large < small + (4 << 20), "{small} → {large}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_shard_of_many_documents_takes_no_more_memory() {
    let _alone = ALONE.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let vocabulary = Vocabulary {
        hash: "00".repeat(32),
        tokens: 1000,
        prefix: Vec::new(),
        end: 0,
        padding: 0,
    };
    let write = |documents: u64| {
        let path = folder.path().join("all.tokens");
        let (header, most) = peak(|| {
            let mut writer = ShardWriter::create(&path, &vocabulary).unwrap();
            for position in 0..documents {
                let tokens = [position as u32 % 999, 7, 0];
                writer.add(&tokens, &Metadata::new(&document(position), 3)).unwrap();
            }
            writer.commit().unwrap()
        });
        assert_eq!((header.documents, header.tokens), (documents, 3 * documents));
        let shard = Shard::open(&path).unwrap();
        shard.verify().unwrap();
        for position in [0, documents / 2, documents - 1] {
            assert_eq!(shard.document(position), [position as u32 % 999, 7, 0]);
            assert_eq!(u128::from_be_bytes(shard.id(position)), u128::from(position));
            assert_eq!(shard.language(position), Some(Language::En));
        }
        most
    };
    let (small, large) = (write(40_000), write(400_000));
    println!("a shard: {small} bytes at most for 40,000 documents, {large} for 400,000");
    // Tables in memory would be 9 MB more.
    assert!(large < small + (1 << 20), "{small} → {large}");
}

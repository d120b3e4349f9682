//! Copies: estimates against exact similarities, the curve of the bands against simulation, and the whole search over files.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use mmedkit_mmedc::dedup::minhash::{MinHash, similarity};
use mmedkit_mmedc::dedup::resolve::{Removals, apply, resolve};
use mmedkit_mmedc::dedup::signatures::{Signatures, Signer, map, shingles};
use mmedkit_mmedc::dedup::{Options, pairs::Pairs, pairs::reduce};
use mmedkit_mmedc::units::{Units, mix};
use mmedkit_mmedc::{Document, Language, read_documents};

#[derive(serde::Deserialize)]
struct Pair {
    a: String,
    b: String,
    shingles: [usize; 2],
    jaccard: f64,
    datasketch: f64,
}

/// `fixtures/make.py` computed the sets with Python's own strings and sets, and estimated with datasketch.
#[test]
fn similarities_are_those_of_python_and_datasketch() {
    let pairs: Vec<Pair> = serde_json::from_str(include_str!("fixtures/minhash.json")).unwrap();
    assert!(pairs.len() >= 30);
    let options = Options::default();
    let signer = Signer::new(&options).unwrap();
    let (mut ours, mut theirs) = (0.0, 0.0);
    for pair in &pairs {
        let set = |text: &str| -> BTreeSet<u32> { shingles(&Units::new(text), &options).into_iter().collect() };
        let (a, b) = (set(&pair.a), set(&pair.b));
        assert_eq!([a.len(), b.len()], pair.shingles, "{}", pair.a);
        let exact = a.intersection(&b).count() as f64 / a.union(&b).count() as f64;
        assert!((exact - pair.jaccard).abs() < 1e-12, "{exact} {} {}", pair.jaccard, pair.a);
        let estimate = similarity(&signer.signature(&pair.a).unwrap(), &signer.signature(&pair.b).unwrap());
        // Five standard deviations of 112 draws; equal texts have none.
        let deviation = (exact * (1.0 - exact) / 112.0).sqrt();
        assert!((estimate - exact).abs() <= 5.0 * deviation, "{estimate} {exact} {}", pair.a);
        ours += (estimate - exact).powi(2);
        theirs += (pair.datasketch - exact).powi(2);
    }
    // The two estimate equally well: a ratio of two sums of about 25 squares each stays within a factor of 4.
    assert!(ours < 4.0 * theirs, "{ours} {theirs}");
}

#[test]
fn bands_meet_as_often_as_their_formula_says() {
    for (bands, rows) in [(14, 8), (20, 5), (5, 3)] {
        let options = Options {
            bands,
            rows,
            ..Options::default()
        };
        let minhash = MinHash::new(bands * rows, 5);
        for (shared, own) in [(60u64, 20u64), (75, 12), (80, 10), (90, 5)] {
            let jaccard = shared as f64 / (shared + 2 * own) as f64;
            let trials = 600u64;
            let mut met = 0;
            for trial in 0..trials {
                let element = |n: u64| mix(mix(trial ^ 0xABCD) ^ n) as u32;
                let a: Vec<u32> = (0..shared + own).map(element).collect();
                let b: Vec<u32> = (0..shared).chain(shared + own..shared + 2 * own).map(element).collect();
                let (a, b) = (minhash.signature(&a), minhash.signature(&b));
                met += u64::from(a.chunks(rows).zip(b.chunks(rows)).any(|(a, b)| a == b));
            }
            let expected = options.candidate_probability(jaccard);
            // Five standard deviations of a share of 600, and a half trial where that is almost none.
            let tolerance = 5.0 * (expected * (1.0 - expected) / trials as f64).sqrt() + 0.5 / trials as f64;
            let found = met as f64 / trials as f64;
            assert!(
                (found - expected).abs() < tolerance,
                "{bands} × {rows}, {jaccard}: {found}, not {expected}"
            );
        }
    }
}

fn document(source: &str, language: Language, position: u64, text: String) -> Document {
    Document {
        id: Document::make_id(source, "all.jsonl", position),
        text,
        language: Some(language),
        source: source.into(),
        license: String::new(),
        file: "all.jsonl".into(),
        position,
    }
}

/// Sixty different texts, of which some have copies: exact but for spelling, or with a word changed.
fn corpus() -> Vec<Document> {
    let mut documents = Vec::new();
    let words = |text: u64| -> Vec<String> { (0..150).map(|n| format!("w{}", mix(text * 1000 + n) % 5000)).collect() };
    let sources = ["web", "books", "sites"];
    for text in 0..60u64 {
        for copy in 0..=text % 4 {
            let mut words = words(text);
            let position = documents.len() as u64;
            let source = sources[(mix(position) % 3) as usize];
            let language = if mix(position ^ 77).is_multiple_of(4) {
                Language::Fr
            } else {
                Language::En
            };
            match copy {
                1 => words.iter_mut().for_each(|word| *word = word.to_uppercase()),
                2 => words[70] = "changed".into(),
                3 => words.truncate(147),
                _ => {}
            }
            documents.push(document(
                source,
                language,
                position,
                words.join(if copy == 1 { ",  " } else { " " }),
            ));
        }
    }
    documents.push(document("web", Language::En, 1000, String::new()));
    documents.push(document("web", Language::En, 1001, "!".into()));
    documents
}

/// All stages over files that hold `parts`. Returns the ids that stay, by file, and id → id of the kept copy.
fn search(folder: &Path, parts: &[Vec<Document>], options: &Options, buckets: u32) -> (Vec<Vec<String>>, BTreeMap<String, String>) {
    let name = |kind: &str, number: usize| folder.join(format!("{kind}-{number}"));
    let names = |kind: &str, count: usize| -> Vec<PathBuf> { (0..count).map(|number| name(kind, number)).collect() };
    let (signatures, removals) = (names("signatures", parts.len()), names("removals", parts.len()));
    let pairs = names("pairs", buckets as usize);
    for (part, output) in parts.iter().zip(&signatures) {
        map(part.iter().cloned().map(Ok), options, buckets, output, &|_| {}).unwrap();
    }
    for (bucket, output) in (0..).zip(&pairs) {
        reduce(&signatures, bucket, output).unwrap();
    }
    let counts = resolve(&signatures, &pairs, &removals).unwrap();
    let (mut kept, mut copies) = (Vec::new(), BTreeMap::new());
    let mut found = 0;
    for (number, part) in parts.iter().enumerate() {
        let output = folder.join(format!("kept-{number}.jsonl.zst"));
        let applied = apply(part.iter().cloned().map(Ok), &removals[number], &output).unwrap();
        kept.push(
            read_documents(&output, 1 << 20)
                .unwrap()
                .map(|document| document.unwrap().id)
                .collect::<Vec<_>>(),
        );
        assert_eq!(applied.0.get("kept").copied().unwrap_or(0), kept[number].len() as u64);
        for removal in Removals::open(&removals[number]).unwrap() {
            let removal = removal.unwrap();
            copies.insert(removal.id, removal.kept);
            found += 1;
        }
    }
    let count = |name: &str| counts.0.get(name).copied().unwrap_or(0);
    assert_eq!(count("documents"), parts.iter().map(Vec::len).sum::<usize>() as u64);
    assert_eq!(count("kept") + count("exact") + count("near"), count("documents"));
    assert_eq!(count("exact") + count("near"), found);
    (kept, copies)
}

fn cut(documents: &[Document], parts: usize, shuffle: u64) -> Vec<Vec<Document>> {
    let mut documents = documents.to_vec();
    documents.sort_by_key(|document| mix(document.position ^ shuffle));
    let length = documents.len().div_ceil(parts);
    documents.chunks(length).map(<[Document]>::to_vec).collect()
}

#[test]
fn the_same_copies_stay_whatever_the_order_and_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let documents = corpus();
    let options = Options {
        prefer: vec!["books".into(), "web".into()],
        ..Options::default()
    };
    let (whole, copies) = search(folder.path(), std::slice::from_ref(&documents), &options, 1);
    // Of each text one copy stays: of the best source that has one, with the smallest id.
    let mut expected = HashSet::new();
    let (mut at, rank) = (0, |source: &str| ["books", "web", "sites"].iter().position(|name| *name == source));
    for text in 0..60 {
        let group = &documents[at..=at + text % 4];
        at += text % 4 + 1;
        expected.insert(
            group
                .iter()
                .min_by_key(|document| (rank(&document.source), document.id.clone()))
                .unwrap()
                .id
                .clone(),
        );
    }
    // An empty text and a text of symbols are copies of nothing.
    expected.extend(documents[at..].iter().map(|document| document.id.clone()));
    assert_eq!(whole[0].iter().cloned().collect::<HashSet<_>>(), expected);
    assert_eq!(copies.len() + expected.len(), documents.len());
    for (parts, shuffle, buckets) in [(1, 9, 3), (4, 5, 1), (7, 1, 16), (150, 3, 2)] {
        let (kept, same) = search(folder.path(), &cut(&documents, parts, shuffle), &options, buckets);
        assert_eq!(
            kept.concat().into_iter().collect::<HashSet<_>>(),
            expected,
            "{parts} files, {buckets} buckets"
        );
        assert_eq!(same, copies);
    }
}

#[test]
fn languages_and_sources_can_be_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let documents = corpus();
    let groups = |key: &dyn Fn(&Document) -> String| {
        let mut at = 0;
        let mut count = 2;
        for text in 0..60 {
            let group = &documents[at..=at + text % 4];
            at += text % 4 + 1;
            count += group.iter().map(key).collect::<HashSet<_>>().len();
        }
        count
    };
    for (across_languages, across_sources) in [(true, true), (false, true), (true, false), (false, false)] {
        let options = Options {
            across_languages,
            across_sources,
            ..Options::default()
        };
        let (kept, _) = search(folder.path(), &cut(&documents, 3, 4), &options, 4);
        let expected = groups(&|document| {
            let language = if across_languages { "" } else { document.language.unwrap().code() };
            format!("{language} {}", if across_sources { "" } else { &document.source })
        });
        assert_eq!(kept.concat().len(), expected, "{across_languages} {across_sources}");
    }
    let (exact, _) = search(
        folder.path(),
        &cut(&documents, 3, 4),
        &Options {
            near: false,
            ..Options::default()
        },
        4,
    );
    assert_eq!(
        exact.concat().len(),
        documents.len() - 45,
        "each text with more than one copy has one that is spelled otherwise"
    );
    let (near, _) = search(
        folder.path(),
        &cut(&documents, 3, 4),
        &Options {
            exact: false,
            ..Options::default()
        },
        4,
    );
    assert_eq!(near.concat().len(), 62, "what is exactly alike is nearly alike too");
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let documents = corpus()[..12].to_vec();
    let options = Options {
        bands: 3,
        rows: 2,
        ..Options::default()
    };
    let make = |documents: &[Document], options: &Options, buckets, path: &Path| {
        map(documents.iter().cloned().map(Ok), options, buckets, path, &|_| {}).unwrap();
    };
    make(&documents, &options, 2, &name("a"));
    make(&documents[..5], &Options::default(), 2, &name("b"));
    let mixed = reduce(&[name("a"), name("b")], 0, &name("pairs")).unwrap_err().to_string();
    assert!(mixed.contains("\"bands\":3") && mixed.contains("\"bands\":14"), "{mixed}");
    make(&documents[..5], &options, 3, &name("b"));
    assert!(reduce(&[name("a"), name("b")], 0, &name("pairs")).is_err());
    assert!(
        reduce(&[name("a")], 2, &name("pairs"))
            .unwrap_err()
            .to_string()
            .contains("no bucket 2")
    );
    assert!(!name("pairs").exists());

    reduce(&[name("a")], 0, &name("pairs-0")).unwrap();
    let missing = resolve(&[name("a")], &[name("pairs-0")], &[name("list")]).unwrap_err().to_string();
    assert!(missing.contains("bucket 1"), "{missing}");
    assert!(resolve(&[name("a")], &[name("pairs-0"), name("pairs-0")], &[name("list")]).is_err());
    reduce(&[name("a")], 1, &name("pairs-1")).unwrap();
    let all = [name("pairs-0"), name("pairs-1")];
    resolve(&[name("a")], &all, &[name("list")]).unwrap();
    assert!(resolve(&[name("a"), name("a")], &all, &[name("list"), name("list")]).is_err());

    // A list is for the very file it was made of.
    let other: Vec<Document> = documents[1..].to_vec();
    for stale in [other, documents[..3].to_vec()] {
        let error = apply(stale.into_iter().map(Ok), &name("list"), &name("kept"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("search for copies again"), "{error}");
        assert!(!name("kept").exists());
    }

    // No damage may do worse than an error: every cut, and every bit of the first bytes, of both kinds of file.
    let (signatures, pairs) = (std::fs::read(name("a")).unwrap(), std::fs::read(name("pairs-0")).unwrap());
    assert!(pairs.len() > 24, "there are pairs");
    let damaged = name("damaged");
    let read_signatures = || -> Result<(), mmedkit_mmedc::Error> {
        let file = Signatures::open(&damaged)?;
        (0..file.buckets).try_for_each(|bucket| file.bucket(bucket).try_for_each(|entry| entry.map(drop)))
    };
    let read_pairs = || Pairs::open(&damaged)?.iter(&[12]).try_for_each(|pair| pair.map(drop));
    for length in (0..signatures.len()).step_by(7) {
        std::fs::write(&damaged, &signatures[..length]).unwrap();
        assert!(read_signatures().unwrap_err().to_string().contains("damaged: "), "cut at {length}");
    }
    for length in 0..pairs.len() {
        std::fs::write(&damaged, &pairs[..length]).unwrap();
        assert!(read_pairs().is_err(), "cut at {length}");
    }
    let mut refused = 0;
    for bit in (0..8 * 64).chain((8 * 64..8 * signatures.len()).step_by(7)) {
        let mut bytes = signatures.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&damaged, &bytes).unwrap();
        refused += u64::from(read_signatures().is_err());
    }
    assert!(refused > 8 * 15, "magic, counts and buckets are checked: {refused}");
    for bit in 0..8 * pairs.len() {
        let mut bytes = pairs.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&damaged, &bytes).unwrap();
        let _ = read_pairs();
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for options in [
        Options {
            exact: false,
            near: false,
            ..Options::default()
        },
        Options {
            bands: 0,
            ..Options::default()
        },
        Options {
            rows: 0,
            ..Options::default()
        },
        Options {
            bands: usize::MAX,
            ..Options::default()
        },
        Options {
            word_ngram: 0,
            ..Options::default()
        },
        Options {
            char_ngram: 101,
            ..Options::default()
        },
    ] {
        assert!(options.check().is_err(), "{options:?}");
    }
    assert!(map(Vec::new(), &Options::default(), 0, Path::new("nowhere"), &|_| {}).is_err());
    assert!((Options::default().candidate_probability(0.8) - 0.9236).abs() < 1e-4);
    assert!(Options::default().candidate_probability(0.5) < 0.06);
}

//! Shards: what goes in comes out, whole, in order, with its boundaries; what is damaged or of another vocabulary is refused.

use std::path::{Path, PathBuf};

use mmedkit_mmedc::shards::{Blocks, Manifest, Shard, Vocabulary, pack, tokenize, windows};
use mmedkit_mmedc::{Document, Language};
use tokenizer::{BpeTraining, Tokenizer, train_bpe};

const SENTENCES: [(Language, &str); 6] = [
    (
        Language::En,
        "Fever and cough for three days suggest an infection of the airways; the physician listens to the lungs.",
    ),
    (
        Language::Fr,
        "La fièvre et la toux depuis trois jours évoquent une infection respiratoire ; le médecin ausculte les poumons.",
    ),
    (
        Language::Es,
        "La fiebre y la tos durante tres días indican una infección respiratoria; el médico ausculta los pulmones.",
    ),
    (
        Language::Ru,
        "Лихорадка и кашель в течение трёх дней указывают на инфекцию дыхательных путей; врач слушает лёгкие.",
    ),
    (Language::Ja, "三日間の発熱と咳は気道の感染を疑わせる。医師は肺の音を聴く。"),
    (Language::Zh, "发热和咳嗽三天提示呼吸道感染；医生听诊肺部。"),
];

fn tokenizer(size: usize) -> Tokenizer {
    let training = BpeTraining {
        vocab_size: size,
        special_tokens: ["<bos>", "<eos>", "<pad>"].map(str::to_owned).to_vec(),
        bos_token: Some("<bos>".into()),
        eos_token: Some("<eos>".into()),
        pad_token: Some("<pad>".into()),
        chat_template: None,
    };
    train_bpe(SENTENCES.iter().map(|(_, text)| *text), &training, |_| {}).unwrap()
}

fn document(position: u64) -> Document {
    let (language, sentence) = SENTENCES[position as usize % 6];
    let text = (0..position % 5).map(|n| format!("{position}.{n} {sentence}\n")).collect();
    Document {
        id: Document::make_id("web", "a.jsonl", position),
        text,
        language: (!position.is_multiple_of(7)).then_some(language),
        source: "web".into(),
        license: "CC0".into(),
        file: format!("{}/a.{position}.txt", position % 3),
        position,
    }
}

fn tokenized(folder: &Path, name: &str, tokenizer: &Tokenizer, positions: std::ops::Range<u64>) -> PathBuf {
    let path = folder.join(name).with_extension("tokens");
    let vocabulary = Vocabulary::of(tokenizer).unwrap();
    tokenize::tokenize(
        positions.map(|position| Ok(document(position))),
        tokenizer,
        &vocabulary,
        &path,
        &|_| {},
    )
    .unwrap();
    path
}

#[test]
fn documents_come_back_token_for_token() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(300);
    let path = tokenized(folder.path(), "new/a", &tokenizer, 0..40);
    let shard = Shard::open(&path).unwrap();
    shard.verify().unwrap();
    assert_eq!((shard.documents(), shard.header.token_bytes), (40, 2));
    let mut metadata = shard.metadata().unwrap();
    let mut at = 0;
    for number in 0..40 {
        let document = document(number);
        let expected = [
            tokenizer.prefix(),
            &tokenizer.encode(&document.text, false, false).unwrap(),
            &[tokenizer.eos().unwrap()],
        ]
        .concat();
        assert_eq!(shard.document(number), expected);
        assert_eq!(shard.range(number).start, at);
        assert!((at..at + expected.len() as u64).all(|token| shard.document_at(token) == number));
        at += expected.len() as u64;
        assert_eq!(
            u128::from_be_bytes(shard.id(number)),
            u128::from_str_radix(&document.id, 16).unwrap()
        );
        assert_eq!(shard.language(number), document.language);
        let line = metadata.next().unwrap().unwrap();
        assert_eq!(
            (&line.id, &line.file, &line.license, line.tokens),
            (&document.id, &document.file, &document.license, expected.len() as u64)
        );
    }
    assert!(metadata.next().is_none());
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        2,
        "nothing partial is left"
    );
}

#[test]
fn long_documents_are_encoded_in_parts_without_a_trace() {
    let tokenizer = tokenizer(600);
    let whole = |text: &str| tokenizer.encode(text, false, false).unwrap();
    let lines: String = (0..9000).map(|n| format!("{n}. {}\n", SENTENCES[n % 6].1)).collect();
    assert!(lines.len() > 800_000);
    let japanese = SENTENCES[4].1.repeat(6000);
    // Nowhere to cut, and cuts only where they would change something.
    let solid = "a".repeat(300_000);
    let spaces = format!("{}x", "\n \n".repeat(120_000));
    for text in [&lines, &japanese, &solid, &spaces] {
        assert!(tokenize::encode(&tokenizer, text).unwrap() == whole(text));
    }
}

#[test]
fn damaged_shards_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(270);
    let path = tokenized(folder.path(), "a", &tokenizer, 0..6);
    let bytes = std::fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.tokens");
    let open = |bytes: &[u8]| {
        std::fs::write(&damaged, bytes).unwrap();
        let shard = Shard::open(&damaged)?;
        // Whatever opens can be read without a panic.
        for document in 0..shard.documents() {
            shard.document(document);
            shard.language(document);
        }
        shard.verify()
    };
    open(&bytes).unwrap();
    for length in (0..200).chain((200..bytes.len()).step_by(11)) {
        let error = open(&bytes[..length]).unwrap_err().to_string();
        assert!(error.contains("damaged.tokens: "), "{error}");
    }
    assert!(open(&[&bytes[..], &[0]].concat()).is_err());
    // Every bit of the header counts, and any behind it: a length, a count, an offset that does not fit, or at last the hash.
    for bit in (0..8 * 128).chain((8 * 128..8 * bytes.len()).step_by(5)) {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&bytes).is_err(), "bit {bit}");
    }
    // Counts that would overflow.
    for at in [16, 24] {
        for value in [u64::MAX, u64::MAX / 2, 1 << 61] {
            let mut bytes = bytes.clone();
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            assert!(open(&bytes).is_err());
        }
    }
    // Metadata of another shard.
    let other = tokenized(folder.path(), "b", &tokenizer, 1..7);
    std::fs::copy(other.with_extension("jsonl.zst"), path.with_extension("jsonl.zst")).unwrap();
    let shard = Shard::open(&path).unwrap();
    let error = shard.metadata().unwrap().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("line 1") && error.contains("another document"), "{error}");
    let short = tokenized(folder.path(), "c", &tokenizer, 0..5);
    std::fs::copy(short.with_extension("jsonl.zst"), path.with_extension("jsonl.zst")).unwrap();
    let error = shard.metadata().unwrap().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("5 lines, but the shard has 6 documents"), "{error}");
}

#[test]
fn a_task_that_fails_leaves_no_shard() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(270);
    let vocabulary = Vocabulary::of(&tokenizer).unwrap();
    let path = folder.path().join("a.tokens");
    let broken = [Ok(document(1)), Err(mmedkit_mmedc::Error::Refused("the input ends here".into()))];
    let error = tokenize::tokenize(broken, &tokenizer, &vocabulary, &path, &|_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the input ends here");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Ids that the vocabulary does not have.
    let smaller = Vocabulary { tokens: 200, ..vocabulary };
    let error = tokenize::tokenize([Ok(document(1))], &tokenizer, &smaller, &path, &|_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("of a vocabulary of 200"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn packing_holds_out_the_same_documents_whatever_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(300);
    let vocabulary = Vocabulary::of(&tokenizer).unwrap();
    let options = pack::Options {
        shard_tokens: 2000,
        hold_out: 0.2,
        seed: 4,
    };
    let cut = |name: &str, cuts: &[u64]| {
        let inputs: Vec<PathBuf> = cuts
            .windows(2)
            .map(|range| tokenized(folder.path(), &format!("{name}-{}", range[0]), &tokenizer, range[0]..range[1]))
            .collect();
        let output = folder.path().join(name);
        let manifest = pack::pack(&inputs, &vocabulary, &options, &output, &|_| {}).unwrap();
        assert_eq!(Manifest::open(&output).unwrap(), manifest);
        (output, manifest)
    };
    let (one, manifest) = cut("one", &[0, 200]);
    let (many, same) = cut("many", &[0, 1, 50, 120, 200]);
    assert_eq!(manifest, same);
    assert!(manifest.train.len() > 5, "the limit cuts");
    let mut files: Vec<_> = manifest.train.iter().chain(manifest.validation.values().flatten()).collect();
    files.sort_by(|a, b| a.file.cmp(&b.file));
    for file in &files {
        assert_eq!(
            std::fs::read(one.join(&file.file)).unwrap(),
            std::fs::read(many.join(&file.file)).unwrap()
        );
    }
    // Every document is on one side, and the share is about what was asked: 40 expected, standard deviation 5.7.
    assert_eq!(files.iter().map(|file| file.documents).sum::<u64>(), 200);
    let held_out: u64 = manifest.validation.values().flatten().map(|file| file.documents).sum();
    assert!((15..=65).contains(&held_out), "{held_out}");
    assert_eq!(manifest.validation.len(), 7, "six languages and none");
    for (language, files) in &manifest.validation {
        for shard in manifest.open_shards(&one, files).unwrap() {
            let code = |number| shard.language(number).map_or("und", |language| language.code());
            assert!((0..shard.documents()).all(|number| code(number) == language && options.is_held_out(&shard.id(number))));
        }
    }

    // Other settings or another vocabulary over an old folder: refused, with the difference.
    let input = [tokenized(folder.path(), "again", &tokenizer, 0..10)];
    let other = pack::Options {
        hold_out: 0.3,
        ..options.clone()
    };
    let error = pack::pack(&input, &vocabulary, &other, &one, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("\"hold_out\":0.2") && error.contains("\"hold_out\":0.3"), "{error}");
    let larger = self::tokenizer(310);
    let error = pack::pack(&input, &Vocabulary::of(&larger).unwrap(), &options, &one, &|_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("tokens: 300 then, 310 now"), "{error}");
    let error = pack::pack(
        &input,
        &Vocabulary::of(&larger).unwrap(),
        &options,
        &folder.path().join("new"),
        &|_| {},
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("another tokenizer"), "{error}");
    // Other documents, or as many others, over what was packed of these.
    let error = pack::pack(&input, &vocabulary, &options, &one, &|_| {}).unwrap_err().to_string();
    assert!(
        error.contains("input then: {\"documents\":200") && error.contains("input now:  {\"documents\":10"),
        "{error}"
    );
    let others = [tokenized(folder.path(), "others", &tokenizer, 1..201)];
    let error = pack::pack(&others, &vocabulary, &options, &one, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("of other input") && !error.contains("settings then"), "{error}");
    assert_eq!(Manifest::open(&one).unwrap(), manifest, "the old folder is as it was");

    // The same over it is done already, and what a killed process left, under other settings, goes.
    let touched = |file: &Path| std::fs::metadata(file).unwrap().modified().unwrap();
    let before = touched(&one.join("train-00000.tokens"));
    let same = [tokenized(folder.path(), "same", &tokenizer, 0..200)];
    assert_eq!(pack::pack(&same, &vocabulary, &options, &one, &|_| {}).unwrap(), manifest);
    assert_eq!(touched(&one.join("train-00000.tokens")), before);
    std::fs::remove_file(many.join("shards.json")).unwrap();
    let larger = pack::Options {
        shard_tokens: 1 << 20,
        ..options.clone()
    };
    let few = pack::pack(&same, &vocabulary, &larger, &many, &|_| {}).unwrap();
    assert_eq!(few.train.len(), 1);
    let left = std::fs::read_dir(&many).unwrap().count();
    assert_eq!(left, 2 * (1 + few.validation.len()) + 1, "shards, their metadata and the manifest");

    // A manifest and shards that do not belong together.
    std::fs::copy(one.join("train-00001.tokens"), one.join("train-00000.tokens")).unwrap();
    let error = manifest.open_shards(&one, &manifest.train).unwrap_err().to_string();
    assert!(error.contains("train-00000.tokens"), "{error}");
    assert!(
        Manifest::open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("mmedkit corpus pack")
    );
    let nothing = pack::pack(&[], &vocabulary, &options, &folder.path().join("nothing"), &|_| {});
    assert!(nothing.unwrap_err().to_string().contains("no text"));
}

#[test]
fn blocks_hold_every_token_once_and_stop_at_documents() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(300);
    let vocabulary = Vocabulary::of(&tokenizer).unwrap();
    let output = folder.path().join("packed");
    let input = [tokenized(folder.path(), "a", &tokenizer, 0..60)];
    let options = pack::Options {
        shard_tokens: 3000,
        hold_out: 0.0,
        seed: 1,
    };
    let manifest = pack::pack(&input, &vocabulary, &options, &output, &|_| {}).unwrap();
    assert!(manifest.train.len() > 2);
    let documents: Vec<Vec<u32>> = {
        let shard = Shard::open(&input[0]).unwrap();
        (0..60).map(|number| shard.document(number)).collect()
    };
    let end = vocabulary.end;
    for rows in [2, 3, 16, 100, 1 << 20] {
        let shards = manifest.open_shards(&output, &manifest.train).unwrap();
        let blocks = Blocks::new(shards, rows).unwrap();
        let mut rebuilt: Vec<Vec<u32>> = vec![Vec::new()];
        for block in 0..blocks.count() {
            let place = blocks.place(block);
            let number = place.document as usize
                + blocks.shards()[..place.shard]
                    .iter()
                    .map(|shard| shard.documents() as usize)
                    .sum::<usize>();
            assert_eq!(blocks.document_id(&place), document(number as u64).id);
            let segments = blocks.segments(block);
            assert!(!segments.is_empty() && segments.iter().all(|segment| segment.len() >= 2));
            assert!(segments.iter().map(|segment| segment.len() - 1).sum::<usize>() <= rows);
            for segment in segments {
                assert!(
                    segment[..segment.len() - 1].iter().all(|token| *token != end),
                    "an end ends its segment"
                );
                let last = rebuilt.last_mut().unwrap();
                if last.is_empty() {
                    last.extend_from_slice(&segment);
                } else {
                    assert_eq!(last.last(), segment.first(), "pieces of a document overlap by a token");
                    last.extend_from_slice(&segment[1..]);
                }
                if last.last() == Some(&end) {
                    rebuilt.push(Vec::new());
                }
            }
        }
        assert_eq!(rebuilt.pop(), Some(Vec::new()));
        assert_eq!(rebuilt, documents, "blocks of {rows}");
        let mut order: Vec<u64> = (0..blocks.count()).map(|place| blocks.order(3, 1).at(place)).collect();
        order.sort_unstable();
        assert!(order.into_iter().eq(0..blocks.count()));
    }
    let shards = || manifest.open_shards(&output, &manifest.train).unwrap();
    assert!(Blocks::new(shards(), 1).is_err());
    assert!(Blocks::new(Vec::new(), 4).is_err());
}

#[derive(serde::Deserialize)]
struct Windows {
    window: usize,
    stride: usize,
    padding: u32,
    cases: Vec<Case>,
    header_of_2048: String,
}

#[derive(serde::Deserialize)]
struct Case {
    document: Vec<u32>,
    files: Vec<String>,
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `fixtures/make.py` cut and saved with NumPy.
#[test]
fn windows_are_numpys_byte_for_byte() {
    let stored: Windows = serde_json::from_str(include_str!("fixtures/windows.json")).unwrap();
    let options = windows::Options {
        window: stored.window,
        stride: stored.stride,
    };
    assert!(stored.cases.len() > 10);
    for case in &stored.cases {
        let files: Vec<String> = windows::windows(&case.document, options, stored.padding)
            .iter()
            .map(|window| hexadecimal(&windows::npy(window)))
            .collect();
        assert_eq!(files, case.files, "{} tokens", case.document.len());
    }
    assert_eq!(
        hexadecimal(&windows::npy(&(0..2048).collect::<Vec<_>>())[..128]),
        stored.header_of_2048
    );
}

#[test]
fn windows_are_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(300);
    let vocabulary = Vocabulary::of(&tokenizer).unwrap();
    let inputs = [tokenized(folder.path(), "a", &tokenizer, 0..20)];
    let options = windows::Options { window: 64, stride: 48 };
    let output = folder.path().join("windows");
    let counts = windows::write(&inputs, &vocabulary, options, &output, &|_| {}).unwrap();
    let shard = Shard::open(&inputs[0]).unwrap();
    let expected: usize = (0..20)
        .map(|number| windows::windows(&shard.document(number), options, vocabulary.padding).len())
        .sum();
    assert_eq!(counts.0["windows"], expected as u64);
    assert_eq!(std::fs::read_dir(&output).unwrap().count(), expected);
    let name = format!("a-{}_0.npy", &document(9).id[..12]);
    assert_eq!(std::fs::read(output.join(name)).unwrap(), windows::npy(&shard.document(9)[..64]));
    // The same again changes nothing; other settings, and other input, are refused with the difference.
    let write =
        |inputs: &[PathBuf], options| windows::write(inputs, &vocabulary, options, &output, &|_| {}).map_err(|error| error.to_string());
    assert_eq!(write(&inputs, options).unwrap(), counts);
    let error = write(&inputs, windows::Options { window: 64, stride: 32 }).unwrap_err();
    assert!(error.contains("\"stride\":48") && error.contains("\"stride\":32"), "{error}");
    let more = [inputs[0].clone(), tokenized(folder.path(), "b", &tokenizer, 20..22)];
    let error = write(&more, options).unwrap_err();
    assert!(
        error.contains("input then: {\"documents\":20") && error.contains("input now:  {\"documents\":22"),
        "{error}"
    );
    let record = folder.path().join("windows.windows.json");
    std::fs::remove_file(&record).unwrap();
    assert!(write(&inputs, options).unwrap_err().contains("there already"));
    assert_eq!(std::fs::read_dir(&output).unwrap().count(), expected, "the folder is as it was");

    let other = Vocabulary::of(&self::tokenizer(280)).unwrap();
    let failed = folder.path().join("failed");
    assert!(windows::write(&inputs, &other, options, &failed, &|_| {}).is_err());
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 5, "two shards with metadata, the windows: {names:?}");
    assert!(windows::write(&inputs, &vocabulary, windows::Options { window: 4, stride: 5 }, &failed, &|_| {}).is_err());
}

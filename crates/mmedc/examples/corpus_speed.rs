//! Speed of every step and of a whole build, on text repeated from a folder of `.txt` files.
//!
//! `corpus_speed INPUT OUTPUT.json [--megabytes 200] [--tokenizer tokenizer.json]`; `cargo xtask bench --corpus` calls it. All steps see all of the text, on one
//! thread, and are given MB/s of UTF-8: the median of [`ROUNDS`] rounds, or of one where that took longer than [`LONG_ROUND`]. The build runs over the same text, on
//! one thread and on all processors. Without a tokenizer one is trained on the input itself (32,000 tokens).
//!
//! A repetition has the same words in another order, so that it is no copy of the first: what a whole build reads it also tokenises.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use mmedkit_mmedc::build::{Build, Config, Manner, Share, Silent, Stage};
use mmedkit_mmedc::contamination::{self, Contamination};
use mmedkit_mmedc::dedup::signatures::{self, Signer};
use mmedkit_mmedc::dedup::{self, pairs, resolve};
use mmedkit_mmedc::filter::{Keywords, MedicalFilter, Rule};
use mmedkit_mmedc::lang_id::LanguageId;
use mmedkit_mmedc::normalise::{Form, Normalise};
use mmedkit_mmedc::pii::MaskPersonalData;
use mmedkit_mmedc::publish::ParquetWriter;
use mmedkit_mmedc::quality::Quality;
use mmedkit_mmedc::read::{self, ReadOptions};
use mmedkit_mmedc::shards::{Vocabulary, pack, tokenize};
use mmedkit_mmedc::statistics::Statistics;
use mmedkit_mmedc::units::mix;
use mmedkit_mmedc::{Counts, Document, DocumentWriter, Step};
use serde_json::{Value, json};
use tokenizer::{BpeTraining, Tokenizer, train_bpe};

const ROUNDS: usize = 3;
/// In seconds.
const LONG_ROUND: f64 = 10.0;
/// Texts that are looked for as a benchmark's questions, and their length in words.
const QUESTIONS: usize = 300;
const QUESTION_WORDS: usize = 25;
const BUCKETS: u32 = 16;
/// A document is some files one after the other until it has this length: about that of a page of the web.
const DOCUMENT_BYTES: usize = 4 << 10;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: corpus_speed INPUT OUTPUT.json [--megabytes N] [--tokenizer tokenizer.json]";
    let (input, output) = (PathBuf::from(words.next().ok_or(usage)?), PathBuf::from(words.next().ok_or(usage)?));
    let (mut megabytes, mut tokenizer) = (200, None);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--megabytes", Some(value)) => megabytes = value.parse()?,
            ("--tokenizer", Some(value)) => tokenizer = Some(PathBuf::from(value)),
            _ => return Err(usage.into()),
        }
    }
    let documents = documents(&input)?;
    let (tokenizer, tokenizer_name) = match tokenizer {
        Some(path) => {
            let tokenizer = Tokenizer::from_tokenizer_json(&fs::read(&path)?, None, None)?;
            let name = format!("{} tokens, {}", tokenizer.vocab_size(), path.display());
            (tokenizer, name)
        }
        None => (train(&documents)?, "32,000 tokens, byte-level BPE trained on the input".to_owned()),
    };
    rayon::ThreadPoolBuilder::new().num_threads(1).build()?.install(|| -> Outcome<()> {
        let texts = repeated(&documents, megabytes * 1_000_000);
        let steps = steps(&texts, &tokenizer)?;
        let builds = builds(texts, &tokenizer)?;
        let report = json!({ "steps": steps, "build": builds, "tokenizer": tokenizer_name, "megabytes": megabytes });
        if let Some(folder) = output.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&output, serde_json::to_string_pretty(&report)?)?;
        Ok(())
    })
}

/// The input's files, joined to documents of a usual length, language by language.
fn documents(input: &Path) -> Outcome<Vec<Document>> {
    let listing = read::list(input, &ReadOptions::default())?;
    let mut documents: Vec<Document> = Vec::new();
    for file in &listing.files {
        for document in read::open(file, &ReadOptions::default())? {
            let mut document = document?;
            document.source = "web".into();
            match documents.last_mut() {
                Some(last) if last.language == document.language && last.text.len() < DOCUMENT_BYTES => {
                    last.text.push('\n');
                    last.text += &document.text;
                }
                _ => documents.push(document),
            }
        }
    }
    if documents.is_empty() {
        return Err(format!("{}: no text", input.display()).into());
    }
    Ok(documents)
}

fn train(documents: &[Document]) -> Outcome<Tokenizer> {
    let training = BpeTraining {
        vocab_size: 32_000,
        special_tokens: vec!["<|end|>".into()],
        bos_token: None,
        eos_token: Some("<|end|>".into()),
        pad_token: None,
        chat_template: None,
    };
    Ok(train_bpe(documents.iter().map(|document| &document.text), &training, |_| {})?)
}

/// Documents of about `bytes` in all, repeated in other orders of their words.
fn repeated(documents: &[Document], bytes: usize) -> Vec<Document> {
    let mut all = Vec::new();
    let mut size = 0;
    'rounds: for round in 0.. {
        for document in documents {
            let mut document = document.clone();
            document.position = all.len() as u64;
            document.id = Document::make_id("web", "bench", document.position);
            if round > 0 {
                document.text = shuffled(&document.text, document.position);
            }
            size += document.text.len();
            all.push(document);
            if size >= bytes {
                break 'rounds;
            }
        }
    }
    all
}

/// The same words in an order that `seed` decides; where there are no spaces, pieces of four characters. Lines keep their number of words.
fn shuffled(text: &str, seed: u64) -> String {
    let spaces = text.bytes().filter(|byte| *byte == b' ').count();
    let by_words = spaces * 12 > text.chars().count();
    let mut pieces: Vec<&str> = if by_words {
        text.split_inclusive([' ', '\n']).collect()
    } else {
        let mut ends: Vec<usize> = text.char_indices().step_by(4).map(|(at, _)| at).collect();
        ends.push(text.len());
        ends.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect()
    };
    for last in (1..pieces.len()).rev() {
        let other = mix(mix(seed) ^ last as u64) as usize % (last + 1);
        pieces.swap(last, other);
    }
    pieces.concat()
}

fn steps(texts: &[Document], tokenizer: &Tokenizer) -> Outcome<Vec<Value>> {
    let bytes: usize = texts.iter().map(|document| document.text.len()).sum();
    println!(
        "one thread, {:.0} MB in {} documents, median of {ROUNDS} rounds, of one where that takes over {LONG_ROUND} s",
        bytes as f64 / 1e6,
        texts.len()
    );
    let mut rows = Vec::new();
    let mut measure = |name: &str, work: &mut dyn FnMut() -> Outcome<()>| -> Outcome<()> {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            work()?;
            let seconds = begin.elapsed().as_secs_f64();
            rates.push(bytes as f64 / 1e6 / seconds);
            if seconds > LONG_ROUND {
                break;
            }
        }
        rates.sort_by(f64::total_cmp);
        let rate = rates[rates.len() / 2];
        println!("{name:<44} {rate:>9.1} MB/s");
        rows.push(json!({ "step": name, "megabytes_per_second": rate, "rounds": rates }));
        Ok(())
    };

    let folder = tempfile::tempdir()?;
    let jsonl = folder.path().join("texts.jsonl");
    let mut lines = std::io::BufWriter::new(fs::File::create(&jsonl)?);
    for document in texts {
        serde_json::to_writer(&mut lines, &json!({ "text": document.text }))?;
        lines.write_all(b"\n")?;
    }
    lines.into_inner()?.sync_all()?;
    measure("read JSONL", &mut || {
        let file = read::list(&jsonl, &ReadOptions::default())?.files.remove(0);
        for document in read::open(&file, &ReadOptions::default())? {
            std::hint::black_box(document?);
        }
        Ok(())
    })?;
    let step = |step: &dyn Step| {
        let mut counts = Counts::default();
        for document in texts {
            // Part of the work: a step may change the text.
            let mut document = document.clone();
            std::hint::black_box(step.apply(&mut document, &mut counts));
        }
    };
    let plain: [(&str, Box<dyn Step>); 4] = [
        ("normalise", Box::new(Normalise::new(Form::Nfc))),
        ("language identification", Box::new(LanguageId::default())),
        ("quality heuristics, all", Box::new(Quality::all())),
        ("mask personal data", Box::new(MaskPersonalData::new())),
    ];
    for (name, plain) in &plain {
        measure(name, &mut || {
            step(plain.as_ref());
            Ok(())
        })?;
    }
    let keywords = Keywords::mmedc();
    for (name, rule) in [
        ("medical filter, rule mmedc", Rule::Mmedc),
        ("medical filter, rule mmedkit", Rule::Mmedkit),
    ] {
        let filter = MedicalFilter::new(rule, &keywords);
        measure(name, &mut || {
            step(&filter);
            Ok(())
        })?;
    }
    let questions = questions(texts);
    let benchmark = Contamination::new(questions, contamination::Options::default())?;
    measure("benchmark's questions, 300 texts", &mut || {
        step(&benchmark);
        Ok(())
    })?;
    let options = dedup::Options::default();
    let signer = Signer::new(&options)?;
    measure("MinHash signatures, 14 bands of 8", &mut || {
        for document in texts {
            std::hint::black_box(signer.signature(&document.text));
        }
        Ok(())
    })?;
    let documents = || texts.iter().cloned().map(Ok);
    let signatures = [folder.path().join("signatures.bin")];
    measure("signatures, sorted into 16 buckets", &mut || {
        signatures::map(documents(), &options, BUCKETS, &signatures[0], &|_| {})?;
        Ok(())
    })?;
    let pairs: Vec<PathBuf> = (0..BUCKETS)
        .map(|bucket| folder.path().join(format!("pairs-{bucket}.bin")))
        .collect();
    measure("reduce: pairs, all buckets", &mut || {
        for (bucket, output) in (0..).zip(&pairs) {
            pairs::reduce(&signatures, bucket, output)?;
        }
        Ok(())
    })?;
    measure("resolve: which copies go", &mut || {
        resolve::resolve(&signatures, &pairs, &[folder.path().join("removals.jsonl.zst")])?;
        Ok(())
    })?;
    measure("tokenise", &mut || {
        for document in texts {
            std::hint::black_box(tokenize::encode(tokenizer, &document.text)?);
        }
        Ok(())
    })?;
    let plain: tokenizers::Tokenizer = tokenizer.to_tokenizer_json()?.parse().map_err(|error| format!("{error}"))?;
    measure("the crate tokenizers, used plainly", &mut || {
        for document in texts {
            std::hint::black_box(plain.encode(document.text.as_str(), false).map_err(|error| format!("{error}"))?);
        }
        Ok(())
    })?;
    let vocabulary = Vocabulary::of(tokenizer)?;
    let shard = [folder.path().join("all.tokens")];
    tokenize::tokenize(documents(), tokenizer, &vocabulary, &shard[0], &|_| {})?;
    measure("pack", &mut || {
        let output = folder.path().join("packed");
        pack::pack(&shard, &vocabulary, &pack::Options::default(), &output, &|_| {})?;
        fs::remove_dir_all(output)?;
        Ok(())
    })?;
    measure("write documents (JSONL, zstd)", &mut || {
        let mut writer = DocumentWriter::create(folder.path().join("out.jsonl.zst"))?;
        for document in texts {
            writer.write(document)?;
        }
        writer.commit()?;
        Ok(())
    })?;
    measure("write parquet (zstd)", &mut || {
        let path = folder.path().join("out.parquet");
        let mut writer = ParquetWriter::new(&path, fs::File::create(&path)?, true)?;
        for document in texts {
            writer.write(document, 1)?;
        }
        writer.finish()?;
        Ok(())
    })?;
    Ok(rows)
}

/// Texts as long as a question, whose words stand together in none of the documents: nothing is found, so everything is looked at.
fn questions(texts: &[Document]) -> Vec<(String, String)> {
    let every = (texts.len() / QUESTIONS).max(1);
    let chosen = texts.iter().step_by(every).take(QUESTIONS).enumerate();
    chosen
        .map(|(number, document)| {
            let other = shuffled(&document.text, u64::MAX - number as u64);
            let end = other.char_indices().nth(8 * QUESTION_WORDS).map_or(other.len(), |(at, _)| at);
            (number.to_string(), other[..end].to_owned())
        })
        .collect()
}

/// Whole builds: one thread, then as many as there are processors.
fn builds(texts: Vec<Document>, tokenizer: &Tokenizer) -> Outcome<Value> {
    let folder = tempfile::tempdir()?;
    let bytes: u64 = texts.iter().map(|document| document.text.len() as u64).sum();
    write_input(&folder.path().join("in"), &texts)?;
    drop(texts);
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_tokenizer_json()?)?;
    fs::write(folder.path().join("tokenizer_config.json"), tokenizer.to_tokenizer_config()?)?;
    let processors = std::thread::available_parallelism()?.get();
    let mut rows = Vec::new();
    for threads in if processors > 1 { vec![1, processors] } else { vec![1] } {
        let output = folder.path().join(format!("out-{threads}"));
        let config = format!(
            "output = {:?}\n[[input]]\npath = \"in\"\n[tokenize]\ntokenizer = \"tokenizer.json\"\n[tasks]\nunit_mib = 16\n",
            output.display().to_string()
        );
        let config = Config::parse(Path::new("corpus.toml"), &config)?;
        let opened = |path: &Path| {
            let read = |name: &str| fs::read(path.with_file_name(name)).map_err(|error| mmedkit_mmedc::Error::io(path, error));
            Tokenizer::from_tokenizer_json(&read("tokenizer.json")?, Some(&read("tokenizer_config.json")?), None)
                .map_err(|error| mmedkit_mmedc::Error::Refused(error.to_string()))
        };
        let build = Arc::new(Build::open(config, folder.path(), Box::new(opened))?);
        let mut stages = Vec::new();
        let begin = Instant::now();
        for stage in Stage::ALL {
            let begin = Instant::now();
            build.run(&[stage], Share::WHOLE, Manner { threads, wait: None }, &Silent)?;
            stages.push(json!({ "stage": stage.name(), "seconds": begin.elapsed().as_secs_f64() }));
        }
        let seconds = begin.elapsed().as_secs_f64();
        let statistics: Statistics = serde_json::from_slice(&fs::read(output.join("statistics.json"))?)?;
        let tokenised = statistics.kept.total().bytes as f64 / bytes as f64;
        let rate = bytes as f64 / 1e6 / seconds;
        println!(
            "whole build, {threads} thread{}: {:.0} MB in {seconds:.1} s, {rate:.1} MB/s; {:.0} % of the text was kept and tokenised",
            if threads == 1 { "" } else { "s" },
            bytes as f64 / 1e6,
            100.0 * tokenised
        );
        for stage in &stages {
            println!(
                "    {:<8} {:>8.2} s",
                stage["stage"].as_str().unwrap_or_default(),
                stage["seconds"].as_f64().unwrap_or_default()
            );
        }
        rows.push(json!({ "threads": threads, "bytes": bytes, "seconds": seconds, "megabytes_per_second": rate, "tokenised_share": tokenised, "stages": stages, "peak_memory_kib": peak_memory() }));
        fs::remove_dir_all(&output)?;
    }
    let rate = |row: &Value| row["megabytes_per_second"].as_f64().unwrap_or_default();
    let scaling = rate(rows.last().ok_or("no rows")?) / rate(&rows[0]);
    let hours = 100_000.0 / rate(&rows[0]) / 16.0 / 3600.0;
    println!("scaling from 1 to {processors} threads: {scaling:.2}; 100 GB on 16 cores at the speed of one core each: {hours:.1} hours");
    Ok(json!({ "rows": rows, "scaling": scaling, "hours_for_100_gb_on_16_cores": hours, "processors": processors }))
}

fn write_input(folder: &Path, texts: &[Document]) -> Outcome<()> {
    for (number, part) in texts.chunks(2000).enumerate() {
        let mut by_language: std::collections::BTreeMap<&str, String> = Default::default();
        for document in part {
            let line = by_language
                .entry(document.language.map_or("und", |language| language.code()))
                .or_default();
            *line += &json!({ "text": document.text }).to_string();
            line.push('\n');
        }
        for (language, lines) in by_language {
            let folder = folder.join("web").join(language);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("{number:05}.jsonl")), lines)?;
        }
    }
    Ok(())
}

/// Of this process since it began; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

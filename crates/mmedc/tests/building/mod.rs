//! Inputs and configurations for tests of builds.
#![allow(dead_code)] // each test binary uses a part

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use mmedkit_mmedc::build::{Build, Config, Manner, OpenTokenizer};
use mmedkit_mmedc::filter::Keywords;
use mmedkit_mmedc::storage::Storage;
use mmedkit_mmedc::{Error, Language};
use tokenizer::{BpeTraining, Tokenizer, train_bpe};

/// Text about medicine: the filter's own words, in an order that `seed` decides.
pub fn medical(language: Language, seed: u64) -> String {
    let keywords = Keywords::mmedc();
    let list = keywords.get(language).unwrap();
    // Words that the rule finds as they stand.
    let words: Vec<&str> = list.words().filter(|word| !word.contains(' ')).collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let mut text = String::new();
    for _ in 0..60 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text += words[(state >> 33) as usize % words.len()];
        text.push(' ');
    }
    text
}

/// Texts in six languages and two sources; some not about medicine, some copies, one file that is not UTF-8, one that is empty.
pub fn inputs(folder: &Path) {
    for (number, language) in Language::ALL.into_iter().enumerate() {
        let web = folder.join("in/web").join(language.code());
        std::fs::create_dir_all(&web).unwrap();
        for file in 0..7u64 {
            let text = match file {
                5 => "nothing of the kind, only words about the weather ".repeat(20),
                6 => medical(language, 1000),
                _ => medical(language, 100 * number as u64 + file),
            };
            std::fs::write(web.join(format!("{file}.txt")), text).unwrap();
        }
        let books = folder.join("in/textbooks");
        std::fs::create_dir_all(&books).unwrap();
        let mut lines = String::new();
        for line in 0..20u64 {
            // Every fifth says what a text of the web says.
            let seed = if line % 5 == 0 {
                100 * number as u64 + line / 5
            } else {
                5000 + 100 * number as u64 + line
            };
            let text = medical(language, seed) + if line == 5 { "and a little more" } else { "" };
            lines += &serde_json::json!({"text": text, "source": "textbooks", "license": "CC0"}).to_string();
            lines.push('\n');
        }
        std::fs::write(books.join(format!("{language}.jsonl")), lines).unwrap();
    }
    std::fs::write(folder.join("in/web/en/broken.txt"), b"cancer \xff\xfe cell").unwrap();
    std::fs::write(folder.join("in/web/en/empty.txt"), b"").unwrap();
    std::fs::write(folder.join("in/README"), b"not read").unwrap();
}

pub fn config(output: &str, more: &str) -> Config {
    let text = format!(
        "output = \"{output}\"\nsteps = [\"filter\", \"duplicates\"]\n[[input]]\npath = \"in/web\"\nsource = \"web\"\nlicense = \"CC-BY-4.0\"\n[[input]]\npath = \
         \"in/textbooks\"\n[duplicates]\nbuckets = 5\n[tasks]\nunit_mib = 0.02\n[tokenize]\ntokenizer = \"tokenizer\"\npacked.hold_out = 0.2\n{more}"
    );
    Config::parse(Path::new("corpus.toml"), &text).unwrap()
}

pub fn tokenizer(folder: &Path) -> OpenTokenizer {
    // Its hash stands for the tokenizer in the configuration's identity.
    std::fs::write(folder.join("tokenizer"), b"trained below").unwrap();
    Box::new(|_| {
        let texts: Vec<String> = Language::ALL.map(|language| medical(language, 7)).to_vec();
        train_tokenizer(&texts)
    })
}

pub fn train_tokenizer(texts: &[String]) -> mmedkit_mmedc::Result<Tokenizer> {
    let training = BpeTraining {
        vocab_size: 400,
        special_tokens: vec!["<|end|>".into()],
        bos_token: None,
        eos_token: Some("<|end|>".into()),
        pad_token: None,
        chat_template: None,
    };
    train_bpe(texts.iter(), &training, |_| {}).map_err(|error| Error::Refused(error.to_string()))
}

pub fn no_tokenizer(_: &Path) -> mmedkit_mmedc::Result<Tokenizer> {
    panic!("nothing asks for a tokenizer")
}

pub const ALONE: Manner = Manner { threads: 1, wait: None };

pub fn open(folder: &Path, output: &str) -> Build {
    Build::open(config(output, ""), folder, tokenizer(folder)).unwrap()
}

/// Every file with its bytes.
pub fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let storage = Storage::local(root);
    storage
        .list("")
        .unwrap()
        .into_iter()
        .map(|entry| (entry.path.clone(), std::fs::read(root.join(&entry.path)).unwrap()))
        .collect()
}

pub fn assert_same(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>, what: &str) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}: other files");
    for (name, bytes) in a {
        assert!(bytes == &b[name], "{what}: {name} differs");
    }
}

/// Of a parquet file.
pub fn rows(parquet: &[u8]) -> u64 {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(parquet).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    reader.metadata().file_metadata().num_rows() as u64
}

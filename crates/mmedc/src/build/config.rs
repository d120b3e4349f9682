//! `corpus.toml`: what goes in, which steps run in which order, what comes out.
//!
//! What must hold: an unknown key is an error (a misspelt one would silently be the default); all paths are relative to the file; an output
//! that was begun with another configuration, with other contents of the files it names, or by another version of the program, is refused
//! with the difference.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::steps::{self, StepName};
use crate::publish::CardSettings;
use crate::quality::Quality;
use crate::read::{InvalidUtf8, Ocr, ReadOptions};
use crate::storage::Storage;
use crate::{Error, Language, Result, dedup};

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder or object store where everything goes.
    pub output: String,
    pub input: Vec<Input>,
    /// In the order in which they run; `duplicates`, which needs all documents, is last.
    #[serde(default)]
    pub steps: Option<Vec<StepName>>,
    #[serde(default)]
    pub normalise: steps::NormaliseSettings,
    #[serde(default)]
    pub language: steps::LanguageSettings,
    #[serde(default)]
    pub filter: steps::FilterSettings,
    #[serde(default)]
    pub duplicates: DuplicateSettings,
    /// The groups of rules that apply; left out, all of them with their papers' thresholds.
    #[serde(default)]
    pub quality: Option<Quality>,
    #[serde(default)]
    pub contamination: steps::ContaminationSettings,
    /// Tokens, and shards to train on. Left out: neither.
    #[serde(default)]
    pub tokenize: Option<super::pack::TokenizeSettings>,
    #[serde(default)]
    pub dataset: DatasetSettings,
    #[serde(default)]
    pub tasks: TaskSettings,
}

/// A folder, file or store of text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub path: String,
    /// Stands before the names of its files, where another input has files of the same name and perhaps the same source.
    #[serde(default)]
    pub name: Option<String>,
    /// Of all documents, for the statistics; left out, what rows or folders say.
    #[serde(default)]
    pub source: Option<String>,
    /// Of all documents; left out, what rows, folders or file names say.
    #[serde(default)]
    pub language: Option<Language>,
    /// Of documents that do not name their own.
    #[serde(default)]
    pub license: String,
    /// Files whose path holds one of these texts are left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default = "default_text_field")]
    pub text_field: String,
    #[serde(default)]
    pub invalid_utf8: InvalidUtf8,
    /// Longer documents are counted and left out.
    #[serde(default = "default_document_mib")]
    pub max_document_mib: u64,
    /// Whether books that are only images are read.
    #[serde(default)]
    pub ocr: OcrSetting,
}

/// What becomes of PDFs that are only images. The plan records what reads them, for that decides the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OcrSetting {
    /// Tesseract reads them where the plan was made on a machine that has it; else they are listed as left out.
    #[default]
    Auto,
    /// Tesseract reads them, and the plan is refused without it.
    On,
    /// They are listed as left out.
    Off,
}

fn default_text_field() -> String {
    ReadOptions::default().text_field
}

fn default_document_mib() -> u64 {
    ReadOptions::default().max_document_bytes >> 20
}

impl Input {
    /// The field `file` of documents of a file of this input.
    pub fn document_file<'a>(&self, path: &'a str) -> Cow<'a, str> {
        match &self.name {
            Some(name) => Cow::Owned(format!("{name}/{path}")),
            None => Cow::Borrowed(path),
        }
    }

    /// For the readers.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            invalid_utf8: self.invalid_utf8,
            max_document_bytes: self.max_document_mib.saturating_mul(1 << 20),
            text_field: self.text_field.clone(),
            language: self.language,
            source: self.source.clone(),
            license: self.license.clone(),
            exclude: self.exclude.clone(),
            ocr: match self.ocr {
                OcrSetting::Off => Ocr::Off,
                OcrSetting::Auto | OcrSetting::On => ReadOptions::default().ocr,
            },
            ..ReadOptions::default()
        }
    }
}

/// How copies are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DuplicateSettings {
    /// Units of the stage `reduce`.
    pub buckets: u32,
    pub exact: bool,
    pub near: bool,
    pub bands: usize,
    pub rows: usize,
    pub word_ngram: usize,
    pub char_ngram: usize,
    pub across_languages: bool,
    pub across_sources: bool,
    /// Sources whose copies stay, best first.
    pub prefer: Vec<String>,
    pub seed: u64,
}

impl Default for DuplicateSettings {
    fn default() -> DuplicateSettings {
        let options = dedup::Options::default();
        DuplicateSettings {
            buckets: 16,
            exact: options.exact,
            near: options.near,
            bands: options.bands,
            rows: options.rows,
            word_ngram: options.word_ngram,
            char_ngram: options.char_ngram,
            across_languages: options.across_languages,
            across_sources: options.across_sources,
            prefer: options.prefer,
            seed: options.seed,
        }
    }
}

impl DuplicateSettings {
    /// For the search.
    pub fn options(&self) -> dedup::Options {
        dedup::Options {
            exact: self.exact,
            near: self.near,
            bands: self.bands,
            rows: self.rows,
            word_ngram: self.word_ngram,
            char_ngram: self.char_ngram,
            across_languages: self.across_languages,
            across_sources: self.across_sources,
            prefer: self.prefer.clone(),
            seed: self.seed,
        }
    }
}

/// The folder for the Hugging Face hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatasetSettings {
    /// Whether parquet and the card are written.
    pub parquet: bool,
    pub card: CardSettings,
}

impl Default for DatasetSettings {
    fn default() -> DatasetSettings {
        DatasetSettings {
            parquet: true,
            card: CardSettings::default(),
        }
    }
}

/// How the work is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskSettings {
    /// A unit ends when its files reach this size. A single larger file is one unit.
    pub unit_mib: f64,
}

impl Default for TaskSettings {
    fn default() -> TaskSettings {
        TaskSettings { unit_mib: 256.0 }
    }
}

impl Config {
    /// Reads a configuration. Errors name the line and the key.
    pub fn parse(file: &Path, text: &str) -> Result<Config> {
        basic_toml::from_str(text).map_err(|error| Error::format(file, error.to_string().trim_end().to_owned()))
    }
}

impl Config {
    /// The steps in their order.
    pub fn order(&self) -> Vec<StepName> {
        let questions = !self.contamination.questions.is_empty();
        self.steps.clone().unwrap_or_else(|| steps::default_order(questions))
    }
}

/// A configuration that was checked, with what it refers to.
pub struct Settings {
    pub config: Config,
    /// What relative paths are relative to.
    pub base: PathBuf,
    /// SHA-256 of the files that it names, by name.
    pub files: BTreeMap<String, String>,
}

/// Where a build says what it is, in its output.
pub const IDENTITY: &str = "build.json";

impl Settings {
    /// Checks everything that can be checked before work begins.
    pub fn new(config: Config, base: &Path) -> Result<Settings> {
        let refused = |problem: &str| Err(Error::Refused(format!("corpus.toml: {problem}")));
        if config.input.is_empty() {
            return refused("there is no [[input]]");
        }
        if config.tasks.unit_mib.is_nan() || config.tasks.unit_mib <= 0.0 {
            return refused("[tasks] unit_mib must be more than 0");
        }
        if config.duplicates.buckets == 0 {
            return refused("[duplicates] buckets must be at least 1");
        }
        let order = config.order();
        for (index, step) in order.iter().enumerate() {
            if order[..index].contains(step) {
                return refused(&format!("steps: {step} stands there twice"));
            }
            if *step == StepName::Duplicates && index + 1 != order.len() {
                return refused("steps: duplicates must be the last, for it needs all documents as they are after the others");
            }
        }
        if order.contains(&StepName::Duplicates) {
            config.duplicates.options().check()?;
        }
        if order.contains(&StepName::Contamination) && config.contamination.questions.is_empty() {
            return refused("steps: contamination needs [contamination] questions, the files to look for");
        }
        let mut settings = Settings {
            config,
            base: base.to_owned(),
            files: BTreeMap::new(),
        };
        for name in settings.named_files() {
            let hash = hash_file(&settings.base.join(&name))?;
            settings.files.insert(name, hash);
        }
        Ok(settings)
    }

    /// Files that the result depends on beside the inputs.
    fn named_files(&self) -> Vec<String> {
        let config = &self.config;
        let mut names: Vec<String> = config.filter.keywords.iter().cloned().collect();
        if config.order().contains(&StepName::Contamination) {
            names.extend(config.contamination.questions.iter().cloned());
        }
        names.extend(config.tokenize.iter().map(|settings| settings.tokenizer.clone()));
        names
    }

    /// A file that the configuration names.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.base.join(name);
        std::fs::read(&path).map_err(|error| Error::io(&path, error))
    }

    pub fn finds_copies(&self) -> bool {
        self.config.order().contains(&StepName::Duplicates)
    }

    /// Units of the stage `reduce`.
    pub fn buckets(&self) -> u64 {
        if self.finds_copies() {
            u64::from(self.config.duplicates.buckets)
        } else {
            0
        }
    }

    /// Everything that decides the result, inputs apart. The output's own address does not.
    pub fn identity(&self) -> Value {
        let mut config = serde_json::to_value(&self.config).expect("plain data");
        if let Some(fields) = config.as_object_mut() {
            fields.shift_remove("output");
        }
        serde_json::json!({ "program": concat!("mmedkit ", env!("CARGO_PKG_VERSION")), "config": config, "files": self.files })
    }

    /// The identity, for people.
    pub fn pretty(&self) -> String {
        serde_json::to_string_pretty(&self.identity()).expect("plain data")
    }

    /// Makes an empty output this build's, and refuses one of another.
    pub(super) fn claim(&self, output: &Storage) -> Result<()> {
        let identity = self.identity();
        match output.read(IDENTITY)? {
            Some(json) => {
                let shown = output.shown(IDENTITY);
                let before: Value = serde_json::from_slice(&json).map_err(|error| Error::format(&shown, error.to_string()))?;
                let differences = differences(&before, &identity);
                if !differences.is_empty() {
                    return Err(Error::Refused(format!(
                        "{shown} belongs to another configuration. Take another output, or delete that one.\n  {}",
                        differences.join("\n  ")
                    )));
                }
                Ok(())
            }
            None => {
                if let Some(found) = output.list("done")?.first() {
                    return Err(Error::Refused(format!(
                        "{} is there, but no {IDENTITY} says which configuration it belongs to. Take another output, or delete that one",
                        output.shown(&found.path)
                    )));
                }
                // Several tasks may do this at once: all write the same.
                output.write(IDENTITY, self.pretty().as_bytes())
            }
        }
    }
}

/// SHA-256 in hexadecimal; of a folder, that of its `tokenizer.json`. A model may be many gigabytes: it is not held.
fn hash_file(path: &Path) -> Result<String> {
    let path = if path.is_dir() {
        path.join("tokenizer.json")
    } else {
        path.to_owned()
    };
    let mut file = std::fs::File::open(&path).map_err(|error| Error::io(&path, error))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(|error| Error::io(&path, error))? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `place: before → now` for every value that differs.
pub fn differences(before: &Value, now: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, now, &mut found);
    found
}

fn compare(place: &str, before: &Value, now: &Value, found: &mut Vec<String>) {
    let inside = |name: &str| {
        if place.is_empty() {
            name.to_owned()
        } else {
            format!("{place}.{name}")
        }
    };
    match (before, now) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, value) in a {
                compare(&inside(name), value, b.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                compare(&inside(name), &Value::Null, value, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.iter().chain(b).any(Value::is_object) => {
            for index in 0..a.len().max(b.len()) {
                let value = |array: &[Value]| array.get(index).cloned().unwrap_or(Value::Null);
                compare(&format!("{place}[{index}]"), &value(a), &value(b), found);
            }
        }
        _ if before != now => found.push(format!("{place}: {before} → {now}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_name_their_place() {
        let before = json!({"a": {"b": 1, "c": [1, 2]}, "inputs": [{"path": "x"}], "old": true});
        let now = json!({"a": {"b": 2, "c": [1, 2]}, "inputs": [{"path": "x"}, {"path": "y"}], "new": null});
        assert_eq!(
            differences(&before, &now),
            ["a.b: 1 → 2", "inputs[1]: null → {\"path\":\"y\"}", "old: true → null"]
        );
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn misspelt_keys_are_errors_with_their_line() {
        let error = Config::parse(
            Path::new("corpus.toml"),
            "output = \"out\"\n[[input]]\npath = \"a\"\nlangauge = \"en\"\n",
        );
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("corpus.toml") && error.contains("langauge") && error.contains("line "),
            "{error}"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let parse = |text: &str| Config::parse(Path::new("corpus.toml"), text).unwrap();
        let input = "[[input]]\npath = \"a\"\n";
        for (text, problem) in [
            ("output = \"o\"\ninput = []\n".to_owned(), "no [[input]]"),
            (
                format!("output = \"o\"\nsteps = [\"filter\", \"filter\"]\n{input}"),
                "filter stands there twice",
            ),
            (
                format!("output = \"o\"\nsteps = [\"duplicates\", \"filter\"]\n{input}"),
                "must be the last",
            ),
            (format!("output = \"o\"\n{input}[tasks]\nunit_mib = 0\n"), "unit_mib"),
            (
                format!("output = \"o\"\nsteps = [\"contamination\"]\n{input}"),
                "[contamination] questions",
            ),
            (format!("output = \"o\"\n{input}[filter]\nkeywords = \"none.json\"\n"), "none.json"),
        ] {
            let error = Settings::new(parse(&text), Path::new("/nowhere")).err().unwrap().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}

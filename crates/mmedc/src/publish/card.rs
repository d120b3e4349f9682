//! The dataset card: `README.md` with the hub's metadata in front and the numbers of this corpus behind.
//!
//! What must hold: the metadata are YAML that the hub accepts (`configs`, `dataset_info`), and every number is counted, none is typed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::parquet::columns;
use crate::report::benchmark_sentence;
use crate::statistics::Statistics;
use crate::statistics::table::{Unit, grouped, short};
use crate::statistics::{LanguageTag, Tally};

/// What only the corpus' maker can say. Everything else is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CardSettings {
    /// Title of the card.
    pub name: String,
    /// The hub's licence identifier, e.g. `cc-by-4.0`; `other` where parts differ.
    pub license: String,
    /// A sentence or more about what this is for.
    pub description: String,
    /// Who to ask.
    pub contact: String,
}

impl Default for CardSettings {
    fn default() -> CardSettings {
        CardSettings {
            name: "Medical text corpus".into(),
            license: "other".into(),
            description: String::new(),
            contact: String::new(),
        }
    }
}

/// One language's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    pub files: u64,
    /// Bytes of the parquet files.
    pub download_bytes: u64,
}

/// The card as Markdown.
pub fn card(
    settings: &CardSettings,
    statistics: &Statistics,
    splits: &BTreeMap<LanguageTag, Split>,
    with_tokens: bool,
    pipeline: &str,
) -> String {
    let totals = statistics.kept.by_language();
    let mut text = String::from("---\n");
    metadata(&mut text, settings, &totals, splits, with_tokens);
    text += "---\n\n";
    let total = statistics.kept.total();
    let _ = writeln!(text, "# {}\n", one_line(&settings.name));
    if !settings.description.trim().is_empty() {
        let _ = writeln!(text, "{}\n", settings.description.trim());
    }
    let unit = if with_tokens { Unit::Tokens } else { Unit::Characters };
    let _ = writeln!(
        text,
        "{} documents in {} language{}, {} {}, built by `mmedkit corpus build` from {} documents that were read.\n",
        grouped(total.documents),
        totals.len(),
        if totals.len() == 1 { "" } else { "s" },
        short(unit.of(&total)),
        unit.name(),
        grouped(statistics.read.total().documents),
    );
    text += "## Use\n\n```python\nfrom datasets import load_dataset\n\n";
    let first = totals.keys().next().map_or("en", |language| language.code());
    let _ = writeln!(
        text,
        "corpus = load_dataset(\"PATH_OF_THIS_FOLDER\", \"{first}\", split=\"train\", streaming=True)\n```\n"
    );
    text += "Columns: `id` (hash of where the text came from), `text`, `language` (ISO 639-1), `source`, `license` (as its provider states it), `file` and \
             `position` (where it stood in the input)";
    text += if with_tokens {
        ", `tokens` (without begin and end tokens).\n\n"
    } else {
        ".\n\n"
    };
    sizes(&mut text, statistics, unit);
    licenses(&mut text, statistics);
    steps(&mut text, statistics);
    let _ = writeln!(text, "## Benchmark questions\n\n{}\n", benchmark_sentence(statistics, pipeline));
    let _ = writeln!(text, "## Configuration\n\n```json\n{}\n```\n", pipeline.trim());
    text += "## Limits\n\nFilters by keyword keep some texts that are not about medicine and drop some that are; masking of personal data by patterns misses \
             names and addresses. Read samples in `report.html` before you train on this.\n";
    if !settings.contact.trim().is_empty() {
        let _ = write!(text, "\n## Contact\n\n{}\n", settings.contact.trim());
    }
    text
}

fn metadata(
    text: &mut String,
    settings: &CardSettings,
    totals: &BTreeMap<LanguageTag, Tally>,
    splits: &BTreeMap<LanguageTag, Split>,
    with_tokens: bool,
) {
    let _ = writeln!(text, "pretty_name: {}", quoted(&settings.name));
    let _ = writeln!(text, "license: {}", quoted(&settings.license));
    text.push_str("language:\n");
    for language in totals.keys() {
        let _ = writeln!(text, "- {language}");
    }
    text.push_str("task_categories:\n- text-generation\ntags:\n- medical\n- multilingual\n");
    let _ = writeln!(
        text,
        "size_categories:\n- {}",
        size_category(totals.values().sum::<Tally>().documents)
    );
    text.push_str("configs:\n");
    for language in totals.keys() {
        let _ = writeln!(
            text,
            "- config_name: {language}\n  data_files:\n  - split: train\n    path: data/{language}/train-*.parquet"
        );
    }
    text.push_str("dataset_info:\n");
    for (language, tally) in totals {
        let _ = writeln!(text, "- config_name: {language}\n  features:");
        for (name, column) in columns(with_tokens) {
            let kind = if column.contains("INT64") { "int64" } else { "string" };
            let _ = writeln!(text, "  - name: {name}\n    dtype: {kind}");
        }
        let split = splits.get(language).copied().unwrap_or_default();
        let _ = writeln!(
            text,
            "  splits:\n  - name: train\n    num_bytes: {}\n    num_examples: {}\n  download_size: {}\n  dataset_size: {}",
            tally.bytes, tally.documents, split.download_bytes, tally.bytes
        );
    }
}

fn sizes(text: &mut String, statistics: &Statistics, unit: Unit) {
    let sources: Vec<&String> = statistics.kept.0.keys().collect();
    let _ = write!(text, "## Size\n\n| {} |", unit.name());
    for source in &sources {
        let _ = write!(text, " {} |", cell(source));
    }
    text.push_str(" total | documents |\n| --- |");
    text.push_str(&" ---: |".repeat(sources.len() + 2));
    text.push('\n');
    for (language, total) in statistics.kept.by_language() {
        let _ = write!(text, "| {} |", language.name());
        for source in &sources {
            let amount = statistics.kept.0[*source]
                .get(&language)
                .map_or_else(|| "–".into(), |tally| short(unit.of(tally)));
            let _ = write!(text, " {amount} |");
        }
        let _ = writeln!(text, " {} | {} |", short(unit.of(&total)), grouped(total.documents));
    }
    text.push('\n');
}

fn licenses(text: &mut String, statistics: &Statistics) {
    text.push_str("## Licences\n\nEvery row names its own licence as its provider states it. Documents by licence:\n\n| licence | documents |\n| --- | ---: |\n");
    for (license, documents) in &statistics.licenses {
        let name = if license.is_empty() { "not stated" } else { license.as_str() };
        let _ = writeln!(text, "| {} | {} |", cell(name), grouped(*documents));
    }
    text.push('\n');
}

fn steps(text: &mut String, statistics: &Statistics) {
    text.push_str("## How it was made\n\n| step | kept | dropped | reasons |\n| --- | ---: | ---: | --- |\n");
    for step in &statistics.steps {
        let (kept, dropped) = step.totals();
        let reasons: Vec<String> = step
            .dropped
            .iter()
            .map(|(reason, languages)| format!("{} {}", cell(reason), grouped(languages.values().sum::<Tally>().documents)))
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            cell(&step.name),
            grouped(kept.documents),
            grouped(dropped.documents),
            reasons.join(", ")
        );
    }
    text.push('\n');
}

fn size_category(documents: u64) -> &'static str {
    match documents {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        1_000_000..10_000_000 => "1M<n<10M",
        10_000_000..100_000_000 => "10M<n<100M",
        100_000_000..1_000_000_000 => "100M<n<1B",
        _ => "1B<n<10B",
    }
}

/// JSON strings are YAML strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Inside a Markdown table.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

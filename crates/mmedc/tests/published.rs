//! What a build says about itself: the page, the dataset card, the list of what could not be read. Every number against the statistics, and
//! these against what went in.

mod building;

use std::collections::BTreeMap;
use std::path::Path;

use building::{ALONE, config, inputs, medical, no_tokenizer, open, rows, tokenizer, tree};
use mmedkit_mmedc::Language;
use mmedkit_mmedc::build::{Build, Config, Share, Silent, Stage};
use mmedkit_mmedc::filter::Keywords;
use mmedkit_mmedc::publish::parquet::columns;
use mmedkit_mmedc::statistics::{LanguageTag, Statistics};
use regex::Regex;
use serde_json::Value;

fn statistics(output: &Path) -> Statistics {
    serde_json::from_slice(&std::fs::read(output.join("statistics.json")).unwrap()).unwrap()
}

fn text(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The part of a page between a heading and the end of its section.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("<h2>{heading}</h2>"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    rest.split_once("</section>").unwrap().0
}

/// Figures of a section: language, and the documents that its bars name, by kind.
fn figures(section: &str) -> BTreeMap<String, BTreeMap<String, u64>> {
    let bar = Regex::new(r"<title>[^<]*: ([0-9,]+) documents (read|kept|dropped)</title>").unwrap();
    let mut figures = BTreeMap::new();
    for figure in section.split("<figure>").skip(1) {
        let language = figure.split_once("<b>").unwrap().1.split_once("</b>").unwrap().0;
        let counts: &mut BTreeMap<String, u64> = figures.entry(language.to_owned()).or_default();
        for found in bar.captures_iter(figure) {
            *counts.entry(found[2].to_owned()).or_default() += found[1].replace(',', "").parse::<u64>().unwrap();
        }
    }
    figures
}

#[test]
fn the_page_shows_lengths_densities_and_documents_near_the_thresholds() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let keywords = Keywords::mmedc();
    let list = keywords.get(Language::En).unwrap();
    // As many different words as are asked for, and one less: dense enough, so that the count alone decides.
    let short = |word: &&str| word.len() < 9 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let mut words: Vec<String> = list.words().filter(short).map(str::to_lowercase).collect();
    words.sort_unstable();
    words.dedup();
    let needed = list.hit_times_threshold as usize;
    for (name, words) in [("enough", &words[..needed]), ("one-short", &words[..needed - 1])] {
        std::fs::write(folder.path().join(format!("in/web/en/{name}.txt")), words.join(" ; ")).unwrap();
    }
    open(folder.path(), "out").run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
    let statistics = statistics(&folder.path().join("out"));
    let page = text(folder.path().join("out/report.html"));

    let lengths = figures(section(&page, "Length of documents"));
    let densities = figures(section(&page, "Keyword density"));
    assert_eq!(statistics.characters_read.len(), 6);
    let (filtered, _) = statistics.steps[0].totals();
    let mut kept_by_the_filter = 0;
    for (language, read) in &statistics.characters_read {
        let figure = &lengths[language.name()];
        // In characters and, of what is kept, in tokens too.
        assert_eq!(figure["read"], read.documents, "{language}");
        assert_eq!(figure["kept"], 2 * statistics.characters_kept[language].documents, "{language}");
        let figure = &densities[language.name()];
        let count = |kind: &str| figure.get(kind).copied().unwrap_or(0);
        assert_eq!(count("kept") + count("dropped"), read.documents, "{language}");
        kept_by_the_filter += count("kept");
    }
    assert_eq!(kept_by_the_filter, filtered.documents);
    assert!(page.contains(&format!(
        "at least {needed} different words and {:.1} %",
        100.0 * list.hit_ratio_threshold
    )));
    assert_eq!(section(&page, "Keyword density").matches("class=\"threshold\"").count(), 6);

    let samples = section(&page, "Documents to read");
    for (outcome, file) in [("nearly dropped", "en/enough.txt"), ("nearly kept", "en/one-short.txt")] {
        let group = samples
            .split("<details")
            .find(|group| group.contains(&format!("filter_mmedc · {outcome}")));
        assert!(group.is_some_and(|group| group.contains(file)), "{outcome}: {file}");
    }
    assert!(samples.contains("</span>kept <span"), "documents that stay");
    assert!(samples.contains("filter_mmedc · dropped: not_medical") && samples.contains("duplicates · dropped: exact_copy"));
    assert!(samples.contains("only words about the weather"));
    // Nothing was asked about a benchmark, and that is said, on the page and on the card.
    let nothing = "No benchmark&#39;s questions were looked for in this text: the configuration names none";
    assert!(section(&page, "Benchmark questions").contains(nothing));
    assert!(text(folder.path().join("out/dataset/README.md")).contains(&nothing.replace("&#39;", "'")));
    assert!(!folder.path().join("out/contaminated.jsonl").exists());
}

#[test]
fn what_could_not_be_read_is_listed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let lines = format!(
        "{}\nnot json\n{{\"no\": \"text\"}}\n",
        serde_json::json!({"text": medical(Language::Fr, 1)})
    );
    std::fs::write(folder.path().join("in/textbooks/fr2.jsonl"), lines).unwrap();
    std::fs::write(folder.path().join("in/web/es/damaged.zip"), b"no archive").unwrap();
    let text_of = |tasks: u64| {
        let config = "output = \"OUT\"\nsteps = []\n[[input]]\npath = \"in/web\"\nname = \"w\"\nexclude = [\"ja/\"]\n[[input]]\npath = \"in/textbooks\"\n[dataset]\nparquet = false\n";
        let config = Config::parse(Path::new("corpus.toml"), &config.replace("OUT", &format!("out-{tasks}"))).unwrap();
        for stage in Stage::ALL {
            for task in 0..tasks {
                let build = Build::open(config.clone(), folder.path(), Box::new(no_tokenizer)).unwrap();
                build.run(&[stage], Share::new(task, tasks).unwrap(), ALONE, &Silent).unwrap();
            }
        }
        text(folder.path().join(format!("out-{tasks}/left_out.jsonl")))
    };
    let list = text_of(1);
    assert_eq!(list, text_of(2));
    let list: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<(&str, Option<&str>, &str)> = list
        .iter()
        .map(|line| {
            (
                line["file"].as_str().unwrap(),
                line["part"].as_str(),
                line["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("w/es/damaged.zip", None, "damaged"),
            ("fr2.jsonl", Some("line 2"), "json"),
            ("fr2.jsonl", Some("line 3"), "missing_field"),
        ]
    );
    assert!(list[1]["problem"].as_str().unwrap().starts_with("fr2.jsonl, line 2: not the JSON"));
    let statistics = statistics(&folder.path().join("out-1"));
    assert_eq!(statistics.problems.values().sum::<u64>(), 3);
    assert_eq!(statistics.reading.0["files_excluded_by_name"], 7);
    let page = text(folder.path().join("out-1/report.html"));
    assert!(
        page.contains("1 damaged, 1 json, 1 missing_field; each is listed in left_out.jsonl"),
        "{page}"
    );
}

/// Enough of YAML for the card's front matter: mappings and lists by indentation, plain and quoted texts.
fn yaml(text: &str) -> Value {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| (line.len() - line.trim_start().len(), line.trim()))
        .collect();
    let (value, rest) = block(&lines, lines[0].0);
    assert!(rest.is_empty(), "{rest:?}");
    value
}

fn block<'a, 'b>(mut lines: &'b [(usize, &'a str)], indent: usize) -> (Value, &'b [(usize, &'a str)]) {
    let mut list = Vec::new();
    let mut map = serde_json::Map::new();
    while let Some(&(at, line)) = lines.first() {
        let item = line.strip_prefix("- ");
        if at != indent || (item.is_some() && !map.is_empty()) || (item.is_none() && !list.is_empty()) {
            break;
        }
        if let Some(item) = item {
            // What follows the dash stands two columns further in, and so does the rest of the item.
            let length = 1 + lines[1..].iter().take_while(|(at, _)| *at > indent).count();
            let mut inside = vec![(indent + 2, item)];
            inside.extend_from_slice(&lines[1..length]);
            list.push(if item.contains(": ") || item.ends_with(':') {
                let (value, rest) = block(&inside, indent + 2);
                assert!(rest.is_empty(), "{rest:?}");
                value
            } else {
                scalar(item)
            });
            lines = &lines[length..];
        } else {
            let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("no key: {line}"));
            lines = &lines[1..];
            let value = match value.trim() {
                "" => {
                    let next = lines.first().unwrap_or_else(|| panic!("nothing under {key}"));
                    // A list may stand as far out as its key.
                    let deeper = next.0 > indent || (next.0 == indent && next.1.starts_with("- "));
                    assert!(deeper, "nothing under {key}");
                    let (value, rest) = block(lines, next.0);
                    lines = rest;
                    value
                }
                text => scalar(text),
            };
            assert!(map.insert(key.to_owned(), value).is_none(), "{key} twice");
        }
    }
    (if list.is_empty() { Value::Object(map) } else { Value::Array(list) }, lines)
}

fn scalar(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

#[test]
fn the_card_is_what_the_hub_expects_of_these_files() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let more = "[dataset]\ncard.name = \"A \\\"corpus\\\": texts\"\ncard.license = \"cc-by-4.0\"\n";
    let build = Build::open(config("out", more), folder.path(), tokenizer(folder.path())).unwrap();
    build.run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
    let output = folder.path().join("out");
    let statistics = statistics(&output);
    let card = text(output.join("dataset/README.md"));
    let front = card.strip_prefix("---\n").and_then(|card| card.split_once("\n---\n")).unwrap().0;
    let front = yaml(front);

    assert_eq!(front["pretty_name"], "A \"corpus\": texts");
    assert_eq!(front["license"], "cc-by-4.0");
    assert_eq!(front["language"], serde_json::json!(["en", "zh", "ja", "fr", "ru", "es"]));
    assert_eq!(front["task_categories"], serde_json::json!(["text-generation"]));
    assert_eq!(front["size_categories"], serde_json::json!(["n<1K"]));
    let (configs, infos) = (front["configs"].as_array().unwrap(), front["dataset_info"].as_array().unwrap());
    assert_eq!((configs.len(), infos.len()), (6, 6));
    let files = tree(&output.join("dataset"));
    let mut seen = 1;
    for ((config, info), language) in configs.iter().zip(infos).zip(Language::ALL) {
        let tag = LanguageTag::of(Some(language));
        assert_eq!(config["config_name"], language.code());
        assert_eq!(info["config_name"], language.code());
        let data = &config["data_files"][0];
        assert_eq!(
            (&data["split"], data["path"].as_str()),
            (&Value::from("train"), Some(format!("data/{language}/train-*.parquet").as_str()))
        );
        let parquet: Vec<(&String, &Vec<u8>)> = files
            .iter()
            .filter(|(name, _)| name.starts_with(&format!("data/{language}/train-")))
            .collect();
        seen += parquet.len();
        for (number, (name, _)) in parquet.iter().enumerate() {
            assert_eq!(**name, format!("data/{language}/train-{number:05}-of-{:05}.parquet", parquet.len()));
        }
        let split = &info["splits"][0];
        let documents: u64 = parquet.iter().map(|(_, bytes)| rows(bytes)).sum();
        assert_eq!(
            (&split["name"], split["num_examples"].as_u64()),
            (&Value::from("train"), Some(documents))
        );
        assert_eq!(split["num_bytes"], statistics.kept.by_language()[&tag].bytes);
        assert_eq!(info["dataset_size"], split["num_bytes"]);
        assert_eq!(
            info["download_size"],
            parquet.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
        );
        let features: Vec<(&str, &str)> = (info["features"].as_array().unwrap().iter())
            .map(|feature| (feature["name"].as_str().unwrap(), feature["dtype"].as_str().unwrap()))
            .collect();
        let expected: Vec<(&str, &str)> = columns(true)
            .iter()
            .map(|(name, kind)| (*name, if kind.contains("INT64") { "int64" } else { "string" }))
            .collect();
        assert_eq!(features, expected);
    }
    assert_eq!(seen, files.len(), "the card and the files that it names, and nothing else");
}

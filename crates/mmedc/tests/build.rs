//! A build's promises: any number of tasks gives the same bytes; configurations and inputs are not mixed; a folder and an object store are
//! the same. What happens to killed processes and on full disks is tested with the program itself, in `native-trainer/tests/corpus_build.rs`.

mod building;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use building::{ALONE, assert_same, config, inputs, no_tokenizer, open, rows, tokenizer, tree};
use mmedkit_mmedc::build::{Build, Config, Manner, Progress, Share, Silent, Stage};
use mmedkit_mmedc::read::ReadOptions;
use mmedkit_mmedc::statistics::{LanguageTag, Statistics};
use mmedkit_mmedc::storage::Storage;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

#[test]
fn any_number_of_tasks_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    open(folder.path(), "one").run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
    let one = tree(&folder.path().join("one"));
    let units = one.keys().filter(|name| name.starts_with("done/map/")).count();
    assert!(units >= 6, "{units} units are no test of tasks");
    assert!(one.contains_key("report.html") && one.contains_key("dataset/README.md") && one.contains_key("shards/shards.json"));

    for tasks in [2, 3, 7] {
        // Stage by stage, as launchers do, in the least likely order, each task a process that knows nothing of the others.
        let output = format!("staged-{tasks}");
        for stage in Stage::ALL {
            for task in (0..tasks).rev() {
                let share = Share::new(task, tasks).unwrap();
                open(folder.path(), &output)
                    .run(&[stage], share, Manner { threads: 2, wait: None }, &Silent)
                    .unwrap();
            }
        }
        assert_same(&one, &tree(&folder.path().join(&output)), &output);

        // All at once, each waiting for the others.
        let output = format!("together-{tasks}");
        std::thread::scope(|scope| {
            for task in 0..tasks {
                let build = open(folder.path(), &output);
                let manner = Manner {
                    threads: 1,
                    wait: Some(Duration::from_secs(120)),
                };
                scope.spawn(move || build.run(&Stage::ALL, Share::new(task, tasks).unwrap(), manner, &Silent).unwrap());
            }
        });
        assert_same(&one, &tree(&folder.path().join(&output)), &output);
    }

    // Once more over what is finished changes nothing.
    open(folder.path(), "one").run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
    assert_same(&one, &tree(&folder.path().join("one")), "again");
}

#[test]
fn the_numbers_are_those_of_the_input() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    open(folder.path(), "out").run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
    let statistics: Statistics = serde_json::from_slice(&std::fs::read(folder.path().join("out/statistics.json")).unwrap()).unwrap();
    // Six languages of 7 files and 20 lines, and two odd files.
    assert_eq!(statistics.read.total().documents, 6 * 27 + 2);
    assert_eq!(statistics.read.0["web"][&LanguageTag::En].documents, 9);
    assert_eq!(statistics.licenses.keys().collect::<Vec<_>>(), ["CC-BY-4.0", "CC0"]);
    let [filter, copies] = statistics.steps.as_slice() else {
        panic!("{:?}", statistics.steps)
    };
    let (kept, dropped) = filter.totals();
    assert_eq!(kept.documents + dropped.documents, 6 * 27 + 2);
    assert!(dropped.documents >= 6 + 2, "the weather, the broken and the empty one");
    let (stay, go) = copies.totals();
    assert_eq!(stay.documents + go.documents, kept.documents);
    assert!(copies.dropped["exact_copy"].len() >= 4, "{:?}", copies.dropped);
    assert_eq!(statistics.kept.total().documents, stay.documents);
    assert!(statistics.kept.total().tokens > 0);
    // What was counted is what is there.
    let rows: u64 = tree(&folder.path().join("out"))
        .iter()
        .filter(|(name, _)| name.ends_with(".parquet"))
        .map(|(_, bytes)| rows(bytes))
        .sum();
    assert_eq!(rows, stay.documents);
    let shards = mmedkit_mmedc::shards::Manifest::open(&folder.path().join("out/shards")).unwrap();
    let packed: u64 = shards
        .train
        .iter()
        .chain(shards.validation.values().flatten())
        .map(|file| file.documents)
        .sum();
    assert_eq!(packed + shards.too_short, stay.documents);
    let card = std::fs::read_to_string(folder.path().join("out/dataset/README.md")).unwrap();
    assert!(
        card.contains("- config_name: ja\n  data_files:\n  - split: train\n    path: data/ja/train-*.parquet"),
        "{card}"
    );
}

#[test]
fn an_object_store_holds_the_same_as_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    open(folder.path(), "local").run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
    let files = folder.path().join("store");
    std::fs::create_dir(&files).unwrap();
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let stores = [memory, Arc::new(LocalFileSystem::new_with_prefix(&files).unwrap())];
    for store in stores {
        let name = store.to_string();
        let storage = || Storage::remote("store://bucket/corpus", store.clone(), "corpus".into()).unwrap();
        for stage in Stage::ALL {
            for task in 0..2 {
                let build = Build::with_output(config("unused", ""), folder.path(), storage(), tokenizer(folder.path())).unwrap();
                let share = Share::new(task, 2).unwrap();
                build.run(&[stage], share, ALONE, &Silent).unwrap();
            }
        }
        let there = storage();
        let entries = there.list("").unwrap();
        let remote = entries
            .iter()
            .map(|entry| (entry.path.clone(), there.read(&entry.path).unwrap().unwrap()))
            .collect();
        assert_same(&tree(&folder.path().join("local")), &remote, &name);
    }
}

/// What was announced and what was done of it, by stage.
#[derive(Default)]
struct Heard(Mutex<BTreeMap<Stage, (u64, u64)>>, Mutex<Option<Stage>>);

impl Progress for Heard {
    fn begin(&self, stage: Stage, _: u64, work: u64) {
        *self.1.lock().unwrap() = Some(stage);
        self.0.lock().unwrap().insert(stage, (work, 0));
    }

    fn advance(&self, work: u64) {
        let stage = self.1.lock().unwrap().unwrap();
        self.0.lock().unwrap().get_mut(&stage).unwrap().1 += work;
    }
}

#[test]
fn every_stage_advances_by_the_work_that_it_announced() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let heard = Heard::default();
    open(folder.path(), "out").run(&Stage::ALL, Share::WHOLE, ALONE, &heard).unwrap();
    let heard = heard.0.into_inner().unwrap();
    assert_eq!(heard.len(), Stage::ALL.len());
    for (stage, (announced, done)) in &heard {
        assert_eq!(announced, done, "{}", stage.name());
    }
    let shards = mmedkit_mmedc::shards::Manifest::open(&folder.path().join("out/shards")).unwrap();
    assert_eq!(heard[&Stage::Pack].0, shards.input.tokens, "packing goes by tokens");
}

#[test]
fn windows_into_an_object_store_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let storage = Storage::remote("store://bucket/corpus", store, "corpus".into()).unwrap();
    let config = config("unused", "layout = \"windows\"\n");
    let error = Build::with_output(config, folder.path(), storage, tokenizer(folder.path()))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("layout = \"windows\""), "{error}");
}

#[test]
fn inputs_whose_documents_would_have_the_same_ids_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for place in ["a", "b"] {
        std::fs::create_dir_all(folder.path().join(place)).unwrap();
        std::fs::write(folder.path().join(place).join("en.txt"), format!("text of {place}")).unwrap();
    }
    let run = |output: &str, first: &str, second: &str| {
        let text = format!(
            "output = \"{output}\"\nsteps = []\n[[input]]\npath = \"a\"\n{first}\n[[input]]\npath = \"b/en.txt\"\n{second}\n[dataset]\nparquet = false\n"
        );
        let config = Config::parse(Path::new("corpus.toml"), &text).unwrap();
        let build = Build::open(config, folder.path(), Box::new(no_tokenizer)).unwrap();
        build
            .run(&Stage::ALL, Share::WHOLE, ALONE, &Silent)
            .map_err(|error| error.to_string())
    };
    // Without a source a row or a folder may name any.
    for (first, second) in [
        ("", ""),
        ("source = \"web\"", "source = \"web\""),
        ("source = \"web\"", ""),
        ("name = \"x\"", "name = \"x\""),
    ] {
        let error = run("refused", first, second).unwrap_err();
        assert!(error.contains("a and b/en.txt both hold ") && error.contains("`name`"), "{error}");
        std::fs::remove_dir_all(folder.path().join("refused")).unwrap();
    }
    run("sources", "source = \"web\"", "source = \"books\"").unwrap();
    run("names", "", "name = \"b\"").unwrap();
    let written = tree(&folder.path().join("names/work/documents"));
    let documents: Vec<serde_json::Value> = written
        .values()
        .map(|bytes| serde_json::from_slice(&zstd::decode_all(bytes.as_slice()).unwrap()).unwrap())
        .collect();
    assert_eq!(documents[0]["file"], "en.txt");
    assert_eq!(documents[1]["file"], "b/en.txt");
    assert_ne!(documents[0]["id"], documents[1]["id"]);
    // A step that reads them keeps these ids.
    let options = ReadOptions::default();
    let files = mmedkit_mmedc::read::list(&folder.path().join("names/work/documents"), &options)
        .unwrap()
        .files;
    for (file, document) in files.iter().zip(&documents) {
        let read = mmedkit_mmedc::read::open(file, &options).unwrap().next().unwrap().unwrap();
        assert_eq!(
            (read.id.as_str(), read.file.as_str()),
            (document["id"].as_str().unwrap(), document["file"].as_str().unwrap())
        );
    }
}

#[test]
fn documents_that_hold_questions_or_options_are_left_out_or_shown() {
    let folder = tempfile::tempdir().unwrap();
    let words = |from: u32, to: u32| (from..to).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
    std::fs::create_dir_all(folder.path().join("in/en")).unwrap();
    for (name, text) in [
        ("question", format!("Before {} after", words(0, 15))),
        ("option", format!("Before {} after", words(100, 115))),
        ("listed", format!("Before {} after", words(200, 215))),
        ("clean", words(300, 340)),
    ] {
        std::fs::write(folder.path().join(format!("in/en/{name}.txt")), text).unwrap();
    }
    let questions = [
        serde_json::json!({"question": words(0, 20), "options": {"A": "yes", "B": words(100, 120)}, "answer_idx": "A"}),
        serde_json::json!({"question": "What?", "options": [words(200, 220)]}),
    ];
    std::fs::write(folder.path().join("test.jsonl"), questions.map(|line| format!("{line}\n")).concat()).unwrap();
    for (drop, kept) in [(true, 1), (false, 4)] {
        let text = format!(
            "output = \"out-{drop}\"\nsteps = [\"contamination\"]\n[[input]]\npath = \"in\"\n[contamination]\nquestions = [\"test.jsonl\"]\ndrop = {drop}\n\
             [dataset]\nparquet = false\n"
        );
        let config = Config::parse(Path::new("corpus.toml"), &text).unwrap();
        let build = Build::open(config, folder.path(), Box::new(no_tokenizer)).unwrap();
        build.run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
        let path = folder.path().join(format!("out-{drop}/statistics.json"));
        let statistics: Statistics = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(statistics.kept.total().documents, kept);
        assert_eq!(statistics.steps[0].counts.0["contaminated"], 3);
        let outcome = if drop {
            "dropped: contaminated"
        } else {
            "kept though contaminated"
        };
        // All of them are listed, kept or not, and nothing else is.
        let list = std::fs::read_to_string(folder.path().join(format!("out-{drop}/contaminated.jsonl"))).unwrap();
        let listed: Vec<serde_json::Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let files: Vec<&str> = listed.iter().map(|line| line["file"].as_str().unwrap()).collect();
        assert_eq!(files, ["en/listed.txt", "en/option.txt", "en/question.txt"]);
        assert_eq!(
            (listed[0]["question"].as_str(), listed[0]["ngram"].as_str()),
            (Some("test.jsonl:2"), Some(words(200, 213).as_str()))
        );
        let report = std::fs::read_to_string(folder.path().join(format!("out-{drop}/report.html"))).unwrap();
        let left_out = if drop {
            "; 3 of them were left out"
        } else {
            "; 0 of them were left out"
        };
        assert!(
            report.contains("3 of the documents that were looked at share") && report.contains(left_out),
            "{report}"
        );
        let samples = &statistics.samples.0["contamination"][outcome][&LanguageTag::En];
        let mut notes: Vec<(&str, &str)> = samples
            .values()
            .map(|sample| (sample.file.as_str(), sample.note.as_str()))
            .collect();
        notes.sort_unstable();
        let note = |from, question| format!("shares “{}” with test.jsonl:{question}", words(from, from + 13));
        assert_eq!(
            notes,
            [
                ("en/listed.txt", note(200, 2).as_str()),
                ("en/option.txt", &note(100, 1)),
                ("en/question.txt", &note(0, 1)),
            ]
        );
    }
}

#[test]
fn another_configuration_is_refused_with_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let build = |config| {
        Build::open(config, folder.path(), tokenizer(folder.path()))
            .map(drop)
            .map_err(|error| error.to_string())
    };
    build(config("out", "")).unwrap();
    build(config("out", "")).unwrap();
    let error = build(config("out", "[dataset]\nparquet = false\n")).unwrap_err();
    assert!(error.contains("config.dataset.parquet: true → false"), "{error}");
    std::fs::write(folder.path().join("keywords.json"), b"{}").unwrap();
    let error = build(config("out", "[filter]\nkeywords = \"keywords.json\"\n")).unwrap_err();
    assert!(error.contains("config.filter.keywords: null → \"keywords.json\""), "{error}");
    assert!(error.contains("files.keywords.json: null → "), "{error}");
    // A file of the same name with other contents is another configuration.
    std::fs::write(folder.path().join("tokenizer"), b"another").unwrap();
    let error = Build::open(config("out", ""), folder.path(), Box::new(no_tokenizer))
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(error.contains("files.tokenizer: "), "{error}");
    // Results that nothing is known about.
    std::fs::remove_file(folder.path().join("out/build.json")).unwrap();
    std::fs::create_dir_all(folder.path().join("out/done/map")).unwrap();
    std::fs::write(folder.path().join("out/done/map/00000.json"), b"{}").unwrap();
    let error = build(config("out", "")).unwrap_err();
    assert!(error.contains("build.json"), "{error}");
}

#[test]
fn inputs_may_not_change() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let run = |stage| {
        open(folder.path(), "out")
            .run(&[stage], Share::WHOLE, ALONE, &Silent)
            .map_err(|error| error.to_string())
    };
    run(Stage::Plan).unwrap();
    let file = folder.path().join("in/web/fr/0.txt");
    let before = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"longer or shorter").unwrap();
    std::fs::write(folder.path().join("in/web/fr/new.txt"), b"new").unwrap();
    let error = run(Stage::Plan).unwrap_err();
    assert!(error.contains("new: fr/new.txt") && error.contains("fr/0.txt: "), "{error}");
    let error = run(Stage::Map).unwrap_err();
    assert!(error.contains("0.txt") && error.contains("may not change"), "{error}");
    std::fs::write(&file, before).unwrap();
    std::fs::remove_file(folder.path().join("in/web/fr/new.txt")).unwrap();
    run(Stage::Plan).unwrap();
    run(Stage::Map).unwrap();
}

#[test]
fn a_stage_does_not_begin_before_the_one_before_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let run = |stage, task| {
        open(folder.path(), "out")
            .run(&[stage], Share::new(task, 2).unwrap(), ALONE, &Silent)
            .map_err(|error| error.to_string())
    };
    let error = run(Stage::Map, 0).unwrap_err();
    assert!(error.contains("stage plan is not finished"), "{error}");
    run(Stage::Plan, 0).unwrap();
    run(Stage::Map, 0).unwrap();
    let error = run(Stage::Reduce, 1).unwrap_err();
    assert!(
        error.contains("stage map is not finished") && error.contains("for task 1 of 2"),
        "{error}"
    );
    // The plan is not looked for in vain for ever.
    let manner = Manner {
        threads: 1,
        wait: Some(Duration::from_millis(10)),
    };
    let error = open(folder.path(), "other")
        .run(&Stage::ALL, Share::new(1, 2).unwrap(), manner, &Silent)
        .unwrap_err();
    assert!(error.to_string().contains("stage plan is not finished"), "{error}");
    assert!(Share::new(2, 2).is_err());
}

#[test]
fn without_steps_and_tokenizer_documents_pass_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    inputs(folder.path());
    let text = "output = \"out\"\nsteps = []\n[[input]]\npath = \"in/web\"\n[dataset]\nparquet = false\n";
    let config = Config::parse(Path::new("corpus.toml"), text).unwrap();
    let build = Build::open(config, folder.path(), Box::new(no_tokenizer)).unwrap();
    build.run(&Stage::ALL, Share::WHOLE, ALONE, &Silent).unwrap();
    let files = tree(&folder.path().join("out"));
    assert!(
        !files
            .keys()
            .any(|name| name.starts_with("shards") || name.starts_with("dataset") || name.starts_with("work/signatures"))
    );
    let statistics: Statistics = serde_json::from_slice(&files["statistics.json"]).unwrap();
    assert_eq!(statistics.read, statistics.kept);
}

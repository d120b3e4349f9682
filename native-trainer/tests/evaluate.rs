//! `mmedkit evaluate` as a user runs it, with the demonstration model and the questions that ship with the app.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{fail, json_lines, succeed};
use serde_json::Value;

fn shipped(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../www")
        .join(path)
        .display()
        .to_string()
}

/// Test and Train, as MMedBench has them: 20 English and 32 Russian questions to ask, the other ones as examples.
fn data(folder: &Path) -> String {
    for (from, to) in [
        ("medqa-en", "Test/English"),
        ("rumeddanet-ru", "Test/Russian"),
        ("casimedicos-en", "Train/English"),
        ("rumeddanet-ru", "Train/Russian"),
    ] {
        let to = folder.join("data").join(format!("{to}.jsonl"));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(shipped(&format!("questions/{from}.jsonl")), to).unwrap();
    }
    folder.join("data").display().to_string()
}

fn arguments<'a>(model: &'a str, data: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["evaluate", "--model", model, "--data", data, "--output", output, "--device", "cpu"];
    arguments.extend_from_slice(more);
    arguments
}

/// Lines of a record without what differs between two sittings.
fn answers(path: &str) -> Vec<Value> {
    let mut lines = json_lines(&std::fs::read_to_string(path).unwrap());
    for line in &mut lines {
        for key in ["milliseconds", "run_id", "started"] {
            line.as_object_mut().unwrap().remove(key);
        }
    }
    lines
}

/// Equal but for the rounding of log-probabilities, which depends on what is computed together.
fn assert_same(left: &[Value], right: &[Value]) {
    assert_eq!(left.len(), right.len());
    for (a, b) in left.iter().zip(right) {
        let numbers = |line: &Value, key: &str| -> Vec<f64> {
            line[key].as_array().map_or(Vec::new(), |list| {
                list.iter().map(|x| x.as_f64().unwrap_or(f64::NEG_INFINITY)).collect()
            })
        };
        for key in ["option_log_probabilities", "log_likelihoods", "unconditional_log_likelihoods"] {
            let (a, b) = (numbers(a, key), numbers(b, key));
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(&b).all(|(x, y)| (x - y).abs() < 1e-4 || x == y), "{key}: {a:?} {b:?}");
        }
        let rest = |line: &Value| {
            let mut line = line.clone();
            for key in ["option_log_probabilities", "log_likelihoods", "unconditional_log_likelihoods"] {
                line.as_object_mut().unwrap().remove(key);
            }
            line
        };
        assert_eq!(rest(a), rest(b));
    }
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_record() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = (shipped("models/demo.gguf"), data(folder.path()));
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (whole, killed) = (at("whole.jsonl"), at("killed.jsonl"));
    let more = ["--prompt", "native", "--shots", "2", "--together", "1"];
    let table = succeed(&arguments(&model, &data, &whole, &more), "");
    assert!(
        table.contains("English        20") && table.contains("Russian        32") && table.contains("mean over languages"),
        "{table}"
    );

    let mut kills = 0;
    loop {
        let before = lines(&killed);
        let mut child = Command::new(env!("CARGO_BIN_EXE_mmedkit"))
            .args(arguments(&model, &data, &killed, &more))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        // A few answers more, then it dies without a word.
        while lines(&killed) < before + 6 && started.elapsed() < Duration::from_secs(120) {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the run failed by itself");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        // What a kill in the middle of a write leaves.
        if kills == 1 {
            let text = std::fs::read_to_string(&killed).unwrap();
            std::fs::write(&killed, &text[..text.len() - 20]).unwrap();
        }
        assert!(kills < 50, "the run gets no further");
    }
    assert!(kills >= 2, "it was killed {kills} times");
    println!("killed {kills} times");
    assert_same(&answers(&killed), &answers(&whole));
    assert_eq!(answers(&whole).len(), 1 + 52);
}

fn lines(path: &str) -> usize {
    std::fs::read(path).map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count())
}

#[test]
fn every_protocol_makes_a_record_that_says_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let model = shipped("models/demo.gguf");
    let french = shipped("questions/frenchmedmcqa-fr.jsonl");
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (protocol, prompt) in [
        ("letters", "paper"),
        ("loglik", "harness/headqa"),
        ("letter-sets", "native"),
        ("paper", "paper"),
    ] {
        let output = at(&format!("{protocol}.jsonl"));
        let more = ["--protocol", protocol, "--prompt", prompt, "--limit", "6", "--max-tokens", "12"];
        succeed(&arguments(&model, &french, &output, &more), "");
        let lines = answers(&output);
        assert_eq!(lines.len(), 7, "{protocol}");
        let header = &lines[0];
        assert_eq!(header["evaluation"]["protocol"], protocol);
        let name = if prompt == "paper" { "paper-answer" } else { prompt };
        assert_eq!(header["prompt"]["name"], name);
        assert_eq!(header["evaluation"]["data"]["questions"], 22);
        for (object, key) in [
            (&header["model"], "sha256"),
            (&header["prompt"], "hash"),
            (&header["evaluation"]["data"], "hash"),
        ] {
            assert_eq!(object[key].as_str().unwrap().len(), 64, "{key}");
        }
        for line in &lines[1..] {
            for key in [
                "id",
                "question_hash",
                "language",
                "source",
                "gold",
                "correct",
                "key_position",
                "tokens",
                "protocol",
            ] {
                assert!(!line[key].is_null(), "{protocol}: {key}");
            }
            assert!(line["option_log_probabilities"].is_array() || line["text"].is_string());
        }
        // The same command again has nothing to do and changes nothing.
        succeed(&arguments(&model, &french, &output, &more), "");
        assert_eq!(answers(&output), lines);
    }
    // Written answers are read again without the model.
    let written = at("paper.jsonl");
    let said = succeed(&["rescore", &written, "--protocol", "lenient"], "");
    assert!(said.contains("6 answers read as lenient"), "{said}");
    assert_eq!(answers(&at("paper.lenient.jsonl"))[0]["evaluation"]["protocol"], "lenient");
    let parts = folder.path().join("parts");
    std::fs::create_dir(&parts).unwrap();
    let text = std::fs::read_to_string(&written).unwrap();
    std::fs::write(parts.join("only.jsonl"), &text[..text.len() - 9]).unwrap();
    let said = succeed(&["rescore", parts.to_str().unwrap(), "--protocol", "lenient"], "");
    assert!(said.contains("parts.lenient.jsonl: 5 answers read as lenient"), "{said}");
    assert!(fail(&["rescore", &at("letters.jsonl"), "--protocol", "lenient"], "").contains("only written answers"));
}

#[test]
fn parts_merge_and_what_does_not_belong_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = shipped("models/demo.gguf");
    let data = shipped("questions/headqa-es.jsonl");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (one, two, whole, merged) = (at("1.jsonl"), at("2.jsonl"), at("whole.jsonl"), at("merged.jsonl"));
    succeed(&arguments(&model, &data, &one, &["--part", "1/2"]), "");
    succeed(&arguments(&model, &data, &two, &["--part", "2/2"]), "");
    succeed(&arguments(&model, &data, &whole, &[]), "");
    succeed(&["merge", &one, &two, "--output", &merged], "");
    let sorted = |path: &str| {
        let mut lines = answers(path);
        lines[1..].sort_by_key(|line| line["id"].as_str().unwrap().to_owned());
        lines
    };
    assert_same(&sorted(&merged), &sorted(&whole));
    // Another seed, another prompt: another run.
    let other = fail(&arguments(&model, &data, &whole, &["--seed", "1", "--prompt", "native"]), "");
    assert!(other.contains("seed (0 against 1)") && other.contains("prompt.name"), "{other}");
    // Another model: a copy with one byte of its name changed.
    let changed = at("changed.gguf");
    let mut bytes = std::fs::read(&model).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&changed, bytes).unwrap();
    let other = fail(&arguments(&changed, &data, &whole, &[]), "");
    assert!(other.contains("model.sha256"), "{other}");
    // A file that is no record stays as it is.
    let notes = at("notes.txt");
    std::fs::write(&notes, "my notes").unwrap();
    fail(&arguments(&model, &data, &notes, &[]), "");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "my notes");
    let cut = at("cut.jsonl");
    let text = std::fs::read_to_string(&one).unwrap();
    std::fs::write(&cut, &text[..text.len() - 9]).unwrap();
    // A part that was cut counts up to there, as in reports, and a folder is its parts.
    let said = common::mmedkit(&["merge", &cut, &two, "--output", &at("m.jsonl")], "");
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("the last line is cut off"),
        "{said:?}"
    );
    assert_eq!(answers(&at("m.jsonl")).len(), answers(&whole).len() - 1);
    let parts = folder.path().join("parts");
    std::fs::create_dir(&parts).unwrap();
    for part in [&one, &two] {
        std::fs::copy(part, parts.join(Path::new(part).file_name().unwrap())).unwrap();
    }
    succeed(&["merge", parts.to_str().unwrap(), "--output", &at("of-folder.jsonl")], "");
    assert_same(&sorted(&at("of-folder.jsonl")), &sorted(&whole));
}

#[test]
fn bad_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = shipped("models/demo.gguf");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let output = at("run.jsonl");
    let questions = at("English.jsonl");
    let good = r#"{"question":"Q?","options":{"A":"one","B":"two"},"answer_idx":"B"}"#;
    let broken = good.replace("\"B\"}", "\"F,G\"}");
    std::fs::write(&questions, format!("{good}\n{broken}\n")).unwrap();
    let said = common::mmedkit(&arguments(&model, &questions, &output, &[]), "");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        said.contains("English.jsonl, line 2, field `answer_idx`: F,G are not among the options"),
        "{said}"
    );
    assert_eq!(answers(&output)[0]["evaluation"]["data"]["unreadable_lines"], 1);
    // However many there are, all stand beside the record; those of the examples are told and are no part of the data.
    let tree = folder.path().join("tree");
    for (part, broken_lines) in [("Test", 7), ("Train", 2)] {
        std::fs::create_dir_all(tree.join(part)).unwrap();
        let all = format!("{good}\n{}", format!("{broken}\n").repeat(broken_lines));
        std::fs::write(tree.join(part).join("English.jsonl"), all).unwrap();
    }
    let many = at("many.jsonl");
    let said = common::mmedkit(&arguments(&model, tree.to_str().unwrap(), &many, &[]), "");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        said.contains("9 lines cannot be read") && said.contains("many.unreadable.txt"),
        "{said}"
    );
    let listed = std::fs::read_to_string(at("many.unreadable.txt")).unwrap();
    assert_eq!(listed.lines().count(), 9);
    assert!(
        listed.contains("Test/English.jsonl, line 8") && listed.contains("examples: Train/English.jsonl, line 3"),
        "{listed}"
    );
    assert_eq!(answers(&many)[0]["evaluation"]["data"]["unreadable_lines"], 7);
    // A reader can be named; one that is not this file's finds nothing in it.
    succeed(&arguments(&model, &questions, &at("named.jsonl"), &["--format", "mmedbench"]), "");
    // Questions that need their picture can be named by their ids.
    let ids = at("images.txt");
    std::fs::write(&ids, "English:1\n").unwrap();
    succeed(&arguments(&model, &questions, &at("images.jsonl"), &["--images", &ids]), "");
    assert_eq!(answers(&at("images.jsonl"))[1]["needs_image"], true);
    let fails = |more: &[&str], with: &str| {
        let said = fail(&arguments(&model, &questions, &at("other.jsonl"), more), "");
        assert!(said.contains(with), "{more:?}: {said}");
    };
    fails(&["--shots", "3"], "no Train folder");
    fails(
        &["--shots", "3", "--examples", &questions],
        "3 examples need 4 training questions in English",
    );
    fails(&["--format", "headqa"], "no questions");
    fails(&["--format", "nothing"], "not one of mmedbench, medqa");
    std::fs::write(&ids, "nobody\n").unwrap();
    fails(&["--images", &ids], "no question has the id \"nobody\"");
    fails(&["--prompt", "nothing"], "there is no prompt \"nothing\"");
    fails(&["--prompt", "harness/headqa"], "shows no letters");
    fails(&["--language", "Klingon"], "not one of English");
    fails(&["--language", "ru"], "no questions");
    // The demonstration model with its template's key misspelt has none.
    let mut bytes = std::fs::read(&model).unwrap();
    let key = b"tokenizer.chat_template";
    let place = bytes.windows(key.len()).position(|window| window == key).unwrap();
    bytes[place + key.len() - 1] = b'X';
    let plain = at("plain.gguf");
    std::fs::write(&plain, bytes).unwrap();
    let said = fail(&arguments(&plain, &questions, &at("other.jsonl"), &["--chat"]), "");
    assert!(said.contains("no chat template"), "{said}");
    succeed(&arguments(&model, &questions, &at("chat.jsonl"), &["--chat"]), "");
    assert_eq!(answers(&at("chat.jsonl"))[0]["evaluation"]["chat_template"], true);
    assert!(
        !Path::new(&at("other.jsonl")).exists(),
        "nothing is written before everything is in order"
    );
    // A question that is longer than the model is cut on the left, and the record counts the tokens.
    let long = at("long.jsonl");
    std::fs::write(&long, good.replace("Q?", &"A very long story. ".repeat(400))).unwrap();
    let cut = at("cut.jsonl");
    let table = succeed(&arguments(&model, &long, &cut, &["--context-length", "128"]), "");
    assert!(table.contains("1 texts were too long"), "{table}");
    let line = &answers(&cut)[1];
    assert_eq!(line["tokens"], 128);
    assert!(line["truncated_tokens"].as_u64().unwrap() > 400);
}

#[test]
fn a_run_stops_when_its_interval_is_narrow_enough() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = (shipped("models/demo.gguf"), data(folder.path()));
    let output = folder.path().join("run.jsonl").display().to_string();
    let table = succeed(&arguments(&model, &data, &output, &["--until-width", "0.9", "--together", "2"]), "");
    assert!(table.contains("valid at every moment"), "{table}");
    let answered = answers(&output).len() - 1;
    assert!(answered < 52, "{answered}");
    // A narrower one goes on from there.
    succeed(&arguments(&model, &data, &output, &["--until-width", "0.5", "--together", "2"]), "");
    assert!(answers(&output).len() - 1 > answered);
}

#[test]
fn a_run_stops_when_two_models_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (model, data) = (shipped("models/demo.gguf"), data(folder.path()));
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (whole, other) = (at("whole.jsonl"), at("other.jsonl"));
    succeed(&arguments(&model, &data, &whole, &[]), "");
    // Another model, which is always right.
    let lines = json_lines(&std::fs::read_to_string(&whole).unwrap());
    let turned = |line: &Value| {
        let mut line = line.clone();
        match line["correct"].as_bool() {
            Some(_) => line["correct"] = true.into(),
            None => line["run_id"] = "the-other".into(),
        }
        line.to_string()
    };
    let write = |lines: &[Value]| std::fs::write(&other, lines.iter().map(|line| turned(line) + "\n").collect::<String>()).unwrap();
    write(&lines);
    let output = at("run.jsonl");
    let until = ["--until-apart", other.as_str(), "--together", "2"];
    let table = succeed(&arguments(&model, &data, &output, &until), "");
    assert!(table.contains("told apart from") && !table.contains("not told apart"), "{table}");
    let answered = answers(&output);
    assert!(answered.len() - 1 < 52, "{}", answered.len());
    assert_eq!(answered[0]["evaluation"]["until"], "apart from the-other");
    let said = succeed(&["report", &output], "");
    assert!(said.contains("was to stop by its own result (apart from the-other)"), "{said}");
    // The same command has nothing to add; without the goal the rest is asked, and the record is that of a run that never stopped.
    succeed(&arguments(&model, &data, &output, &until), "");
    assert_eq!(answers(&output).len(), answered.len());
    succeed(&arguments(&model, &data, &output, &[]), "");
    assert_same(&answers(&output)[1..], &answers(&whole)[1..]);
    // From itself a model is never told apart.
    let table = succeed(&arguments(&model, &data, &at("itself.jsonl"), &["--until-apart", &whole]), "");
    assert!(table.contains("not told apart") && table.contains("on 52 questions"), "{table}");
    // A part of a record is in this order only by this seed; other data is no comparison.
    write(&lines[..20]);
    let said = fail(
        &arguments(&model, &data, &at("x.jsonl"), &["--until-apart", &other, "--seed", "5"]),
        "",
    );
    assert!(said.contains("holds 19 of 52 questions, drawn by seed 0"), "{said}");
    let english = ["--until-apart", other.as_str(), "--language", "en"];
    let said = fail(&arguments(&model, &data, &at("x.jsonl"), &english), "");
    assert!(said.contains("of different data"), "{said}");
}

//! The benchmarks' own files, read by our readers, against the same items as the conformance folder's converter wrote them in MMedBench's
//! schema: question by question. `originals/plan.json` says which file became which.

mod vectors;

use std::collections::BTreeMap;
use std::path::PathBuf;

use mmedkit_mmedbench::originals::Format;
use mmedkit_mmedbench::{Question, ReadReport};
use serde_json::Value;

#[test]
fn conformance_originals_give_the_converted_questions() {
    let Some(root) = vectors::root() else { return };
    let plan: Vec<BTreeMap<String, String>> =
        serde_json::from_slice(&std::fs::read(root.join("originals/plan.json")).expect("originals/plan.json")).unwrap();
    assert!(!plan.is_empty(), "originals/plan.json names no file");
    for item in plan {
        let (file, reader, out) = (&item["file"], &item["reader"], &item["out"]);
        let bytes = std::fs::read(root.join("originals").join(file)).unwrap();
        let format = Format::parse(reader).unwrap_or_else(|| panic!("no reader {reader}"));
        // MedQA with five options carries nothing but MMedBench's own keys, which is how it is read without a name.
        let detected = Format::detect(file, &bytes);
        assert!(
            detected == Some(format) || (detected.is_none() && format == Format::MedQa),
            "{file} is taken for {detected:?}"
        );
        let mut report = ReadReport::default();
        report.read_original(file, &bytes, format);
        if *reader != "casimedicos" {
            assert_eq!(report.errors, vec![], "{file}");
        }
        let mut expected = ReadReport::default();
        let converted = format!("{out}.jsonl");
        expected.read_file(&converted, &std::fs::read(root.join(&converted)).unwrap());
        let provenance = std::fs::read_to_string(root.join(format!("{out}.provenance.jsonl"))).unwrap();
        let ids: Vec<String> = provenance
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().into())
            .collect();
        assert_eq!(report.questions.len(), expected.questions.len(), "{file}");
        for ((ours, theirs), id) in report.questions.iter().zip(&expected.questions).zip(&ids) {
            let parts = |q: &Question| {
                (
                    q.question.clone(),
                    q.options.clone(),
                    q.answer_idx(),
                    q.rationale.clone(),
                    q.language,
                    q.rationale_checked,
                )
            };
            assert_eq!(parts(ours), parts(theirs), "{file}: {id}");
            if *reader != "casimedicos" {
                assert_eq!(&ours.id, id, "{file}");
            }
        }
        println!(
            "{file}: {} questions as in {converted}, {} entries reported",
            report.questions.len(),
            report.errors.len()
        );
    }
    // JMMLU's rows became `bundle-ja`.
    let mut report = ReadReport::default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("originals/ja-jmmlu"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        report.read_any(&file.to_string_lossy(), &std::fs::read(&file).unwrap());
    }
    assert_eq!(report.errors, vec![]);
    let mut expected = ReadReport::default();
    expected.read_file("Japanese.jsonl", &std::fs::read(root.join("bundle-ja/Japanese.jsonl")).unwrap());
    assert_eq!(report.questions.len(), expected.questions.len());
    for theirs in &expected.questions {
        let same = |ours: &&Question| ours.question.trim() == theirs.question.trim() && ours.answer == theirs.answer;
        let ours = report
            .questions
            .iter()
            .find(same)
            .unwrap_or_else(|| panic!("{} is not among JMMLU's", theirs.id));
        let texts = |q: &Question| q.options.iter().map(|(_, t)| t.trim().to_string()).collect::<Vec<_>>();
        assert_eq!(texts(ours), texts(theirs), "{}", theirs.id);
    }
    println!("ja-jmmlu: {} questions as in bundle-ja", report.questions.len());
}

//! BERTScore against the Python package bert_score 0.3.13, with a tiny random BERT: `tests/bertscore/make.py` wrote model and values.

mod common;

use std::path::PathBuf;

use common::{fail, succeed};
use mmedkit::bertscore::BertScore;
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bertscore")).join(name)
}

/// Both compute in 32-bit floats and sum in other orders. After three layers cosines near 1 differ by some units of 2⁻²⁴ for each of the few
/// dozen sums that lead to one, about 1e-6; an F1 is their mean. A wrong layer, special token or average moves it by 1e-3 or more.
const TOLERANCE: f64 = 5e-6;

#[test]
fn f1_equals_the_python_package() {
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap();
    let pairs: Vec<[String; 2]> = serde_json::from_value(expected["pairs"].clone()).unwrap();
    assert!(pairs.len() > 30);
    let mut worst: f64 = 0.0;
    for of_layer in expected["layers"].as_array().unwrap() {
        let layer = of_layer["layer"].as_u64().unwrap() as usize;
        let bert = BertScore::open(&fixture("tiny"), Some(layer)).unwrap();
        let want: Vec<f64> = serde_json::from_value(of_layer["f1"].clone()).unwrap();
        assert_eq!(want.len(), pairs.len());
        for ([text, reference], want) in pairs.iter().zip(want) {
            let got = bert.f1(text, reference).unwrap();
            worst = worst.max((got - want).abs());
            assert!(
                (got - want).abs() < TOLERANCE,
                "layer {layer}: {got}, not {want}: {text:?} against {reference:?}"
            );
        }
    }
    println!(
        "BERTScore F1 of {} pairs, three layers: at most {worst:.1e} from bert_score",
        pairs.len()
    );
}

#[test]
fn a_folder_that_is_no_bert_is_named() {
    let error = |folder: &std::path::Path, layer| format!("{:#}", BertScore::open(folder, layer).err().expect("refused"));
    assert!(error(&fixture("tiny"), None).contains("--bertscore-layer"));
    assert!(error(&fixture("tiny"), Some(4)).contains("has 3 layers"));
    assert!(error(&fixture("nowhere"), Some(1)).contains("config.json"));
    let folder = tempfile::tempdir().unwrap();
    // The name says which layer; the rest is the fixture without its weights.
    let named = folder
        .path()
        .join("models--google-bert--bert-base-multilingual-cased")
        .join("snapshots");
    std::fs::create_dir_all(&named).unwrap();
    let config = std::fs::read_to_string(fixture("tiny/config.json")).unwrap();
    std::fs::write(named.join("config.json"), &config).unwrap();
    assert!(error(&named, None).contains("has 3 layers, not 9"));
    assert!(error(&named, Some(3)).contains("model.safetensors"));
    std::fs::write(named.join("config.json"), config.replace("\"bert\"", "\"roberta\"")).unwrap();
    assert!(error(&named, Some(3)).contains("roberta"));
}

#[test]
fn a_report_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let question = json!({"question": "Why?", "options": {"A": "one", "B": "two"}, "answer_idx": "A",
        "rationale": "The patient should be treated with insulin because of the acidosis."})
    .to_string();
    let hash = mmedbench::Question::from_json_line(&question, "q", "f", None).unwrap().hash();
    let data = file("English.jsonl", question);
    let header = json!({"mmedkit_run": 1, "run_id": "r", "started": "2026-11-23T03:00:00Z", "software": "test", "mode": "evaluation", "seed": 1, "model": null, "prompt": null});
    let line = json!({"id": "q1", "question_hash": hash, "language": "English", "source": "s", "gold": "A", "prediction": "A", "correct": true, "key_position": 0,
        "text": "###Rationale: Insulin treats the acidosis of this patient.\n###Answer: OPTION A IS CORRECT."});
    let run = file("run.jsonl", format!("{header}\n{line}\n"));
    let tiny = fixture("tiny");
    let tiny = tiny.to_str().unwrap();
    let asked = ["report", &run, "--data", &data, "--bertscore", tiny, "--format", "json"];
    let said: Value = serde_json::from_str(&succeed(&[&asked[..], &["--bertscore-layer", "2"]].concat(), "")).unwrap();
    let rationales = &said[0]["rationales"];
    assert_eq!(rationales["bert_score"], "tiny, layer 2, no idf, not rescaled");
    let scorer = BertScore::open(&fixture("tiny"), Some(2)).unwrap();
    let want = scorer.f1(
        "Insulin treats the acidosis of this patient.",
        "The patient should be treated with insulin because of the acidosis.",
    );
    let got = rationales["languages"][0]["bert_score"].as_f64().unwrap();
    assert!((got - want.unwrap()).abs() < 1e-12 && got > 0.1 && got < 0.99, "{got}");
    assert!(fail(&asked, "").contains("--bertscore-layer"));
}

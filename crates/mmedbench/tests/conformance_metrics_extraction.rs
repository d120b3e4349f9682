//! The paper's rule and the lenient chain against the conformance folder's 138 texts, read there by other code (its `make_vectors.py`).

mod vectors;

use mmedkit_mmedbench::extract::paper;
use mmedkit_mmedbench::lenient::lenient;
use serde_json::Value;

#[test]
fn conformance_extraction_of_written_answers() {
    let Some(folder) = vectors::root() else { return };
    let text = std::fs::read_to_string(folder.join("metrics/extraction.jsonl")).expect("metrics/extraction.jsonl");
    let (mut cases, mut wrong) = (0, Vec::new());
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let string = |key: &str| case[key].as_str().unwrap();
        let strict = paper(string("output"), string("end_token"), string("gold"));
        if strict.extracted != case["strict"]["extracted"] || strict.correct != case["strict"]["correct"] {
            wrong.push(format!("{} strict: {strict:?}, expected {}", string("id"), case["strict"]));
        }
        let letters: Vec<char> = case["letters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l.as_str().unwrap().chars().next().unwrap())
            .collect();
        let options: Vec<(char, &str)> = case["options"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(letter, text)| (letter.chars().next().unwrap(), text.as_str().unwrap()))
            .collect();
        let answer = lenient(string("output"), &letters, &options);
        let expected: String = case["lenient"]["letters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l.as_str().unwrap())
            .collect();
        if answer.letters.iter().collect::<String>() != expected || answer.rule != case["lenient"]["rule"] {
            wrong.push(format!(
                "{} lenient: {answer:?}, expected {} for {:?}",
                string("id"),
                case["lenient"],
                string("output")
            ));
        }
        cases += 1;
    }
    assert!(cases > 0, "metrics/extraction.jsonl is empty");
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    println!("{cases} texts read as expected, strictly and leniently");
}

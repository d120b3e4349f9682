//! The medical filter against decisions that another implementation made, for every text of the shared corpus.

use std::collections::BTreeMap;

use mmedkit_mmedc::Language;
use mmedkit_mmedc::filter::decision::round6;
use mmedkit_mmedc::filter::{Keywords, MedicalFilter, Rule};
use mmedkit_mmedc::read::{ReadOptions, list, open};
use serde_json::Value;

#[test]
fn conformance_the_mmedc_rule_gives_the_expected_decisions() {
    let Some(root) = conformance::folder() else { return };
    let expected = std::fs::read_to_string(root.join("keywords/expected_filter.jsonl")).unwrap();
    let expected: BTreeMap<String, &str> = expected
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            (row["file"].as_str().unwrap().to_string(), line)
        })
        .collect();
    let json = std::fs::read(root.join("keywords/mmedc_keywords.json")).unwrap();
    let keywords = Keywords::from_json("mmedc_keywords.json", &json).unwrap();
    assert_eq!(keywords, Keywords::mmedc(), "the lists that we ship are those of the folder");
    let filter = MedicalFilter::new(Rule::Mmedc, &keywords);

    let mut compared: BTreeMap<Language, u64> = BTreeMap::new();
    for input in list(&root.join("corpus"), &ReadOptions::default()).unwrap().files {
        for document in open(&input, &ReadOptions::default()).unwrap() {
            let document = document.unwrap();
            let language = document.language.expect("the folder names the language");
            let decision = filter.decide(language, &document.text).unwrap();
            let file = format!("corpus/{}", document.file);
            let line = expected.get(&file).unwrap_or_else(|| panic!("no expected decision for {file}"));
            assert_eq!(&decision.to_json(&file, language), line);
            assert_eq!(
                serde_json::from_str::<Value>(line).unwrap()["density"].as_f64(),
                Some(round6(decision.density))
            );
            *compared.entry(language).or_default() += 1;
        }
    }
    let total: u64 = compared.values().sum();
    println!("compared {total} decisions: {compared:?}");
    assert!(total > 0, "the corpus folder is empty");
    assert_eq!(total, expected.len() as u64, "every expected decision was compared");
}

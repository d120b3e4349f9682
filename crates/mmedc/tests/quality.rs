//! The quality rules against datatrove's filters, with words parted by white space in both (`fixtures/make_oracles.py`).

use std::collections::BTreeSet;

use mmedkit_mmedc::Language;
use mmedkit_mmedc::quality::{FineWebQuality, GopherQuality, GopherRepetition, Quality};
use serde_json::Value;

#[test]
fn every_text_fails_the_rule_that_datatrove_names() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("fixtures/quality.json")).unwrap();
    let groups = [
        (
            "gopher_repetition",
            Quality {
                gopher_repetition: Some(GopherRepetition::default()),
                ..Quality::default()
            },
        ),
        (
            "gopher_quality",
            Quality {
                gopher_quality: Some(GopherQuality::default()),
                ..Quality::default()
            },
        ),
        (
            "fineweb_quality",
            Quality {
                fineweb_quality: Some(FineWebQuality::default()),
                ..Quality::default()
            },
        ),
    ];
    let mut rules = BTreeSet::new();
    for row in &rows {
        let text = row["text"].as_str().unwrap();
        for (name, group) in &groups {
            let failed = group.failed_rule(text, Some(Language::En));
            assert_eq!(failed, row[name].as_str(), "{name} of {}", row["name"]);
            rules.extend(failed);
        }
    }
    println!("{} texts, {} rules failed by some: {rules:?}", rows.len(), rules.len());
    assert!(rows.len() >= 20 && rules.len() >= 15);
}

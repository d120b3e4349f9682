//! How texts are cut before merging, against Hugging Face's own engine (`make_cuts.py` says whose pattern each is).

mod common;

use common::fixture;
use mmedkit_tokenizer::pre::PRES;

#[test]
fn every_cut_gives_the_reference_words() {
    let stored = fixture("cuts.json");
    assert_eq!(stored.as_object().unwrap().len(), PRES.len(), "a list for each cut");
    for pre in &PRES {
        let name = pre.names[0];
        let texts = stored[name].as_array().unwrap_or_else(|| panic!("{name}: run make_cuts.py"));
        for words in texts {
            let words: Vec<&str> = words.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
            let text = words.concat();
            let found = pre.cut(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(found, words, "{name}: {text:?}");
        }
    }
}

/// A literal character may be changed by whatever normalises a source file; see `pre.rs`.
#[test]
fn patterns_are_ascii() {
    for pre in &PRES {
        assert!(pre.patterns.iter().all(|pattern| pattern.is_ascii()), "{}", pre.names[0]);
    }
}

/// Cuts under several names differ in nothing but their habits; a name belongs to one.
#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = PRES.iter().flat_map(|pre| pre.names).copied().collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

//! What a model wrote: letters are read out of it or not, and only letters that the question has.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedbench::extract::{paper, rationale_text, strict_answer};
use mmedbench::lenient::{RULES, lenient};

fuzz_target!(|text: &str| {
    let options = [('A', "aspirin"), ('B', "vitamin B 12"), ('C', "発熱"), ('D', ""), ('E', "A and B")];
    let answer = lenient(text, &['A', 'B', 'C', 'D', 'E'], &options);
    assert!(RULES.contains(&answer.rule));
    assert_eq!(answer.letters.is_empty(), answer.rule == "none");
    assert!(answer.letters.iter().all(|letter| ('A'..='E').contains(letter)));
    assert!(paper(text, "</s>", "A,C").extracted.len() <= text.len());
    let _ = strict_answer(text);
    assert!(text.contains(rationale_text(text)));
});

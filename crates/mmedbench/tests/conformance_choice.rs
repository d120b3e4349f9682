//! Option scoring against lm-evaluation-harness: every item of `metrics/choice.jsonl`, every key of it.

mod vectors;

use std::collections::BTreeSet;

use mmedkit_mmedbench::choice::{ChoiceItem, score};
use serde_json::Value;
use vectors::{close, floats, strings};

#[test]
fn conformance_options_are_scored_as_lm_eval_does() {
    let Some(items) = vectors::jsonl("choice.jsonl") else { return };
    for item in &items {
        let id = item["id"].as_str().unwrap();
        let texts = strings(&item["choices"]);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let log_likelihoods = floats(&item["log_likelihoods"]);
        let unconditional = floats(&item["unconditional_log_likelihoods"]);
        let greedy: Vec<bool> = item["is_greedy"].as_array().unwrap().iter().map(|v| v.as_bool().unwrap()).collect();
        let gold: BTreeSet<usize> = match &item["gold"] {
            Value::Array(list) => list.iter().map(|v| v.as_u64().unwrap() as usize).collect(),
            one => BTreeSet::from([one.as_u64().unwrap() as usize]),
        };
        let scores = score(&ChoiceItem {
            texts: &texts,
            log_likelihoods: &log_likelihoods,
            unconditional: Some(&unconditional),
            greedy: Some(&greedy),
            gold: &gold,
        })
        .unwrap();
        let flag = |b: bool| if b { 1.0 } else { 0.0 };
        for (key, wanted) in item.as_object().unwrap() {
            let number = || wanted.as_f64().unwrap();
            let index = || wanted.as_u64().unwrap() as usize;
            let each = |length: fn(&str) -> usize| texts.iter().map(|t| length(t) as f64).collect::<Vec<_>>();
            match key.as_str() {
                "chars" => assert_eq!(each(|t| t.chars().count()), floats(wanted), "{id} {key}"),
                "bytes" => assert_eq!(each(str::len), floats(wanted), "{id} {key}"),
                "pred_acc" => assert_eq!(scores.pred_acc, index(), "{id} {key}"),
                "pred_acc_norm" => assert_eq!(scores.pred_acc_norm, index(), "{id} {key}"),
                "pred_acc_bytes" => assert_eq!(scores.pred_acc_bytes, index(), "{id} {key}"),
                "pred_acc_mutual_info" => assert_eq!(scores.pred_acc_mutual_info, Some(index()), "{id} {key}"),
                "softmax" => {
                    for (got, want) in scores.probabilities.iter().zip(floats(wanted)) {
                        close(*got, want, &format!("{id} {key}"));
                    }
                }
                "acc" => assert_eq!(flag(scores.acc), number(), "{id} {key}"),
                "acc_norm" => assert_eq!(flag(scores.acc_norm), number(), "{id} {key}"),
                "acc_bytes" => assert_eq!(flag(scores.acc_bytes), number(), "{id} {key}"),
                "acc_mutual_info" => assert_eq!(scores.acc_mutual_info.map(flag), Some(number()), "{id} {key}"),
                "exact_match" => assert_eq!(scores.exact_match.map(flag), Some(number()), "{id} {key}"),
                "brier_score" => close(scores.brier.unwrap(), number(), &format!("{id} {key}")),
                // What goes in, and what only describes the item.
                "id"
                | "task"
                | "style"
                | "tie"
                | "choices"
                | "n_tokens"
                | "log_likelihoods"
                | "is_greedy"
                | "unconditional_log_likelihoods"
                | "gold" => {}
                other => panic!("{id}: nothing compares the key {other}"),
            }
        }
    }
    println!("choice.jsonl: {} items", items.len());
}

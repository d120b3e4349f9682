//! Scores, texts and probabilities of options, as a page asks for them.

mod common;

use checkpoint::Memory;
use common::{Bench, CONTEXT, model_with, prompt};
use decoder::DType;
use mmedkit_worker::protocol::*;

#[test]
fn a_score_is_the_sum_over_its_tokens_and_letters_are_among_all_tokens() {
    let mut bench = Bench::loaded();
    let scores = bench.score("ab ", &["cd", "c", "d"]);
    // The space went to the continuations.
    assert_eq!(scores.token_counts, [3, 2, 2]);
    let tokens = scores.token_log_likelihoods.unwrap();
    assert!((tokens[0].iter().sum::<f64>() - scores.log_likelihoods[0]).abs() < 1e-9);
    assert_eq!(tokens[0][..2], tokens[1][..], "the beginning does not depend on the rest");
    let all: Vec<String> = (32..127).map(|byte: u8| (byte as char).to_string()).collect();
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    let total: f64 = bench.score("ab", &names[1..]).log_likelihoods.iter().map(|value| value.exp()).sum();
    assert!(total > 0.0 && total < 1.0, "{total}");
    let options = vec![OptionItem {
        context: "ab".to_owned(),
        options: vec!["A".to_owned(), "B".to_owned()],
        ..OptionItem::default()
    }];
    let Ok(Reply::OptionTokens { results }) = bench.run(Command::OptionTokens { items: options }) else {
        panic!()
    };
    let scores = bench.score("ab", &["A", "B"]).log_likelihoods;
    let logits = &results[0].logits;
    // Differences of logits are differences of log-probabilities.
    assert!((logits[0] - logits[1] - (scores[0] - scores[1])).abs() < 1e-4);
}

#[test]
fn pieces_of_a_text_are_the_text_and_stops_end_it() {
    let mut bench = Bench::loaded();
    let mut pieces = String::new();
    let command = Command::Generate(prompt("Hello"));
    let reply = pollster::block_on(bench.engine.run(command, &mut |event| {
        let Event::Token { text, .. } = event else { panic!("{event:?}") };
        pieces += &text;
    }));
    let Ok(Reply::Generated(whole)) = reply else { panic!("{reply:?}") };
    assert_eq!(whole.text, pieces);
    assert_eq!(whole.prompt_tokens as usize, "Hello".len());
    assert_eq!(bench.generate(prompt("Hello")).unwrap().tokens, whole.tokens);
    let stop = whole.text.chars().nth(3).unwrap().to_string();
    let stopped = bench
        .generate(Generate {
            stop: vec![stop.clone()],
            ..prompt("Hello")
        })
        .unwrap();
    assert_eq!(stopped.text, whole.text.split(&stop).next().unwrap());
    assert_eq!(stopped.stopped, Stopped::StopString);
    let long = bench
        .generate(Generate {
            max_tokens: Some(1000),
            ..prompt("Hello")
        })
        .unwrap();
    assert!(long.stopped == Stopped::EndOfText || long.tokens.len() + 5 == CONTEXT as usize);
    assert_eq!(bench.generate(prompt(&"x".repeat(64))).unwrap_err().kind, ErrorKind::ContextFull);
    assert_eq!(bench.generate(Generate::default()).unwrap_err().kind, ErrorKind::BadRequest);
}

#[test]
fn a_rendered_conversation_keeps_its_control_tokens() {
    let mut bench = Bench::loaded();
    let messages = vec![ChatMessage {
        role: "user".to_owned(),
        content: "hi".to_owned(),
    }];
    let Ok(Reply::Text { text }) = bench.run(Command::Render {
        messages: messages.clone(),
        add_generation_prompt: true,
    }) else {
        panic!()
    };
    assert_eq!(text, "<|end|>hi");
    let chat = Generate {
        prompt: None,
        messages: Some(messages),
        ..prompt("")
    };
    assert_eq!(bench.generate(chat).unwrap().prompt_tokens, 3);
    assert_eq!(
        bench.generate(prompt(&text)).unwrap().prompt_tokens,
        9,
        "in a user's text its name is plain text"
    );
    assert_eq!(
        bench
            .generate(Generate {
                rendered: true,
                ..prompt(&text)
            })
            .unwrap()
            .prompt_tokens,
        3
    );
}

#[test]
fn what_is_too_long_is_cut_on_the_left_only_where_that_is_asked_for() {
    let mut bench = Bench::loaded();
    let long = "0123456789".repeat(10);
    let item = |truncate| ScoreItem {
        context: long.clone(),
        continuations: vec!["a".to_owned(), "bcd".to_owned()],
        truncate,
        ..ScoreItem::default()
    };
    let score = |bench: &mut Bench, truncate| {
        let items = vec![item(truncate)];
        bench.run(Command::Score { items, per_token: true })
    };
    let refused = score(&mut bench, false).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ContextFull);
    let Ok(Reply::Scores { scores }) = score(&mut bench, true) else {
        panic!()
    };
    let found = &scores[0];
    assert_eq!(found.token_counts, [1, 3]);
    // Of "bcd" two tokens are read, so the context keeps two less than for "a".
    assert_eq!(found.context_tokens, CONTEXT - 2);
    assert!(found.truncated_tokens > 0);
    // Bytes are tokens here: what is left is the end of the text.
    let kept = &long[long.len() - (CONTEXT as usize - 2)..];
    let by_hand = ScoreItem {
        context: kept.to_owned(),
        continuations: vec!["bcd".to_owned()],
        rendered: true,
        ..ScoreItem::default()
    };
    let Ok(Reply::Scores { scores }) = bench.run(Command::Score {
        items: vec![by_hand],
        per_token: false,
    }) else {
        panic!()
    };
    assert!((scores[0].log_likelihoods[0] - found.log_likelihoods[1]).abs() < 1e-4);
    // A prompt keeps room for what is to be written.
    let mut text = prompt(&long);
    text.truncate = true;
    let written = bench.generate(text).unwrap();
    assert_eq!(written.prompt_tokens, CONTEXT - 10);
    assert!(written.truncated_tokens > 0);
}

#[test]
fn options_that_begin_alike_are_told_apart_where_they_differ() {
    let mut bench = Bench::new();
    bench.load(Memory::new("test.gguf", model_with(DType::F32))).unwrap();
    let item = |options: &[&str]| OptionItem {
        context: "ab".to_owned(),
        options: options.iter().map(|option| option.to_string()).collect(),
        ..OptionItem::default()
    };
    // The space is a token of its own here, and belongs to both.
    let items = vec![item(&[" A", " B"]), item(&["A", "B", "C"])];
    let Ok(Reply::OptionTokens { results }) = bench.run(Command::OptionTokens { items }) else {
        panic!()
    };
    let scores = bench.score("ab", &[" A", " B"]).log_likelihoods;
    let logits = &results[0].logits;
    let (by_logit, by_score) = (logits[0] - logits[1], scores[0] - scores[1]);
    // Nothing is rounded but 32-bit sums, of at most 64 terms of about 1, in another order.
    assert!((by_logit - by_score).abs() < 1e-5, "{by_logit} {by_score}");
    assert_eq!(results[0].tokens, results[1].tokens[..2]);
    assert_eq!(results[0].context_tokens, results[1].context_tokens + 1);
    let twins = vec![item(&["Ax", "Bx", "Ay"])];
    let refused = bench.run(Command::OptionTokens { items: twins }).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::BadRequest);
}

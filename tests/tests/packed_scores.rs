//! Scores do not depend on what was asked together: one request at a time without sharing, against all of them packed, in another order, in
//! pieces, with a cache that is too small to hold them, and with texts that are too long. A small model with random weights.
//!
//! On the processor, weights in block formats give the same bits: nothing that a row gets depends on the rows beside it. Elsewhere the same numbers
//! are added in other orders, because matrix products of other heights are cut otherwise: 1e-4 in log-probability.

use std::ops::ControlFlow;

use backend_candle::CandleBackend;
use backend_webgpu::{Options, WebGpuBackend};
use checkpoint::{GgufFile, Recipe};
use decoder::score::{Score, ScoreRequest};
use decoder::{Backend, Decoder, Error, Session};
use mmedkit_tests::random_model::{self, TINY};
use pollster::block_on;

const TOLERANCE: f64 = 1e-4;
const CONTEXT: usize = 192;

const EQUAL: f64 = 0.0;

fn session_of<B: Backend>(backend: B, recipe: &str, slots: usize) -> Session<B> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    random_model::write(&path, &TINY, recipe.parse::<Recipe>().unwrap(), 5).unwrap();
    let mut file = block_on(GgufFile::open_path(&path)).unwrap();
    let config = file.header().config().unwrap();
    let load = Decoder::load(backend, config, CONTEXT, &mut file, |_| ControlFlow::Continue(()));
    Session::new(block_on(load).unwrap(), slots).unwrap()
}

fn session(slots: usize) -> Session<CandleBackend> {
    session_of(CandleBackend::new(), "f32", slots)
}

/// Tokens that look random and are not.
fn tokens(seed: usize, count: usize) -> Vec<u32> {
    (0..count).map(|i| ((seed * 7919 + i * 104_729) % TINY.vocab) as u32).collect()
}

/// Questions of three languages: each language has its own 70 tokens of examples, each question its own stem, each option its own text; some
/// contexts stand twice, some go on where others end.
fn requests() -> Vec<ScoreRequest> {
    let mut out = Vec::new();
    for question in 0..30 {
        let mut context = tokens(question % 3, 70);
        context.extend(tokens(100 + question / 2, 5 + question));
        if question % 5 == 0 {
            context.extend(tokens(200, 20));
        }
        let continuations = (0..4)
            .map(|option| tokens(300 + question * 4 + option, 1 + (question + option) % 6))
            .collect();
        out.push(ScoreRequest { context, continuations });
    }
    out.push(out[4].clone());
    out.push(ScoreRequest {
        context: tokens(999, 1),
        continuations: vec![tokens(1000, 3)],
    });
    out
}

fn score<B: Backend>(session: &mut Session<B>, requests: &[ScoreRequest]) -> Vec<Vec<Score>> {
    block_on(session.score(requests, |_| ControlFlow::Continue(()))).unwrap()
}

/// One continuation at a time, in a cache that has just enough room for one text of full length, and nothing to share.
fn alone(requests: &[ScoreRequest]) -> Vec<Vec<Score>> {
    alone_in(&mut session(CONTEXT + 64), requests)
}

fn alone_in<B: Backend>(session: &mut Session<B>, requests: &[ScoreRequest]) -> Vec<Vec<Score>> {
    requests
        .iter()
        .map(|request| {
            let each = request.continuations.iter().map(|continuation| {
                let one = ScoreRequest {
                    context: request.context.clone(),
                    continuations: vec![continuation.clone()],
                };
                session.forget();
                score(session, &[one]).remove(0).remove(0)
            });
            each.collect()
        })
        .collect()
}

fn assert_close(left: &[Vec<Score>], right: &[Vec<Score>], tolerance: f64, what: &str) {
    assert_eq!(left.len(), right.len());
    let mut largest: f64 = 0.0;
    for (a, b) in left.iter().flatten().zip(right.iter().flatten()) {
        assert_eq!(a.token_log_likelihoods.len(), b.token_log_likelihoods.len());
        for (x, y) in a.token_log_likelihoods.iter().zip(&b.token_log_likelihoods) {
            largest = largest.max(f64::from((x - y).abs()));
        }
        largest = largest.max((a.log_likelihood() - b.log_likelihood()).abs());
    }
    println!("{what}: largest difference {largest:.2e}");
    assert!(largest <= tolerance, "{what}: {largest}");
}

#[test]
fn packed_scores_are_those_of_one_at_a_time() {
    packed_and_alone(CandleBackend::new, "f32", &requests(), TOLERANCE);
}

#[test]
fn packed_scores_of_quantised_weights_are_those_of_one_at_a_time_to_the_bit() {
    for recipe in ["q8_0", "q4_k_m"] {
        packed_and_alone(CandleBackend::new, recipe, &requests(), EQUAL);
    }
}

#[test]
fn packed_scores_on_webgpu_are_those_of_one_at_a_time() {
    let backend = block_on(WebGpuBackend::new(Options::default())).expect("a Vulkan device; on Debian install mesa-vulkan-drivers");
    packed_and_alone(|| backend.clone(), "q8_0", &requests()[..4], TOLERANCE);
}

fn packed_and_alone<B: Backend>(backend: impl Fn() -> B, recipe: &str, requests: &[ScoreRequest], tolerance: f64) {
    let session = |slots| session_of(backend(), recipe, slots);
    let assert_close =
        |left: &[Vec<Score>], right: &[Vec<Score>], what: &str| assert_close(left, right, tolerance, &format!("{recipe}, {what}"));
    let expected = alone_in(&mut session(CONTEXT + 64), requests);
    let mut wide = session(8192);
    assert_close(&score(&mut wide, requests), &expected, "packed");
    assert_close(&score(&mut wide, requests), &expected, "packed again, from kept beginnings");

    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.reverse();
    order.swap(1, 2);
    let shuffled: Vec<ScoreRequest> = order.iter().map(|&i| requests[i].clone()).collect();
    let mut back = vec![Vec::new(); requests.len()];
    for (scores, &i) in score(&mut session(8192), &shuffled).into_iter().zip(&order) {
        back[i] = scores;
    }
    assert_close(&back, &expected, "in another order");

    let mut pieces = session(2048);
    let in_pieces: Vec<Vec<Score>> = requests.chunks(3).flat_map(|piece| score(&mut pieces, piece)).collect();
    assert_close(&in_pieces, &expected, "in pieces");

    // Room for hardly more than one text: everything kept must give way.
    let mut narrow = session(256);
    assert_close(&score(&mut narrow, requests), &expected, "in a small cache");
    assert!(narrow.pool.free_slots() > 0);
}

/// A question that is itself among the examples has another one in its place: the beginning of the others stays for the next call all the same.
#[test]
fn what_most_texts_begin_with_is_kept() {
    let mut session = session(4096);
    let question = |seed: usize, examples: Vec<u32>| ScoreRequest {
        context: [examples, tokens(seed, 40)].concat(),
        continuations: vec![vec![5]],
    };
    let most = [tokens(1, 80), tokens(2, 60)].concat();
    let few = |seed| [tokens(1, 80), tokens(seed, 60)].concat();
    let mut requests: Vec<ScoreRequest> = (0..8).map(|seed| question(100 + seed, most.clone())).collect();
    requests.extend([question(200, few(31)), question(201, few(32)), question(202, few(32))]);
    let expected = alone(&requests);
    for _ in 0..2 {
        assert_close(
            &score(&mut session, &requests),
            &expected,
            TOLERANCE,
            "with other examples for some",
        );
        let held = session.pool.capacity() - session.pool.free_slots();
        assert!((most.len()..most.len() + 32).contains(&held), "{held} of {} tokens", most.len());
    }
}

#[test]
fn letters_are_scored_as_first_tokens_and_shared_beginnings_read() {
    let mut session = session(4096);
    let questions: Vec<ScoreRequest> = (0..20)
        .map(|question| {
            let mut context = tokens(1, 80);
            context.extend(tokens(50 + question, 10 + question));
            // Four or five options, half of them behind a token that all share.
            let lead: Vec<u32> = if question % 2 == 0 { vec![7] } else { vec![] };
            let continuations = (0..4 + question % 2)
                .map(|option| [lead.clone(), vec![20 + option as u32]].concat())
                .collect();
            ScoreRequest { context, continuations }
        })
        .collect();
    let results = block_on(session.first_tokens(&questions)).unwrap();
    for (question, result) in questions.iter().zip(&results) {
        assert_eq!(result.tokens.len(), question.continuations.len());
        assert_eq!(result.cut, 0);
        let scores = alone(std::slice::from_ref(question)).remove(0);
        // Differences of logits are differences of log-likelihoods: what is shared falls out.
        for (score, logit) in scores.iter().zip(&result.logits) {
            let by_score = score.log_likelihood() - scores[0].log_likelihood();
            let by_logit = f64::from(logit - result.logits[0]);
            assert!((by_score - by_logit).abs() < TOLERANCE, "{by_score} {by_logit}");
        }
    }
    let twins = ScoreRequest {
        context: vec![1],
        continuations: vec![vec![5, 6], vec![8, 6], vec![5, 9]],
    };
    assert!(matches!(block_on(session.first_tokens(&[twins])), Err(Error::Input(_))));
}

/// lm-evaluation-harness keeps the last `max_length + 1` tokens of context and continuation together and reads all but the very last.
#[test]
fn texts_that_are_too_long_lose_their_beginning_and_say_so() {
    let mut session = session(4096);
    let long = ScoreRequest {
        context: tokens(3, CONTEXT + 40),
        continuations: vec![tokens(4, 1), tokens(5, 9), tokens(6, 1)],
    };
    let fits = ScoreRequest {
        context: tokens(8, 20),
        continuations: vec![tokens(9, 3)],
    };
    assert!(matches!(
        block_on(session.score(std::slice::from_ref(&long), |_| ControlFlow::Continue(()))),
        Err(Error::ContextFull { .. })
    ));
    let results = block_on(session.score_cut(&[long.clone(), fits.clone()], |_| ControlFlow::Continue(()))).unwrap();
    assert_eq!((results[0].cut, results[1].cut), (48, 0));
    for (continuation, score) in long.continuations.iter().zip(&results[0].scores) {
        let whole = [long.context.clone(), continuation.clone()].concat();
        let kept = &whole[whole.len() - (CONTEXT + 1)..];
        let by_hand = ScoreRequest {
            context: kept[..kept.len() - continuation.len()].to_vec(),
            continuations: vec![continuation.clone()],
        };
        assert_eq!(by_hand.context.len() + continuation.len(), CONTEXT + 1);
        let expected = alone(&[by_hand]);
        assert_close(&[vec![score.clone()]], &expected, TOLERANCE, "cut");
    }
    let first = block_on(session.first_tokens(&[ScoreRequest {
        context: long.context.clone(),
        continuations: vec![vec![1], vec![2]],
    }]))
    .unwrap();
    assert_eq!((first[0].cut, first[0].context_tokens), (40, CONTEXT));
    let too_long = ScoreRequest {
        context: vec![1],
        continuations: vec![tokens(2, CONTEXT + 1)],
    };
    assert!(matches!(
        block_on(session.score_cut(&[too_long], |_| ControlFlow::Continue(()))),
        Err(Error::ContextFull { .. })
    ));
}

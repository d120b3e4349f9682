//! Counting line by line: the same as a whole record at once, in memory that does not grow, and beside the right published rows.

use mmedkit_mmedbench::report::compare::{Answered, compare, compare_answers};
use mmedkit_mmedbench::report::{Counts, Style, as_html, as_tables, report};
use mmedkit_mmedbench::{QuestionRecord, RunHeader, RunRecord};
use serde_json::json;

fn header(name: &str) -> RunHeader {
    serde_json::from_value(json!({
        "mmedkit_run": 1, "run_id": name, "started": "", "software": "test", "mode": "evaluation", "seed": 1, "model": null, "prompt": null,
        "evaluation": {"protocol": "letters", "shots": 0, "chat_template": false, "option_order": "as-given", "context_length": 9,
            "data": {"name": "Test", "hash": "d", "questions": 100_000, "unreadable_lines": 0}},
    }))
    .unwrap()
}

fn line(id: &str, language: &str, source: &str, gold: &str, right: bool) -> QuestionRecord {
    let prediction = if right { &gold[..1] } else { "D" };
    serde_json::from_value(json!({
        "id": id, "question_hash": format!("hash of {id}"), "language": language, "source": source, "gold": gold, "key_position": 0,
        "protocol": "letters", "prediction": prediction, "correct": right && gold.len() == 1,
        "option_log_probabilities": [-0.1, -3.0, -4.0, -5.0, null], "tokens": 10, "milliseconds": 2.0,
    }))
    .unwrap()
}

/// French questions of which every fourth has several right answers, English and Russian ones, a needed image here and there.
fn lines(n: usize) -> impl Iterator<Item = QuestionRecord> {
    (0..n).map(|i| {
        let (language, gold) = match i % 4 {
            0 => ("French", if i % 16 == 0 { "A,C" } else { "A" }),
            1 => ("Russian", "A"),
            _ => ("English", "A"),
        };
        let mut line = line(&format!("Test/{language}:{i}"), language, "Test", gold, i % 3 == 0);
        line.needs_image = i % 50 == 1;
        line
    })
}

#[test]
fn counted_one_by_one_a_record_says_the_same() {
    let record = RunRecord {
        header: header("a"),
        questions: lines(400).collect(),
    };
    let whole = report(&record).unwrap();
    let mut counts = Counts::default();
    record.questions.iter().for_each(|line| counts.add(line));
    let again = counts.report(&record.header).unwrap();
    assert_eq!(serde_json::to_value(&whole).unwrap(), serde_json::to_value(&again).unwrap());
    // One letter is never the whole of several, and such a question says nothing about calibration.
    let several = again.parts.iter().find(|row| row.name == "French, several right answers").unwrap();
    assert_eq!((several.n, several.correct, several.chance), (25, 0, Some(0.0)));
    assert_eq!(again.calibration.unwrap().n, 375);
    assert!(again.languages.iter().all(|row| row.chance.is_some_and(|c| c < 0.2 + 1e-12)));
}

/// What is held is written out by `Debug`: of 100,000 lines as much as of 1,000, but for the length of the numbers.
#[test]
fn a_record_of_100_000_lines_is_counted_in_constant_memory() {
    let held = |n: usize, rotations: u32| {
        let mut counts = Counts::default();
        for line in lines(n) {
            for rotation in 0..rotations {
                counts.add(&QuestionRecord {
                    rotation: (rotations > 1).then_some(rotation),
                    option_order: (rotations > 1).then(|| "ABCDE".chars().cycle().skip(rotation as usize).take(5).collect()),
                    ..line.clone()
                });
            }
        }
        (format!("{counts:?}").len(), counts)
    };
    let (few, _) = held(1_000, 1);
    let (many, counts) = held(100_000, 1);
    assert!(many < few + 500, "{few} {many}");
    assert_eq!((counts.questions(), counts.lines()), (100_000, 100_000));
    assert_eq!(counts.report(&header("a")).unwrap().all.n, 100_000);
    // Every rotation of each: what is complete is not remembered.
    let (few, _) = held(200, 5);
    let (many, counts) = held(20_000, 5);
    assert!(many < few + 500, "{few} {many}");
    assert_eq!((counts.questions(), counts.lines()), (20_000, 100_000));
    assert_eq!(counts.report(&header("a")).unwrap().position.unwrap().questions, 20_000);
}

#[test]
fn what_is_kept_of_lines_compares_like_whole_records() {
    let record = |name: &str, shift: usize| RunRecord {
        header: header(name),
        questions: lines(300)
            .enumerate()
            .map(|(i, line)| QuestionRecord {
                correct: Some((i + shift).is_multiple_of(3)),
                ..line
            })
            .collect(),
    };
    let (first, second) = (record("a", 0), record("b", 1));
    let whole = compare(&first, &second).unwrap();
    let kept = compare_answers((&first.header, &Answered::all(&first)), (&second.header, &Answered::all(&second))).unwrap();
    assert_eq!(serde_json::to_value(&whole).unwrap(), serde_json::to_value(&kept).unwrap());
    for differing in &kept.differing {
        assert_eq!(first.questions[differing.place].id, differing.id);
    }
}

#[test]
fn questions_stand_beside_published_rows_of_their_own_benchmark_only() {
    let of = |questions: Vec<QuestionRecord>| {
        report(&RunRecord {
            header: header("a"),
            questions,
        })
        .unwrap()
    };
    // PubMedQA and a part of MMLU: no column of MMedBench, and those two of the English table.
    let other = of(vec![
        line("PubMedQA:1", "English", "2014", "A", true),
        line("PubMedQA:2", "English", "2015", "A", false),
        line("mmlu-7", "English", "college_biology", "A", true),
    ]);
    assert!(other.published.is_empty());
    let english = other.english.as_ref().unwrap();
    let mine: Vec<(&str, usize, usize)> = english.mine.iter().map(|row| (row.name.as_str(), row.correct, row.n)).collect();
    assert_eq!(mine, [("MMLU college biology", 1, 1), ("PubMedQA", 1, 2)]);
    let gpt4 = english.published.iter().find(|row| row.model == "GPT-4").unwrap();
    assert_eq!(gpt4.percent, [Some(93.8), Some(70.0)]);
    let tables = as_tables(&other, Style::Markdown, Some(30));
    assert!(tables.contains("| GPT-4 | literature | 93.8 | 70.0 | 85.4 |"), "{tables}");
    assert!(!tables.contains("on MMedBench, %") && !tables.contains("Ablation"), "{tables}");
    assert!(
        !other.warnings.iter().any(|w| w.contains("test sets of MMedBench")),
        "{:?}",
        other.warnings
    );
    // MMedBench's own English questions have no mark of another benchmark.
    let own = of(lines(40).collect());
    assert!(own.english.is_none() && own.published.len() == 20);
    let best = &own.published[0];
    assert_eq!(best.model, "MMed-Llama 3.1 70B");
    assert_eq!(best.percent, [Some(80.6), Some(73.47), Some(82.03)]);
    let html = as_html(std::slice::from_ref(&own));
    assert!(
        html.contains("Ablation of the paper") && html.contains("filtered web"),
        "the page has the ablation"
    );
    assert!(
        !as_tables(&own, Style::Terminal, Some(30)).contains("Ablation"),
        "the terminal has not"
    );
    // Mixed with another benchmark, English has no column, and the other languages keep theirs.
    let mut mixed: Vec<QuestionRecord> = lines(40).collect();
    mixed.push(line("medmcqa-3", "English", "medmcqa", "A", true));
    let mixed = of(mixed);
    assert_eq!(mixed.published[0].percent, [None, Some(73.47), Some(82.03)]);
}

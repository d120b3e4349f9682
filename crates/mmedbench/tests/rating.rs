//! Ratings of rationales: what raters see, their records, and the summary against SciPy, krippendorff, NLTK and rouge-score
//! (`tests/scripts/ratings.py`).

mod vectors;

use std::collections::BTreeSet;
use std::path::PathBuf;

use mmedkit_mmedbench::rating::{
    ANCHORS, Correlation, Group, RatedQuestion, RatingError, Ratings, RatingsHeader, STORED, Source, Study, StudyError, correlations,
    rated_texts, summary,
};
use mmedkit_mmedbench::report::{Style, ratings_as_csv, ratings_as_html, ratings_as_tables};
use mmedkit_mmedbench::{Language, Question, RunRecord};
use serde_json::{Value, json};
use vectors::close;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/rating")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn questions() -> Vec<Question> {
    let text = fixture("questions.jsonl");
    text.lines()
        .map(|line| Question::from_json_line(line, "q", "f", None).unwrap())
        .collect()
}

fn ratings() -> Vec<Ratings> {
    ["first.jsonl", "second.jsonl", "third.jsonl"]
        .iter()
        .map(|name| Ratings::from_jsonl(&fixture(name)).unwrap())
        .collect()
}

/// A run whose text for question `i` is `text(i)`; none where that is empty.
fn run(questions: &[Question], text: impl Fn(usize) -> String) -> RunRecord {
    let header = json!({"mmedkit_run": 1, "run_id": "r", "started": "", "software": "", "mode": "evaluation", "seed": 1, "model": null, "prompt": null});
    let lines = questions.iter().enumerate().map(|(i, question)| {
        let mut line = mmedkit_mmedbench::QuestionRecord::of(question);
        line.text = Some(text(i));
        line
    });
    RunRecord {
        header: serde_json::from_value(header).unwrap(),
        questions: lines.collect(),
    }
}

fn study(questions: &[Question], seed: u64, most: Option<usize>) -> Study {
    let first = run(questions, |i| {
        format!("###Rationale: first says {i}\n###Answer: OPTION A IS CORRECT.")
    });
    let second = run(questions, |i| if i == 3 { String::new() } else { format!("second says {i}") });
    let sources = [
        Source::of_run("first", &first),
        Source::stored(questions),
        Source::of_run("second", &second),
    ];
    Study::new(questions, &sources, seed, most).unwrap()
}

#[test]
fn a_summary_equals_scipy_and_krippendorff() {
    let expected: Value = serde_json::from_str(&fixture("expected.json")).unwrap();
    let (all, questions) = (ratings(), questions());
    let summary = summary(&all).unwrap();
    assert_eq!(
        summary.raters.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(),
        ["first", "second", "third"]
    );
    assert_eq!(summary.raters[0].questions, 16);
    same(&summary.all, &expected["all"]);
    let languages = expected["languages"].as_array().unwrap();
    assert_eq!(summary.languages.len(), languages.len());
    for (got, want) in summary.languages.iter().zip(languages) {
        same(got, want);
    }
    let texts = rated_texts(&all, &questions);
    let taus = correlations(&texts);
    assert_eq!(taus.len(), 14);
    for want in expected["correlations"].as_array().unwrap() {
        let name = want["metric"].as_str().unwrap();
        let got: &Correlation = taus.iter().find(|tau| tau.metric == name).unwrap();
        assert_eq!(got.n as u64, want["n"].as_u64().unwrap());
        close(got.tau_b, want["tau_b"].as_f64().unwrap(), name);
        close(got.p.unwrap(), want["p"].as_f64().unwrap(), name);
    }
    let ter = taus.iter().find(|tau| tau.metric == "TER").unwrap();
    assert!(ter.tau_b < -0.3, "an error rate falls where texts are better: {ter:?}");

    let tables = ratings_as_tables(&summary, &taus, Style::Markdown);
    let first = &summary.all.sources[0];
    for part in [
        "| 3.64–4.11 | 1.51 | 8 | 17 | 12 | 0 | 0 |",
        "alpha (ordinal) 0.537",
        "| BLEU-1 | 32 | 0.697 |",
    ] {
        assert!(tables.contains(part), "{part}\n{tables}");
    }
    let csv = ratings_as_csv(&summary, &taus);
    assert!(
        csv.contains(&format!(",source,all,{STORED},16,{},", first.score)) && csv.contains(",tau_b,all,TER,32,-0."),
        "{csv}"
    );
    assert!(csv.lines().all(|line| line.split(',').count() == 11), "{csv}");
    assert!(ratings_as_html(&summary, &taus).starts_with("<!doctype html>"));
}

fn same(got: &Group, want: &Value) {
    let what = &got.name;
    assert_eq!(what, want["name"].as_str().unwrap());
    assert_eq!(
        (got.questions as u64, got.by_several as u64),
        (want["questions"].as_u64().unwrap(), want["by_several"].as_u64().unwrap())
    );
    close(got.alpha.unwrap(), want["alpha"].as_f64().unwrap(), what);
    let rows = want["sources"].as_array().unwrap();
    assert_eq!(got.sources.len(), rows.len());
    assert!(got.sources.is_sorted_by(|a, b| a.score >= b.score), "best first");
    for row in rows {
        let name = row["source"].as_str().unwrap();
        let got = got.sources.iter().find(|got| got.source == name).unwrap();
        let what = format!("{what}, {name}");
        let interval = got.interval.unwrap();
        for (got, key) in [
            (got.score, "score"),
            (got.stderr.unwrap(), "stderr"),
            (interval.low, "low"),
            (interval.high, "high"),
            (got.rank, "rank"),
        ] {
            close(got, row[key].as_f64().unwrap(), &format!("{what}: {key}"));
        }
        assert_eq!(
            json!([got.questions, got.ratings, got.counts]),
            json!([row["questions"], row["ratings"], row["counts"]]),
            "{what}"
        );
    }
}

#[test]
fn a_study_is_blind_shuffled_and_repeats() {
    let questions = questions();
    let whole = study(&questions, 1, None);
    assert_eq!(
        (whole.items.len(), whole.left_out),
        (15, 1),
        "a question without a text of each source is left out"
    );
    assert!(
        whole
            .items
            .iter()
            .all(|item| item.texts[0].starts_with("first says") && !item.texts[0].contains("OPTION"))
    );
    // The first questions are a sample with the languages in turn.
    let sample = study(&questions, 1, Some(4));
    assert_eq!(sample.items, whole.items[..4]);
    assert_eq!(sample.items.iter().filter(|item| item.language == Language::French).count(), 2);

    let sheets = whole.sheets("Ada");
    assert_eq!(sheets, whole.sheets("Ada"));
    assert_ne!(sheets, whole.sheets("Bo"), "raters see other orders");
    assert_ne!(whole.hash(), study(&questions, 2, None).hash());
    assert_ne!(whole.hash(), sample.hash());
    let asked: BTreeSet<usize> = sheets.iter().map(|sheet| sheet.item).collect();
    assert_eq!(asked.len(), 15);
    assert_ne!(
        sheets.iter().map(|sheet| sheet.item).collect::<Vec<_>>(),
        (0..15).collect::<Vec<_>>()
    );
    // Over many raters every source stands first about a third of the time: 450 sheets, 150 ± 4 standard deviations of 10.
    let mut first = [0; 3];
    for rater in 0..30 {
        for sheet in whole.sheets(&rater.to_string()) {
            first[sheet.order[0]] += 1;
        }
    }
    assert!(first.iter().all(|n| (110..190).contains(n)), "{first:?}");

    let sources = [Source::stored(&questions)];
    assert_eq!(Study::new(&questions, &[], 1, None), Err(StudyError::NoSource));
    assert_eq!(Study::new(&[], &sources, 1, None), Err(StudyError::NoQuestion));
    let twice = [sources[0].clone(), sources[0].clone()];
    assert_eq!(Study::new(&questions, &twice, 1, None), Err(StudyError::SameName(STORED.into())));
}

#[test]
fn a_rater_stops_and_goes_on() {
    let questions = questions();
    let study = study(&questions, 1, None);
    let header = RatingsHeader::new(&study, "Ada", "2026-11-23T06:00:00Z", "test");
    let mut text = header.to_line();
    let sheets = study.sheets("Ada");
    for sheet in &sheets[..4] {
        // By place: the text that stands first is the best.
        text += &RatedQuestion::new(&study, sheet, &[5, 3, 3], Some(1500.0)).unwrap().to_line();
    }
    let said = Ratings::from_jsonl(&text).unwrap();
    assert_eq!(said.to_jsonl(), text);
    let (question, sheet) = (&said.questions[0], &sheets[0]);
    assert_eq!(question.ratings[0].source, study.sources[sheet.order[0]]);
    assert_eq!(question.ratings[0].text, study.items[sheet.item].texts[sheet.order[0]]);
    assert_eq!(said.remaining(&study).unwrap(), sheets[4..]);
    assert_eq!(
        RatedQuestion::new(&study, &sheets[0], &[5, 3], None),
        None,
        "a text without a score"
    );
    assert_eq!(RatedQuestion::new(&study, &sheets[0], &[5, 3, 6], None), None, "not on the scale");
    assert_eq!(RatedQuestion::new(&study, &sheets[0], &[5, 3, 0], None), None);
    let other = self::study(&questions, 2, None);
    let error = said.remaining(&other).unwrap_err();
    assert!(matches!(error, RatingError::OtherStudy { field: "study", .. }), "{error}");

    // One rater: no agreement to speak of; the stored rationale is no text to correlate.
    let alone = summary(std::slice::from_ref(&said)).unwrap();
    assert_eq!((alone.all.alpha, alone.all.by_several, alone.all.questions), (None, 0, 4));
    assert_eq!(rated_texts(std::slice::from_ref(&said), &questions).len(), 8);
    assert!(ANCHORS.iter().map(|anchor| anchor.score).eq((1..=5).rev()));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let mut all = ratings();
    all[1].header.rater = "first".into();
    assert_eq!(summary(&all).unwrap_err(), RatingError::SameRater("first".into()));
    all[1].header.rater = "second".into();
    all[1].header.study = "other".into();
    let error = summary(&all).unwrap_err().to_string();
    assert!(error.contains("second") && error.contains("`study` is other"), "{error}");
    assert_eq!(summary(&[]).unwrap_err(), RatingError::Empty);
}

#[test]
fn damage_is_named_by_line_and_field() {
    let text = fixture("first.jsonl");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(Ratings::from_jsonl("\n"), Err(RatingError::Empty));
    let with = |line: usize, from: &str, to: &str| {
        let mut lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
        assert!(lines[line - 1].contains(from), "{}", lines[line - 1]);
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        Ratings::from_jsonl(&lines.join("\n")).unwrap_err().to_string()
    };
    for (line, from, to, said) in [
        (
            1,
            "\"mmedkit_ratings\": 1",
            "\"mmedkit_ratings\": 2",
            "line 1 of the ratings: `mmedkit_ratings`: version 2",
        ),
        (1, "rationale.1", "stars.1", "`scale`: stars.1"),
        (1, "\"rater\": \"first\"", "\"rater\": 7", "`rater`: invalid type"),
        (1, "\"seed\": 5, ", "", "`seed`: missing"),
        (
            3,
            "{\"question_hash\"",
            "\"question_hash\"",
            "line 3 of the ratings is no JSON object",
        ),
        (3, "\"language\": \"", "\"language\": \"X", "line 3 of the ratings: `language`"),
        (4, "\"score\": ", "\"score\": 1", "`ratings[0].score`: 1"),
        (4, "\"score\": ", "\"score\": -", "`ratings[0].score`: invalid"),
        (5, "\"source\": \"", "\"source\": \"X", "`ratings[0].source`: X"),
        (5, "\"milliseconds\": 1000.0", "\"milliseconds\": \"long\"", "`milliseconds`"),
    ] {
        let error = with(line, from, to);
        assert!(error.contains(said), "{error}, not {said}");
    }
    let mut object: Value = serde_json::from_str(lines[1]).unwrap();
    object["ratings"].as_array_mut().unwrap().pop();
    let error = Ratings::from_jsonl(&format!("{}\n{object}\n", lines[0])).unwrap_err().to_string();
    assert!(error.contains("`ratings`") && error.contains("is not judged"), "{error}");
    let error = Ratings::from_jsonl(&[lines[0], lines[1], lines[1]].join("\n"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 3") && error.contains("earlier line"), "{error}");
}

//! Reports and comparisons of made-up runs whose numbers are plain to see, in every format.

use mmedkit_mmedbench::record::{DataId, Evaluation, ModelId};
use mmedkit_mmedbench::report::compare::{CompareError, compare};
use mmedkit_mmedbench::report::rationales::{pairs, rationales};
use mmedkit_mmedbench::report::{ReportError, Style, as_csv, as_html, as_tables, report};
use mmedkit_mmedbench::{Language, QuestionRecord, RunHeader, RunRecord};
use serde_json::json;

fn header(name: &str, protocol: &str) -> RunHeader {
    RunHeader {
        mmedkit_run: 1,
        run_id: format!("run-{name}"),
        started: "2026-11-23T03:00:00Z".into(),
        software: "test".into(),
        mode: "evaluation".into(),
        time_limit_seconds: None,
        seed: 1,
        model: Some(ModelId {
            name: name.into(),
            architecture: "llama".into(),
            quantization: "Q4_0".into(),
            parameters: 1,
            sha256: None,
            backend: "cpu".into(),
            adapter: String::new(),
            kernels: String::new(),
        }),
        prompt: None,
        evaluation: Some(Evaluation {
            protocol: protocol.into(),
            option_order: "as-given".into(),
            data: DataId {
                name: "Test".into(),
                hash: "d1".into(),
                questions: 30,
                unreadable_lines: 2,
            },
            ..Evaluation::default()
        }),
    }
}

/// A line of protocol `letters` with probability `confidence` on the prediction.
fn line(id: usize, language: Language, gold: &str, prediction: &str, options: usize, confidence: f64) -> QuestionRecord {
    let rest = ((1.0 - confidence) / (options - 1) as f64).ln();
    let log_probabilities: Vec<f64> = ('A'..)
        .take(options)
        .map(|letter| if prediction == letter.to_string() { confidence.ln() } else { rest })
        .collect();
    serde_json::from_value(json!({
        "id": format!("{language}:{id}"), "question_hash": format!("h{id}"), "language": language, "source": format!("{language}.jsonl"),
        "protocol": "letters", "option_log_probabilities": log_probabilities, "prediction": prediction, "gold": gold, "correct": gold == prediction,
        "key_position": 0, "tokens": 100, "milliseconds": 10.0,
    }))
    .unwrap()
}

/// English: 6 of 8 right, four options. French: 3 of 6 with one right answer of five, none of 4 with several.
fn run(name: &str, wrong: usize) -> RunRecord {
    let mut questions: Vec<QuestionRecord> = (0..8)
        .map(|i| line(i, Language::English, "B", if i < wrong { "A" } else { "B" }, 4, 0.75))
        .collect();
    questions.extend((0..6).map(|i| line(i, Language::French, "C", if i < 3 { "C" } else { "E" }, 5, 0.5)));
    questions.extend((6..10).map(|i| line(i, Language::French, "A,C", "C", 5, 0.5)));
    RunRecord {
        header: header(name, "letters"),
        questions,
    }
}

#[test]
fn a_report_counts_what_the_record_says() {
    let report = report(&run("tiny", 2)).unwrap();
    assert_eq!((report.all.correct, report.all.n), (9, 18));
    let english = &report.languages[0];
    assert_eq!((english.correct, english.n, english.chance), (6, 8, Some(0.25)));
    // Wilson's interval of 6/8 at 95%, as SciPy gives it.
    assert!(
        (english.wilson.low - 0.409_275_430_310_168_83).abs() < 1e-12 && (english.wilson.high - 0.928_520_787_247_890_9).abs() < 1e-6,
        "{english:?}"
    );
    // √(0.75 · 0.25 / 7)
    assert!((english.stderr.unwrap() - 0.163_663_417_676_994_27).abs() < 1e-12);
    let macro_mean = report.macro_mean.as_ref().unwrap();
    assert!((macro_mean.accuracy - (0.75 + 0.3) / 2.0).abs() < 1e-12);
    let parts: Vec<(&str, usize, usize, Option<f64>)> = report
        .parts
        .iter()
        .map(|r| (r.name.as_str(), r.correct, r.n, r.chance.map(|c| (c * 100.0).round() / 100.0)))
        .collect();
    assert_eq!(
        parts,
        [
            ("French, one right answer", 3, 6, Some(0.2)),
            // One letter is never the whole of several.
            ("French, several right answers", 0, 4, Some(0.0)),
        ]
    );
    // Of the answers with one key: 8 at 0.75 of which 6 are right, 6 at 0.5 of which 3 are: perfectly calibrated.
    let calibration = report.calibration.as_ref().unwrap();
    assert_eq!(calibration.n, 14);
    assert!(calibration.ece < 1e-12, "{calibration:?}");
    assert_eq!(report.published.len(), 20);
    assert!(report.published[0].mean > report.published[19].mean);
    let said = report.warnings.join("\n");
    for part in ["protocol letters", "English 8, there 1273", "in no score: 2", "18 of 30"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn chance_of_sets_and_of_written_answers() {
    let mut record = run("tiny", 2);
    for line in &mut record.questions {
        line.protocol = Some(if line.gold.contains(',') { "letter-sets" } else { "letters" }.into());
    }
    let chance = |record: &RunRecord| report(record).unwrap().parts[1].chance.unwrap();
    assert!((chance(&record) - 1.0 / 31.0).abs() < 1e-15);
    for line in &mut record.questions {
        line.protocol = Some("paper".into());
    }
    assert!((chance(&record) - 1.0 / 31.0).abs() < 1e-15);
    for line in &mut record.questions {
        line.option_log_probabilities = None;
    }
    assert_eq!(
        report(&record).unwrap().all.chance,
        None,
        "nothing says how many options there were"
    );
}

#[test]
fn unread_answers_images_and_languages_of_text() {
    let mut record = run("tiny", 0);
    record.header.evaluation.as_mut().unwrap().protocol = "lenient".into();
    for (i, line) in record.questions.iter_mut().enumerate() {
        line.option_log_probabilities = None;
        line.text = Some("###Rationale: The patient needs insulin because of the keto-acidosis.\n###Answer: OPTION B IS CORRECT.".into());
        line.rule = Some(if i == 0 { "none" } else { "paper" }.into());
        if i == 0 {
            (line.prediction, line.correct) = (None, Some(false));
        }
        line.needs_image = i < 2;
    }
    let report = report(&record).unwrap();
    assert_eq!((report.unread, report.all.unread, report.languages[0].unread), (1, 1, 1));
    assert_eq!(report.rules, [("none".to_string(), 1), ("paper".to_string(), 17)]);
    assert_eq!(report.calibration, None);
    let image = report.parts.iter().find(|row| row.name == "English, needs its image").unwrap();
    assert_eq!((image.n, image.correct), (2, 1));
    let french = report.language_of_text.iter().find(|row| row.language == Language::French).unwrap();
    assert_eq!((french.same, french.other), (0, 10));
}

#[test]
fn log_likelihoods_give_the_harness_measures() {
    let mut record = run("tiny", 2);
    record.questions.truncate(8);
    for (i, line) in record.questions.iter_mut().enumerate() {
        line.protocol = Some("loglik".into());
        line.choices = Some(["no", "yes, at once", "perhaps", "never"].map(String::from).to_vec());
        // By sum the first option wins two of eight, per character the second always does.
        line.log_likelihoods = Some(vec![if i < 2 { -3.0 } else { -6.0 }, -5.0, -9.0, -9.0]);
        line.greedy = Some(vec![false, i > 5, false, false]);
    }
    let choice = report(&record).unwrap().choice.unwrap();
    let row = &choice.languages[0];
    assert_eq!((row.n, row.acc.value, row.acc_norm.value), (8, 0.75, 1.0));
    assert_eq!(row.exact_match.unwrap().value, 0.25);
    assert_eq!(row.acc_mutual_info.map(|m| m.value), None);
    assert_eq!(choice.weighted.acc.value, 0.75);
    record.questions[3].log_likelihoods = Some(vec![f64::NEG_INFINITY; 4]);
    assert!(matches!(report(&record), Err(ReportError::Scores { .. })));
}

#[test]
fn rotations_count_each_question_once() {
    let mut record = run("tiny", 2);
    let whole = record.questions.clone();
    record.questions.clear();
    for question in &whole {
        let n = question.option_log_probabilities.as_ref().unwrap().len();
        for rotation in 0..n {
            let mut line = question.clone();
            line.rotation = Some(rotation as u32);
            line.option_order = Some(('A'..).take(n).cycle().skip(rotation).take(n).collect());
            record.questions.push(line);
        }
    }
    let report = report(&record).unwrap();
    assert_eq!(report.all.n, 18);
    let position = report.position.unwrap();
    assert_eq!((position.questions, position.follows_content), (18, Some(1.0)));
    assert_eq!(position.follows_position, Some(0.0));
}

#[test]
fn every_format_holds_the_numbers() {
    let reports = [report(&run("tiny <1>", 2)).unwrap(), report(&run("other", 5)).unwrap()];
    let text = as_tables(&reports[0], Style::Terminal, Some(3));
    for part in [
        "English",
        "75.0",
        "40.9–92.9",
        "macro (mean of languages)",
        "52.5",
        "MMed-Llama 3.1 70B",
        "Note: ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let markdown = as_tables(&reports[0], Style::Markdown, Some(0));
    assert!(markdown.contains("| English | 8 | 6 | 75.0 | 40.9–92.9 |"), "{markdown}");
    assert!(!markdown.contains("GPT-4"));
    let csv = as_csv(&reports);
    let rows: Vec<&str> = csv.trim_end().split("\r\n").collect();
    assert!(rows.iter().all(|row| row.split(',').count() >= 20), "{csv}");
    assert!(rows[1].starts_with("run-tiny <1>,tiny <1>,letters,,all,all,,18,9,0.5,"), "{csv}");
    let html = as_html(&reports);
    assert!(
        html.contains("tiny &lt;1&gt;") && !html.contains("tiny <1>"),
        "names are text, never markup"
    );
    assert!(html.matches("<svg viewBox=\"0 0").count() >= 3 && html.contains("prefers-color-scheme:dark"));
    for outside in ["http://", "src=", "<script", "@import", "url("] {
        assert!(!html.contains(outside), "a self-contained page holds no {outside}");
    }
    let value: serde_json::Value = serde_json::from_str(&serde_json::to_string(&reports[0]).unwrap()).unwrap();
    assert_eq!(value["languages"][0]["correct"], 6);
}

#[test]
fn two_runs_question_by_question() {
    let (first, second) = (run("first", 0), run("second", 5));
    let comparison = compare(&first, &second).unwrap();
    let all = &comparison.all;
    assert_eq!((all.n, all.counts.only_first, all.counts.only_second), (18, 5, 0));
    // Five differences, all one way: 2 / 2⁵, and mid-p half of that.
    assert!((all.exact_p - 0.0625).abs() < 1e-12 && (all.mid_p - 0.03125).abs() < 1e-12);
    assert!((all.difference - 5.0 / 18.0).abs() < 1e-12 && all.interval.contains(all.difference));
    assert_eq!(comparison.differing.len(), 5);
    assert_eq!(
        (comparison.differing[0].first.as_deref(), comparison.differing[0].second.as_deref()),
        (Some("B"), Some("A"))
    );
    assert!(
        comparison.settings.iter().any(|s| s.contains("model.name")),
        "{:?}",
        comparison.settings
    );
    // A run that is not finished is compared on what both have.
    let mut part = second.clone();
    part.questions.truncate(10);
    let comparison = compare(&first, &part).unwrap();
    assert_eq!((comparison.all.n, comparison.only_first, comparison.only_second), (10, 8, 0));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let first = run("first", 0);
    let mut other = first.clone();
    other.header.evaluation.as_mut().unwrap().data.hash = "d2".into();
    let error = compare(&first, &other).unwrap_err();
    assert!(
        matches!(error, CompareError::Data { .. }) && error.to_string().contains("d2"),
        "{error}"
    );
    let mut empty = first.clone();
    empty.questions.clear();
    assert_eq!(compare(&first, &empty).unwrap_err(), CompareError::NothingInCommon);
    assert!(matches!(report(&empty), Err(ReportError::Nothing { .. })));
    let mut key = first.clone();
    key.questions[0].gold = "D".into();
    assert!(matches!(compare(&first, &key), Err(CompareError::Key { .. })));
}

#[test]
fn rationales_are_measured_against_the_data() {
    let mut record = run("tiny", 0);
    let line = |key: &str, rationale: &str, checked: bool| {
        format!(
            r#"{{"question":"Q{key}","options":{{"A":"1","B":"2"}},"answer_idx":"B","rationale":"{rationale}","human_checked":{checked},"human_check_passed":{checked}}}"#
        )
    };
    let question = |text: &str, language| mmedkit_mmedbench::Question::from_json_line(text, "q", "f", Some(language)).unwrap();
    let english = [
        question(&line("1", "Insulin lowers the glucose.", true), Language::English),
        question(&line("2", "Not checked by anyone.", false), Language::English),
    ];
    let said = [
        "###Rationale: Insulin lowers the glucose.\n###Answer: OPTION B IS CORRECT.",
        "Insulin.",
    ];
    for ((line, question), said) in record.questions.iter_mut().zip(&english).zip(said) {
        line.question_hash = question.hash();
        line.text = Some(said.into());
    }
    let found = pairs(&record, &english);
    let mut scores = rationales(&found).unwrap();
    let row = &scores.languages[0];
    assert_eq!((scores.languages.len(), row.n, row.empty, row.tokens), (1, 1, 0, "nltk"));
    let got = row.scores;
    assert!((got.bleu[3] - 1.0).abs() < 1e-12 && (got.rouge[2] - 1.0).abs() < 1e-12, "{got:?}");
    assert!((got.rouge_authors[0] - 0.999_999_995).abs() < 1e-12 && got.ter == 0.0, "{got:?}");
    scores.set_bert_score("a tiny BERT".into(), &found, &[0.25]);
    let mut report = report(&record).unwrap();
    report.rationales = Some(scores);
    let tables = as_tables(&report, Style::Markdown, Some(3));
    assert!(tables.contains("| English | 1 | 0 | nltk | 100.0 |"), "{tables}");
    assert!(
        tables.contains("BERTScore by a tiny BERT") && tables.contains("| 25.0 |"),
        "{tables}"
    );
    // The best published BLEU-1 is MMedLM 2's, English 50.02 / 44.77.
    assert!(
        tables.contains("| this run: tiny | 100.0 / 100.0 | – |") && tables.contains("| MMedLM 2 | 50.0 / 44.8 | 48.8 / 45.3 |"),
        "{tables}"
    );
    assert!(!tables.contains("these of others"), "{tables}");
    let mut others = record.clone();
    others.questions.iter_mut().for_each(|line| line.source = "CasiMedicos".into());
    let mut elsewhere = mmedkit_mmedbench::report::report(&others).unwrap();
    elsewhere.rationales = report.rationales.clone();
    assert!(as_tables(&elsewhere, Style::Markdown, Some(3)).contains("these of others"));
    let csv = as_csv(std::slice::from_ref(&report));
    let plain = csv.trim_end().split("\r\n").filter(|row| !row.contains('"'));
    let rows: Vec<Vec<&str>> = plain.map(|row| row.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
    let cell = |group: &str, name: &str, column: &str| {
        let row = rows.iter().find(|row| row[4] == group && row[5] == name).unwrap();
        row[rows[0].iter().position(|c| *c == column).unwrap()].to_string()
    };
    for (column, want) in [
        ("rationales", "1"),
        ("bertscore_f1", "0.25"),
        ("rouge1", "1"),
        ("ter", "0"),
        ("chrf", "100"),
    ] {
        assert_eq!(cell("language", "English", column), want, "{column}");
        assert_eq!(cell("all", "all", column), "", "{column}");
    }
    assert!(rationales(&pairs(&run("tiny", 0), &english)).is_none(), "nothing was written");
}

/// The paper's mean is over languages, not over texts.
#[test]
fn rationales_of_languages_weigh_equally() {
    use mmedkit_mmedbench::report::rationales::Pair;
    let pair = |language, text, reference| Pair { language, text, reference };
    let of = [
        pair(Language::English, "the heart", "the heart"),
        pair(Language::English, "the lung", "the lung"),
        pair(Language::English, "the bone", "the bone"),
        pair(Language::French, "le poumon", "un coeur"),
    ];
    let mut scores = rationales(&of).unwrap();
    let mean = scores.macro_mean.unwrap();
    assert!(
        (mean.bleu[0] - 0.5).abs() < 1e-12 && (mean.rouge[0] - 0.5).abs() < 1e-12,
        "{mean:?}"
    );
    scores.set_bert_score("x".into(), &of, &[0.9, 0.8, 0.7, 0.2]);
    assert!((scores.languages[0].scores.bert_score.unwrap() - 0.8).abs() < 1e-12);
    assert!((scores.macro_mean.unwrap().bert_score.unwrap() - 0.5).abs() < 1e-12);
}

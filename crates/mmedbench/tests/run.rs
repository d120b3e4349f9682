//! The runner with a model that is only arithmetic: every protocol, interruption, parts, wrong numbers, and a hundred thousand questions.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use mmedkit_mmedbench::record::ModelId;
use mmedkit_mmedbench::run::*;
use mmedkit_mmedbench::{Language, OptionOrder, Protocol, Question, QuestionRecord, RunHeader, RunRecord, Template};

/// Counts what is allocated, for the test that memory stays flat.
struct Counting;
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Knows nothing, but always the same: scores are made of the texts' hashes. Fails and lies where it is told to.
#[derive(Default)]
struct Hashing {
    /// Gives a NaN when the context holds this.
    nan_at: Option<String>,
    /// Gives −∞ for all, likewise.
    impossible_at: Option<String>,
    template: bool,
    asked: usize,
    /// Writes this.
    says: String,
    /// Prefers this place, if given.
    place: Option<usize>,
}

impl Hashing {
    fn value(&self, context: &str, text: &str) -> f64 {
        if self.nan_at.as_ref().is_some_and(|mark| context.contains(mark)) {
            return f64::NAN;
        }
        if self.impossible_at.as_ref().is_some_and(|mark| context.contains(mark)) {
            return f64::NEG_INFINITY;
        }
        let mut hasher = std::hash::DefaultHasher::new();
        (context, text).hash(&mut hasher);
        -((hasher.finish() >> 40) as f64) / 1e6 - 0.1
    }

    fn values(&mut self, request: &Request) -> Vec<f64> {
        self.asked += 1;
        let mut values: Vec<f64> = request
            .continuations
            .iter()
            .map(|text| self.value(&request.context, text))
            .collect();
        if let Some(place) = self.place {
            values[place] = 0.0;
        }
        values
    }
}

impl Model for Hashing {
    type Error = String;

    async fn render(&mut self, message: &str) -> Result<String, String> {
        if self.template {
            Ok(format!("<user>{message}</user>\n"))
        } else {
            Err("the model has no chat template".into())
        }
    }

    async fn letters(&mut self, requests: &[Request]) -> Result<Vec<Letters>, String> {
        Ok(requests
            .iter()
            .map(|request| Letters {
                log_probabilities: self.values(request),
                context_tokens: request.context.len() as u32,
                truncated_tokens: (request.context.len() as u32).saturating_sub(600),
            })
            .collect())
    }

    async fn score(&mut self, requests: &[Request]) -> Result<Vec<Scored>, String> {
        Ok(requests
            .iter()
            .map(|request| Scored {
                log_likelihoods: self.values(request),
                token_counts: request.continuations.iter().map(|c| c.len() as u32).collect(),
                greedy: vec![false; request.continuations.len()],
                context_tokens: request.context.len() as u32,
                truncated_tokens: 0,
            })
            .collect())
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Written, String> {
        self.asked += 1;
        Ok(Written {
            text: self.says.clone(),
            tokens: 3,
            prompt_tokens: request.prompt.len() as u32,
            truncated_tokens: 0,
            ended: "end-of-text".into(),
        })
    }

    fn now_ms(&self) -> f64 {
        self.asked as f64
    }
}

fn questions(n: usize) -> Vec<Question> {
    (0..n)
        .map(|i| {
            let (language, key) = if i % 3 == 0 { (Language::French, "A,C") } else { (Language::English, "B") };
            let line = format!(
                r#"{{"question":"Question number {i}?","options":{{"A":"alpha","B":"beta beta","C":"gamma","D":"delta"}},"answer_idx":"{key}"}}"#
            );
            Question::from_json_line(&line, &format!("t:{i}"), "t.jsonl", Some(language)).unwrap()
        })
        .collect()
}

fn settings(protocol: Protocol) -> Settings {
    Settings {
        protocol,
        template: Template::built_in("native").unwrap(),
        together: 4,
        ..Settings::default()
    }
}

fn plan(settings: Settings) -> Plan {
    Plan::new(
        settings,
        Data {
            name: "t".into(),
            unreadable_lines: 2,
        },
        questions(22),
        &questions(60)[22..],
    )
    .unwrap()
}

fn model_id() -> ModelId {
    ModelId {
        name: "hash".into(),
        architecture: "none".into(),
        quantization: "F64".into(),
        parameters: 0,
        sha256: Some("00".into()),
        backend: "cpu".into(),
        adapter: String::new(),
        kernels: String::new(),
    }
}

fn header(plan: &Plan) -> RunHeader {
    plan.header("run", "2026-11-23T00:00:00Z", "test 1", model_id(), 4096)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("nothing here waits"),
    }
}

fn on(_: &Update) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A whole record without times.
fn whole(plan: &Plan) -> Vec<QuestionRecord> {
    let mut file = header(plan).to_line().into_bytes();
    let outcome = block_on(run(plan, Done::default(), &mut Hashing::default(), &mut file, on)).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    timeless(&file)
}

fn timeless(file: &[u8]) -> Vec<QuestionRecord> {
    let mut record = RunRecord::from_jsonl(std::str::from_utf8(file).unwrap()).unwrap();
    record.questions.iter_mut().for_each(|line| line.milliseconds = None);
    record.questions
}

#[test]
fn a_line_says_what_is_needed_under_every_protocol() {
    for protocol in [Protocol::Letters, Protocol::Loglik, Protocol::LetterSets] {
        let plan = plan(settings(protocol));
        let lines = whole(&plan);
        assert_eq!(lines.len(), 22);
        for line in &lines {
            assert_eq!(line.protocol.as_deref(), Some(protocol.name()));
            assert_eq!(line.option_log_probabilities.as_ref().unwrap().len(), 4);
            assert!(line.prediction.is_some() && line.tokens.is_some() && line.prompt_hash.is_some());
            assert_eq!(line.correct, Some(line.prediction.as_ref() == Some(&line.gold)), "all or nothing");
            match protocol {
                Protocol::Letters => assert!(line.log_likelihoods.is_none() && line.prediction.as_ref().unwrap().len() == 1),
                Protocol::LetterSets => assert_eq!(line.log_likelihoods.as_ref().unwrap().len(), 15),
                _ => {
                    assert_eq!(line.choices.as_ref().unwrap()[1], "beta beta");
                    assert_eq!(
                        line.token_counts,
                        Some(vec![6, 10, 6, 6]),
                        "the delimiter is scored with the choice"
                    );
                    assert_eq!(line.unconditional_log_likelihoods.as_ref().unwrap().len(), 4);
                }
            }
        }
        if protocol == Protocol::LetterSets {
            assert!(lines.iter().any(|line| line.prediction.as_ref().unwrap().contains(',')));
        }
    }
}

/// Killed after any byte whatever: what is there is gone on with, and the end is the same record.
#[test]
fn a_record_cut_anywhere_ends_with_the_same_lines() {
    let plan = plan(settings(Protocol::Letters));
    let header = header(&plan);
    let mut file = header.to_line().into_bytes();
    block_on(run(&plan, Done::default(), &mut Hashing::default(), &mut file, on)).unwrap();
    let expected = timeless(&file);
    let mut mended = 0;
    for cut in (0..file.len()).step_by(97).chain([file.len()]) {
        let mut part = file[..cut].to_vec();
        let mut seen = 0;
        let mut model = Hashing::default();
        let done = match Resumed::read(&part[..], &header, |_| seen += 1).unwrap() {
            Some(resumed) => {
                part.truncate(resumed.keep_bytes as usize);
                mended += usize::from(resumed.mended);
                assert_eq!(resumed.done.len(), seen);
                resumed.done
            }
            None => {
                part = header.to_line().into_bytes();
                Done::default()
            }
        };
        block_on(run(&plan, done, &mut model, &mut part, on)).unwrap();
        assert_eq!(timeless(&part), expected, "cut at byte {cut}");
        assert_eq!(model.asked, 22 - seen, "nothing is asked twice");
    }
    assert!(mended > 10, "most cuts are inside a line");
}

#[test]
fn a_pause_keeps_what_is_written() {
    let plan = plan(settings(Protocol::Letters));
    let header = header(&plan);
    let mut file = header.to_line().into_bytes();
    let pause = |update: &Update| {
        assert_eq!(update.total, 22);
        if update.done >= 8 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let outcome = block_on(run(&plan, Done::default(), &mut Hashing::default(), &mut file, pause)).unwrap();
    assert_eq!(outcome, Outcome::Paused);
    assert_eq!(timeless(&file).len(), 8);
    let resumed = Resumed::read(&file[..], &header, |_| {}).unwrap().unwrap();
    assert!(!resumed.mended);
    block_on(run(&plan, resumed.done, &mut Hashing::default(), &mut file, on)).unwrap();
    assert_eq!(timeless(&file), whole(&plan));
}

#[test]
fn another_runs_record_is_refused_with_what_differs() {
    let plan_a = plan(settings(Protocol::Letters));
    let text = header(&plan_a).to_line();
    let refused = |header: &RunHeader| match Resumed::read(text.as_bytes(), header, |_| {}) {
        Err(ResumeError::Other(differences)) => differences.iter().map(|d| d.field.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let mut other = header(&plan_a);
    other.model.as_mut().unwrap().sha256 = Some("11".into());
    assert_eq!(refused(&other), ["model.sha256"]);
    let plan_b = plan(Settings {
        seed: 3,
        shots: 2,
        template: Template::built_in("harness").unwrap(),
        ..settings(Protocol::Loglik)
    });
    let fields = refused(&header(&plan_b));
    for field in [
        "seed",
        "prompt.name",
        "prompt.hash",
        "evaluation.protocol",
        "evaluation.shots",
        "evaluation.shots_hash",
    ] {
        assert!(fields.iter().any(|f| f == field), "{field} is not in {fields:?}");
    }
    let message = Resumed::read(text.as_bytes(), &other, |_| {}).unwrap_err().to_string();
    assert!(message.contains("model.sha256 (00 against 11)"), "{message}");
    // Name and time of a sitting may differ.
    let mut later = header(&plan_a);
    later.started = "2026-12-01T00:00:00Z".into();
    later.run_id = "again".into();
    assert!(Resumed::read(text.as_bytes(), &later, |_| {}).unwrap().is_some());
    // A file that is no record is never taken for a cut one.
    assert!(matches!(
        Resumed::read(&b"my notes"[..], &header(&plan_a), |_| {}),
        Err(ResumeError::Header(_))
    ));
    assert!(matches!(
        Resumed::read(&b"my notes\n"[..], &header(&plan_a), |_| {}),
        Err(ResumeError::Header(_))
    ));
    // A line in the middle that cannot be read is not a cut.
    let broken = format!("{text}{{\"id\":\n{text}");
    assert!(matches!(
        Resumed::read(broken.as_bytes(), &header(&plan_a), |_| {}),
        Err(ResumeError::Line { line: 2, .. })
    ));
}

#[test]
fn two_halves_make_the_whole() {
    let all = plan(settings(Protocol::Letters));
    let half = |k: usize| {
        let mut part = plan(settings(Protocol::Letters));
        part.part(k, 2);
        let mut file = header(&part).to_line().into_bytes();
        block_on(run(&part, Done::default(), &mut Hashing::default(), &mut file, on)).unwrap();
        RunRecord::from_jsonl(std::str::from_utf8(&file).unwrap()).unwrap()
    };
    let merged = merge(vec![half(1), half(2), half(1)]).unwrap();
    assert_eq!(merged.questions.len(), 22, "a question that two parts have counts once");
    let sorted = |mut lines: Vec<QuestionRecord>| {
        lines.iter_mut().for_each(|l| l.milliseconds = None);
        lines.sort_by(|a, b| a.id.cmp(&b.id));
        lines
    };
    assert_eq!(sorted(merged.questions), sorted(whole(&all)));
    let mut other = half(2);
    other.header.model.as_mut().unwrap().quantization = "Q4_0".into();
    let error = merge(vec![half(1), other]).unwrap_err();
    assert!(error.to_string().contains("model.quantization (F64 against Q4_0)"), "{error}");
    let mut contradicting = half(1);
    contradicting.questions[0].prediction = Some("A,B,C".into());
    assert!(matches!(merge(vec![half(1), contradicting]), Err(MixError::Answers { .. })));
}

#[test]
fn a_score_that_is_no_number_stops_the_run_and_counts_nobody_wrong() {
    for protocol in [Protocol::Letters, Protocol::Loglik, Protocol::LetterSets] {
        for impossible in [false, true] {
            let plan = plan(settings(protocol));
            let bad = plan.question(plan.items()[9]);
            let mark = bad.question.clone();
            let mut model = Hashing {
                nan_at: (!impossible).then(|| mark.clone()),
                impossible_at: impossible.then_some(mark),
                ..Hashing::default()
            };
            let mut file = header(&plan).to_line().into_bytes();
            let error = block_on(run(&plan, Done::default(), &mut model, &mut file, on)).unwrap_err();
            assert!(error.to_string().starts_with(&format!("question {}: ", bad.id)), "{error}");
            assert!(matches!(error, RunError::Reply(_)));
            assert_eq!(timeless(&file), whole(&plan)[..9], "what was answered before is kept");
        }
    }
}

#[test]
fn a_chat_template_is_laid_around_or_missed() {
    let chat = Settings {
        chat: true,
        ..settings(Protocol::Letters)
    };
    let plan = plan(chat);
    let mut file = Vec::new();
    let error = block_on(run(&plan, Done::default(), &mut Hashing::default(), &mut file, on)).unwrap_err();
    assert!(error.to_string().ends_with("the model has no chat template"), "{error}");
    assert!(file.is_empty());
    let mut model = Hashing {
        template: true,
        ..Hashing::default()
    };
    block_on(run(&plan, Done::default(), &mut model, &mut file, on)).unwrap();
    assert_eq!(model.asked, 22);
}

#[test]
fn written_answers_are_read_and_read_again_without_the_model() {
    for order in [OptionOrder::AsGiven, OptionOrder::Shuffled] {
        let plan = plan(Settings {
            template: Template::built_in("paper").unwrap(),
            option_order: order,
            ..settings(Protocol::Paper)
        });
        let mut file = header(&plan).to_line().into_bytes();
        let mut model = Hashing {
            says: "The answer is D".into(),
            ..Hashing::default()
        };
        block_on(run(&plan, Done::default(), &mut model, &mut file, on)).unwrap();
        let mut record = RunRecord::from_jsonl(std::str::from_utf8(&file).unwrap()).unwrap();
        assert!(
            record
                .questions
                .iter()
                .all(|l| l.prediction.is_none() && l.correct == Some(false) && l.rule.as_deref() == Some("none"))
        );
        assert_eq!(rescore(&mut record, Protocol::Lenient).unwrap(), 22);
        assert_eq!(record.header.evaluation.as_ref().unwrap().protocol, "lenient");
        for line in &record.questions {
            assert_eq!((line.rule.as_deref(), line.protocol.as_deref()), (Some("marker"), Some("lenient")));
            // D is the option that stood last.
            let meant = line.option_order.as_ref().unwrap().chars().last().unwrap().to_string();
            assert_eq!(line.prediction, Some(meant));
        }
        // Read by what a line says as text: the text belongs to the option of the data, wherever it was shown.
        for line in &mut record.questions {
            line.text = Some("I think beta beta".into());
        }
        rescore(&mut record, Protocol::Lenient).unwrap();
        assert!(
            record
                .questions
                .iter()
                .all(|l| l.prediction.as_deref() == Some("B") && l.rule.as_deref() == Some("option_text"))
        );
        for line in &mut record.questions {
            line.text = Some("###Answer: OPTION B IS CORRECT.".into());
        }
        rescore(&mut record, Protocol::Paper).unwrap();
        for line in &record.questions {
            let meant = line.option_order.as_ref().unwrap().chars().nth(1).unwrap().to_string();
            assert_eq!(
                (line.prediction.as_deref(), line.rule.as_deref()),
                (Some(meant.as_str()), Some("paper"))
            );
            assert_eq!(line.correct, Some(line.prediction.as_ref() == Some(&line.gold)));
        }
    }
    let mut scored = RunRecord {
        header: header(&plan(settings(Protocol::Letters))),
        questions: vec![],
    };
    assert!(matches!(
        rescore(&mut scored, Protocol::Lenient),
        Err(RescoreError::NotWritten { .. })
    ));
}

#[test]
fn rotations_show_a_model_that_follows_places() {
    let plan = plan(Settings {
        option_order: OptionOrder::Rotated,
        ..settings(Protocol::Letters)
    });
    let mut file = header(&plan).to_line().into_bytes();
    let mut model = Hashing {
        place: Some(2),
        ..Hashing::default()
    };
    block_on(run(&plan, Done::default(), &mut model, &mut file, on)).unwrap();
    let lines = timeless(&file);
    assert_eq!(lines.len(), 88);
    let bias = position_bias(&lines).unwrap();
    assert_eq!((bias.questions, bias.pairs), (22, 88));
    assert_eq!((bias.follows_position(), bias.follows_content()), (Some(1.0), Some(0.0)));
    assert_eq!(bias.by_position, [0, 0, 88]);
    // Each rotation of a question is a line of its own, also for resuming.
    let resumed = Resumed::read(&file[..], &header(&plan), |_| {}).unwrap().unwrap();
    block_on(run(&plan, resumed.done, &mut Hashing::default(), &mut file, on)).unwrap();
    assert_eq!(timeless(&file).len(), 88);
}

#[test]
fn cut_contexts_are_counted_in_the_record() {
    let plan = plan(Settings {
        shots: 6,
        ..settings(Protocol::Letters)
    });
    let lines = whole(&plan);
    assert!(
        lines.iter().all(|line| line.truncated_tokens.is_some_and(|cut| cut > 0)),
        "600 letters are too few for six examples"
    );
}

#[test]
fn an_estimate_asks_and_writes_nothing() {
    let plan = plan(settings(Protocol::Letters));
    let mut model = Hashing::default();
    let estimate = block_on(measure(&plan, &mut model, 8)).unwrap();
    assert_eq!((estimate.lines, estimate.milliseconds, estimate.whole), (4, 4.0, 22.0));
    assert_eq!(block_on(measure(&plan, &mut model, 1)).unwrap().whole, 22.0);
}

/// A sink that only counts, so that the record itself is not what fills the memory.
struct Counter(usize);

impl Sink for Counter {
    type Error = String;
    async fn append(&mut self, lines: &str) -> Result<(), String> {
        self.0 += lines.lines().count();
        Ok(())
    }
}

/// The run's own memory, beyond the questions themselves, does not grow with their number.
#[test]
fn memory_stays_flat_over_a_hundred_thousand_questions() {
    const MANY: usize = 100_000;
    let used = |n: usize| {
        let plan = Plan::new(settings(Protocol::Letters), Data::default(), questions(n), &[]).unwrap();
        let before = NOW.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let mut sink = Counter(0);
        block_on(run(&plan, Done::default(), &mut Hashing::default(), &mut sink, on)).unwrap();
        assert_eq!(sink.0, n);
        PEAK.load(Ordering::Relaxed) - before
    };
    let (few, many) = (used(1000), used(MANY));
    println!("1,000 questions: {few} bytes, {MANY}: {many} bytes");
    // Other tests of this program run at the same time; a million bytes are theirs, and ten bytes a question.
    assert!(many < few + (2 << 20), "{many} bytes for {MANY} questions, {few} for 1,000");
}

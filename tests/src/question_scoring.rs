//! What sharing saves: letters of 200 real questions with five examples before each, all together and one at a time without sharing, with the
//! same model on the same device in the same run.
//!
//! The model is the demonstration model, the questions are those that ship with the app. One at a time is already kind: all options of a
//! question come out of one pass. What must hold: both ways give the same log-probabilities (1e-4).

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use backend_candle::CandleBackend;
use checkpoint::GgufFile;
use decoder::score::ScoreRequest;
use decoder::{CacheShape, Decoder, Session};
use mmedbench::run::{Data, Plan, Settings};
use mmedbench::{Protocol, Question, ReadReport, Template};
use pollster::block_on;
use serde_json::{Value, json};
use tokenizer::Tokenizer;

const QUESTIONS: usize = 200;
const ROUNDS: usize = 3;
const SHOTS: usize = 5;
/// Questions that `mmedkit evaluate` hands to the model together: 32 for each of six languages, because their examples take turns.
const TOGETHER: usize = 192;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    pub questions: usize,
    /// Tokens of all contexts.
    pub tokens: usize,
    /// Seconds together and one at a time, round by round: halves of a round are measured one after the other, so that a busy spell of the
    /// machine hits both.
    pub rounds: Vec<(f64, f64)>,
    pub largest_difference: f64,
}

impl Measured {
    /// How many times faster sharing is: the median of the rounds' ratios.
    pub fn ratio(&self) -> f64 {
        self.median(|(shared, alone)| alone / shared)
    }

    fn median(&self, of: impl Fn(&(f64, f64)) -> f64) -> f64 {
        let mut values: Vec<f64> = self.rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    pub fn to_json(&self) -> Value {
        json!({ "questions": self.questions, "shots": SHOTS, "together": TOGETHER, "tokens": self.tokens, "rounds": self.rounds,
            "ratio": self.ratio(), "largest_difference": self.largest_difference })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "letters of {} questions with {SHOTS} examples ({} tokens), candle: {:.1} s together, {:.1} s one at a time without sharing: \
             {:.1} times faster; log-probabilities differ by at most {:.1e}",
            self.questions,
            self.tokens,
            self.median(|round| round.0),
            self.median(|round| round.1),
            self.ratio(),
            self.largest_difference
        )
    }
}

/// Measures with what lies in `www`, and leaves in `folder` what a browser needs to measure the same: `questions.gguf`, the model that reads
/// texts so long, and `question-items.json`, contexts and options as texts.
pub fn measure(www: &Path, folder: &Path) -> Outcome<Measured> {
    let demo = www.join("models/demo.gguf");
    let tokenizer = Tokenizer::from_gguf(block_on(GgufFile::open_path(&demo))?.header())?;
    let (items, requests) = requests(www, &tokenizer)?;
    let longest = requests.iter().map(|request| request.context.len()).max().unwrap_or(0) + 8;
    let path = folder.join("questions.gguf");
    std::fs::write(&path, with_context(std::fs::read(demo)?, longest as u32)?)?;
    let items = json!({ "shots": SHOTS, "together": TOGETHER, "items": items });
    std::fs::write(folder.join("question-items.json"), items.to_string())?;
    let mut file = block_on(GgufFile::open_path(&path))?;
    let config = file.header().config()?;
    let decoder = block_on(Decoder::load(CandleBackend::new(), config, longest, &mut file, |_| {
        ControlFlow::Continue(())
    }))?;
    let cache = CacheShape::for_texts(decoder.config(), longest, longest.clamp(1024, 4096));
    let mut session = Session::new(decoder, cache.slots)?;
    block_on(session.first_tokens(&requests[..1]))?; // pools are made once
    session.forget();

    let (mut together, mut alone) = (Vec::new(), Vec::new());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        session.forget();
        together.clear();
        let started = Instant::now();
        for batch in requests.chunks(TOGETHER) {
            together.extend(block_on(session.first_tokens(batch))?);
        }
        let shared_seconds = started.elapsed().as_secs_f64();
        alone.clear();
        let started = Instant::now();
        for request in &requests {
            session.forget();
            alone.extend(block_on(session.first_tokens(std::slice::from_ref(request)))?);
        }
        rounds.push((shared_seconds, started.elapsed().as_secs_f64()));
    }

    let differences = together.iter().zip(&alone).flat_map(|(a, b)| {
        let (a, b) = (log_softmax(&a.logits), log_softmax(&b.logits));
        a.into_iter().zip(b).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>()
    });
    Ok(Measured {
        questions: requests.len(),
        tokens: requests.iter().map(|request| request.context.len()).sum(),
        rounds,
        largest_difference: differences.fold(0.0, f64::max),
    })
}

/// The same model for texts of `longest` tokens: a measurement of speed may go beyond what it was trained for.
fn with_context(mut file: Vec<u8>, longest: u32) -> Outcome<Vec<u8>> {
    // The key, its type (4: u32), the number.
    let key = b"llama.context_length\x04\0\0\0";
    let found = file.windows(key.len()).position(|bytes| bytes == key);
    let at = found.ok_or("the demonstration model does not say how long its context is")? + key.len();
    file[at..at + 4].copy_from_slice(&longest.to_le_bytes());
    Ok(file)
}

/// The letters of every question, in the order of a run: as texts (`context`, `options`) and in tokens.
fn requests(www: &Path, tokenizer: &Tokenizer) -> Outcome<(Vec<Value>, Vec<ScoreRequest>)> {
    let mut report = ReadReport::default();
    let mut paths: Vec<_> = std::fs::read_dir(www.join("questions"))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths {
        report.offer_file(&path.file_name().unwrap_or_default().to_string_lossy(), &std::fs::read(&path)?);
    }
    let mut questions: Vec<Question> = report.questions;
    let training = questions.clone();
    questions.sort_by_key(Question::hash);
    questions.truncate(QUESTIONS);
    let settings = Settings {
        protocol: Protocol::Letters,
        template: Template::built_in("native")?,
        shots: SHOTS,
        ..Settings::default()
    };
    let plan = Plan::new(settings, Data::default(), questions, &training)?;
    let encode = |text: &str| tokenizer.encode(text, false, false);
    let requests = plan.items().iter().map(|item| {
        let asked = plan.ask(*item)?;
        let context = format!("{}{}", asked.text, asked.lead);
        let alone = encode(&context)?;
        let letters = asked
            .shown
            .question
            .options
            .iter()
            .map(|(letter, _)| format!("{}{letter}", asked.delimiter));
        let options: Vec<String> = letters.collect();
        let continuations = options
            .iter()
            .map(|option| Ok(encode(&format!("{context}{option}"))?[alone.len()..].to_vec()));
        let request = ScoreRequest {
            continuations: continuations.collect::<Outcome<Vec<_>>>()?,
            context: [tokenizer.prefix(), &alone].concat(),
        };
        Ok((json!({ "context": context, "options": options }), request))
    });
    requests.collect::<Outcome<Vec<_>>>().map(|requests| requests.into_iter().unzip())
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let logits: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = logits.iter().map(|logit| (logit - top).exp()).sum::<f64>().ln();
    logits.iter().map(|logit| logit - top - total).collect()
}

//! `mmedkit corpus filter`: which documents are about medicine, and the other steps over single documents.
//!
//! The steps run in this order, each only where it is asked for: normalise, language, quality, the medical rule, personal data. Documents come out
//! in the order of the input, whatever the number of threads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use mmedc::filter::compare::{self, Agreement, Comparison};
use mmedc::filter::{Decision, Keywords, MedicalFilter, Rule};
use mmedc::lang_id::{self, LanguageId, OnDisagreement};
use mmedc::normalise::{Form, Normalise};
use mmedc::pii::MaskPersonalData;
use mmedc::quality::Quality;
use mmedc::{Counts, Document, Language, Step, Verdict};
use rayon::prelude::*;

use super::input::{InputArgs, shown};

/// Documents that threads share out between two writes, and their bytes at most.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 64 << 20;

/// Arguments.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub input: InputArgs,
    /// The medical rule that decides
    #[arg(long, value_enum)]
    pub rule: RuleArg,
    /// Keyword lists and thresholds as JSON, in place of those of MMedC
    #[arg(long, value_name = "FILE")]
    pub keywords: Option<PathBuf>,
    /// Where the decisions go: one JSON object a line with file, lang, chars, unique_hits, hit_chars, density, keep, stage
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Decide by both rules and write the documents on which they differ, as JSONL; a table goes to standard output
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Where the kept documents go, as JSONL; a name that ends in .gz or .zst is compressed
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Before the rule: normalise characters, with this Unicode form
    #[arg(long, value_enum, value_name = "FORM")]
    pub normalise: Option<FormArg>,
    /// Before the rule: identify languages, name those that are undeclared, and report disagreement or drop the document
    #[arg(long, value_enum, value_name = "ACTION")]
    pub identify_language: Option<OnDisagreementArg>,
    /// Before the rule: drop documents by the quality rules of Gopher and FineWeb, with the papers' thresholds
    #[arg(long)]
    pub quality: bool,
    /// After the rule: mask e-mail addresses, telephone and record numbers in the output
    #[arg(long)]
    pub mask_personal_data: bool,
}

/// [`Rule`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuleArg {
    /// The filter that made MMedC, to the letter
    Mmedc,
    /// The same with its known faults mended
    Mmedkit,
    /// Keep all: only the other steps run
    None,
}

/// [`Form`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormArg {
    Nfc,
    Nfkc,
}

/// [`OnDisagreement`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OnDisagreementArg {
    Report,
    Drop,
}

/// What the threads share.
struct Plan {
    before: Vec<Box<dyn Step>>,
    rule: Option<MedicalFilter>,
    comparison: Option<Comparison>,
    after: Vec<Box<dyn Step>>,
}

/// What became of one document.
struct Outcome {
    document: Document,
    /// None where a step before the rule dropped it.
    decision: Option<Decision>,
    both: Option<(Decision, Decision)>,
    verdict: Verdict,
    counts: BTreeMap<&'static str, Counts>,
}

impl Plan {
    fn new(args: &Args) -> Result<Plan> {
        let keywords = match &args.keywords {
            None => Keywords::mmedc(),
            Some(path) => {
                let json = std::fs::read(path).with_context(|| path.display().to_string())?;
                Keywords::from_json(&path.display().to_string(), &json)?
            }
        };
        let mut before: Vec<Box<dyn Step>> = Vec::new();
        if let Some(form) = args.normalise {
            before.push(Box::new(Normalise::new(match form {
                FormArg::Nfc => Form::Nfc,
                FormArg::Nfkc => Form::Nfkc,
            })));
        }
        if let Some(action) = args.identify_language {
            before.push(Box::new(LanguageId {
                on_disagreement: match action {
                    OnDisagreementArg::Report => OnDisagreement::Report,
                    OnDisagreementArg::Drop => OnDisagreement::Drop,
                },
            }));
        }
        if args.quality {
            before.push(Box::new(Quality::all()));
        }
        let mut after: Vec<Box<dyn Step>> = Vec::new();
        if args.mask_personal_data {
            after.push(Box::new(MaskPersonalData::new()));
        }
        Ok(Plan {
            before,
            rule: match args.rule {
                RuleArg::Mmedc => Some(MedicalFilter::new(Rule::Mmedc, &keywords)),
                RuleArg::Mmedkit => Some(MedicalFilter::new(Rule::Mmedkit, &keywords)),
                RuleArg::None => None,
            },
            comparison: args.compare.as_ref().map(|_| Comparison::new(&keywords)),
            after,
        })
    }

    fn apply(&self, mut document: Document) -> Outcome {
        let mut counts = BTreeMap::new();
        let (mut decision, mut both) = (None, None);
        let mut verdict = steps(&self.before, &mut document, &mut counts);
        if verdict == Verdict::Keep {
            if let (Some(comparison), Some(language)) = (&self.comparison, document.language) {
                both = comparison.decide(language, &document.text);
            }
            if let Some(rule) = &self.rule {
                verdict = match document.language.map(|language| rule.decide(language, &document.text)) {
                    None => Verdict::Drop("no_language".into()),
                    Some(None) => Verdict::Drop("no_keywords_for_language".into()),
                    Some(Some(found)) => {
                        let keep = found.keep;
                        decision = Some(found);
                        if keep { Verdict::Keep } else { Verdict::Drop("not_medical".into()) }
                    }
                };
            }
        }
        if verdict == Verdict::Keep {
            verdict = steps(&self.after, &mut document, &mut counts);
        }
        Outcome {
            document,
            decision,
            both,
            verdict,
            counts,
        }
    }
}

/// Applies steps until one drops the document.
fn steps(steps: &[Box<dyn Step>], document: &mut Document, counts: &mut BTreeMap<&'static str, Counts>) -> Verdict {
    for step in steps {
        let verdict = step.apply(document, counts.entry(step.name()).or_default());
        if verdict != Verdict::Keep {
            return verdict;
        }
    }
    Verdict::Keep
}

/// Where results go, and what was counted.
struct Results {
    report: Option<Writer>,
    compare: Option<Writer>,
    output: Option<Writer>,
    seen: u64,
    kept: u64,
    dropped: BTreeMap<String, u64>,
    counts: BTreeMap<&'static str, Counts>,
    agreements: BTreeMap<Language, Agreement>,
}

impl Results {
    fn take(&mut self, input: &str, outcome: Outcome) -> Result<()> {
        let document = &outcome.document;
        let file = shown(input, &document.file);
        self.seen += 1;
        for (step, counts) in &outcome.counts {
            self.counts.entry(step).or_default().merge(counts);
        }
        match &outcome.verdict {
            Verdict::Keep => self.kept += 1,
            Verdict::Drop(reason) => *self.dropped.entry(reason.to_string()).or_default() += 1,
        }
        if let (Some(report), Some(decision), Some(language)) = (&mut self.report, &outcome.decision, document.language) {
            report.line(&decision.to_json(&file, language))?;
        }
        if let (Some((mmedc, mmedkit)), Some(language)) = (&outcome.both, document.language) {
            self.agreements.entry(language).or_default().add(mmedc, mmedkit);
            if let Some(compare) = self.compare.as_mut().filter(|_| mmedc.keep != mmedkit.keep) {
                compare.line(&compare::to_json(&file, language, mmedc, mmedkit))?;
            }
        }
        if let Some(output) = self.output.as_mut().filter(|_| outcome.verdict == Verdict::Keep) {
            output.line(&serde_json::to_string(document)?)?;
        }
        Ok(())
    }
}

/// A file of lines, plain or compressed by its name.
struct Writer {
    path: PathBuf,
    out: Out,
}

enum Out {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl Writer {
    fn create(path: &Path) -> Result<Writer> {
        let file = BufWriter::new(File::create(path).with_context(|| format!("{}: cannot be written", path.display()))?);
        let name = path.to_string_lossy().to_ascii_lowercase();
        let out = if name.ends_with(".gz") {
            Out::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default()))
        } else if name.ends_with(".zst") {
            Out::Zstd(zstd::stream::write::Encoder::new(file, 0)?)
        } else {
            Out::Plain(file)
        };
        Ok(Writer {
            path: path.to_owned(),
            out,
        })
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let out: &mut dyn Write = match &mut self.out {
            Out::Plain(out) => out,
            Out::Gzip(out) => out,
            Out::Zstd(out) => out,
        };
        (out.write_all(line.as_bytes()))
            .and_then(|()| out.write_all(b"\n"))
            .with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    fn finish(self) -> Result<()> {
        let finished = match self.out {
            Out::Plain(mut out) => out.flush(),
            Out::Gzip(out) => out.finish().and_then(|mut out| out.flush()),
            Out::Zstd(out) => out.finish().and_then(|mut out| out.flush()),
        };
        finished.with_context(|| format!("{}: cannot be written", self.path.display()))
    }
}

/// Filters.
pub fn run(args: &Args) -> Result<()> {
    if args.rule == RuleArg::None && args.report.is_some() {
        bail!("--rule none takes no decisions, so there is nothing for --report");
    }
    let plan = Plan::new(args)?;
    let inputs = args.input.files()?;
    let create = |path: &Option<PathBuf>| path.as_deref().map(Writer::create).transpose();
    let mut results = Results {
        report: create(&args.report)?,
        compare: create(&args.compare)?,
        output: create(&args.output)?,
        seen: 0,
        kept: 0,
        dropped: BTreeMap::new(),
        counts: BTreeMap::new(),
        agreements: BTreeMap::new(),
    };
    let mut batch: Vec<(String, Document)> = Vec::new();
    let mut batch_bytes = 0;
    let mut flush = |batch: &mut Vec<(String, Document)>| -> Result<()> {
        let outcomes: Vec<(String, Outcome)> = (std::mem::take(batch).into_par_iter())
            .map(|(input, document)| (input, plan.apply(document)))
            .collect();
        outcomes.into_iter().try_for_each(|(input, outcome)| results.take(&input, outcome))
    };
    let read = inputs.documents(&args.input.options(), |input, document| {
        batch_bytes += document.text.len();
        batch.push((input.to_string(), document));
        if batch.len() == BATCH || batch_bytes > BATCH_BYTES {
            batch_bytes = 0;
            flush(&mut batch)?;
        }
        Ok(())
    })?;
    flush(&mut batch)?;

    for writer in [results.report.take(), results.compare.take(), results.output.take()] {
        writer.map_or(Ok(()), Writer::finish)?;
    }
    if args.compare.is_some() {
        print!("{}", compare::table(&results.agreements));
    }
    if let Some(counts) = results.counts.get("language") {
        print!("{}", lang_id::table(counts));
    }
    read.print_problems();
    for (step, counts) in &results.counts {
        for (name, n) in counts.0.iter().filter(|_| *step != "language") {
            eprintln!("{step}: {name} {n}");
        }
    }
    for (reason, n) in &results.dropped {
        eprintln!("dropped for {reason}: {n}");
    }
    eprintln!("{} of {} documents kept", results.kept, results.seen);
    Ok(())
}

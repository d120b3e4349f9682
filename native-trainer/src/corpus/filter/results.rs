//! Where decisions and documents go, and what was counted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use mmedc::filter::compare::{self, Agreement};
use mmedc::filter::decision;
use mmedc::{Counts, Language, Verdict, lang_id};

use super::super::input::{Read, shown};
use super::super::lines::Lines;
use super::Args;
use super::plan::Outcome;

/// Contaminated documents that are told one by one; the rest is counted.
const MOST_SHOWN: u64 = 20;

/// Files that are being written, and counts.
#[derive(Default)]
pub struct Results {
    report: Option<Lines>,
    compare: Option<Lines>,
    output: Option<Lines>,
    contaminated: Option<Lines>,
    seen: u64,
    kept: u64,
    dropped: BTreeMap<String, u64>,
    /// Documents that hold a benchmark's questions.
    hits: u64,
    counts: BTreeMap<&'static str, Counts>,
    /// Where both rules are compared.
    agreements: Option<BTreeMap<Language, Agreement>>,
}

impl Results {
    /// Starts the files that are asked for.
    pub fn create(args: &Args) -> Result<Results> {
        let create = |path: &Option<PathBuf>| path.as_deref().map(Lines::create).transpose();
        Ok(Results {
            report: create(&args.report)?,
            compare: create(&args.compare)?,
            output: create(&args.output)?,
            contaminated: create(&args.contaminated)?,
            agreements: args.compare.is_some().then(BTreeMap::new),
            ..Results::default()
        })
    }

    /// Writes down what became of a document of the input of that name.
    pub fn take(&mut self, input: &str, outcome: Outcome) -> Result<()> {
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
        if let Some(report) = &mut self.report {
            report.write(&report_line(&file, &outcome))?;
        }
        if let (Some(agreements), Some((mmedc, mmedkit)), Some(language)) = (&mut self.agreements, &outcome.both, document.language) {
            agreements.entry(language).or_default().add(mmedc, mmedkit);
            if let Some(compare) = self.compare.as_mut().filter(|_| mmedc.keep != mmedkit.keep) {
                compare.write(&compare::to_json(&file, language, mmedc, mmedkit))?;
            }
        }
        if let Some(line) = &outcome.contaminated {
            self.hits += 1;
            match &mut self.contaminated {
                Some(list) => list.write(&serde_json::to_string(line)?)?,
                None if self.hits <= MOST_SHOWN => {
                    eprintln!(
                        "{file}, {}: shares \"{}\" with {}",
                        line.position, line.hit.ngram, line.hit.question
                    );
                }
                None => {}
            }
        }
        if let Some(output) = self.output.as_mut().filter(|_| outcome.is_kept()) {
            output.write(&serde_json::to_string(document)?)?;
        }
        Ok(())
    }

    /// Ends all files, then gives them their names; tells what was counted.
    pub fn finish(self, read: &Read) -> Result<()> {
        let files = [self.output, self.compare, self.contaminated, self.report];
        let files = files.into_iter().flatten().map(Lines::finish).collect::<Result<Vec<_>>>()?;
        files.into_iter().try_for_each(|file| file.commit())?;
        if let Some(agreements) = &self.agreements {
            print!("{}", compare::table(agreements));
        }
        if let Some(counts) = self.counts.get("language") {
            print!("{}", lang_id::table(counts));
        }
        read.print_problems();
        for (step, counts) in &self.counts {
            for (name, n) in counts.0.iter().filter(|_| *step != "language") {
                eprintln!("{step}: {name} {n}");
            }
        }
        for (reason, n) in &self.dropped {
            eprintln!("dropped for {reason}: {n}");
        }
        eprintln!("{} of {} documents kept", self.kept, self.seen);
        Ok(())
    }
}

/// Every document has one. `stage` is the rule's where the rule decided, else `STEP: REASON`, or null where all that was asked kept it.
fn report_line(file: &str, outcome: &Outcome) -> String {
    let document = &outcome.document;
    if let (Some(decision), Some(language), None) = (&outcome.decision, document.language, outcome.step) {
        return decision.to_json(file, language);
    }
    let reason = match (&outcome.verdict, outcome.step) {
        (Verdict::Drop(reason), Some(step)) => Some(format!("{step}: {reason}")),
        _ => None,
    };
    let chars = document.text.chars().count() as u64;
    decision::line(
        file,
        document.language,
        chars,
        outcome.decision.as_ref(),
        outcome.is_kept(),
        reason.as_deref(),
    )
}

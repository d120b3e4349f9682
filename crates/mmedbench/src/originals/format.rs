//! Which format a file has, told by its content.

use serde_json::Value;

/// A benchmark's own format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// MedQA: `options` by letter, `answer_idx` one letter. JSONL. (MMLU in the same project's form has `subject`.)
    MedQa,
    Mmlu,
    /// Apollo's flattened rows: `option` as "(A) …", `anwer` as "(A)". JSONL. MCMLE and MedMCQA.
    Lettered,
    IgakuQa,
    FrenchMedMcqa,
    RuMedDaNet,
    HeadQa,
    /// IOB2 token files.
    CasiMedicos,
    PubMedQa,
    /// CSV without a header: question, four options, the right letter.
    Jmmlu,
}

impl Format {
    pub const ALL: [Format; 10] = [
        Format::MedQa,
        Format::Mmlu,
        Format::Lettered,
        Format::IgakuQa,
        Format::FrenchMedMcqa,
        Format::RuMedDaNet,
        Format::HeadQa,
        Format::CasiMedicos,
        Format::PubMedQa,
        Format::Jmmlu,
    ];

    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Format::MedQa => "medqa",
            Format::Mmlu => "mmlu",
            Format::Lettered => "lettered",
            Format::IgakuQa => "igakuqa",
            Format::FrenchMedMcqa => "frenchmedmcqa",
            Format::RuMedDaNet => "rumeddanet",
            Format::HeadQa => "headqa",
            Format::CasiMedicos => "casimedicos",
            Format::PubMedQa => "pubmedqa",
            Format::Jmmlu => "jmmlu",
        }
    }

    /// The inverse of [`Format::name`].
    pub fn parse(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// From the file's name and its first bytes; `None` for MMedBench's own schema and for what is neither.
    pub fn detect(path: &str, bytes: &[u8]) -> Option<Format> {
        let path = path.to_ascii_lowercase();
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned();
        let start = start.trim_start_matches('\u{feff}').trim_start();
        if path.ends_with(".tsv") {
            return start
                .split_whitespace()
                .next()
                .filter(|w| *w == "QUESTION")
                .map(|_| Format::CasiMedicos);
        }
        if path.ends_with(".csv") {
            return Some(Format::Jmmlu);
        }
        let has = |key: &str| start.contains(&format!("\"{key}\""));
        if path.ends_with(".json") {
            return if has("exams") {
                Some(Format::HeadQa)
            } else if has("CONTEXTS") {
                Some(Format::PubMedQa)
            } else if has("correct_answers") || has("answers") {
                Some(Format::FrenchMedMcqa)
            } else {
                None
            };
        }
        if !path.ends_with(".jsonl") {
            return None;
        }
        let first: Value = bytes
            .split(|b| *b == b'\n')
            .find(|line| !line.iter().all(u8::is_ascii_whitespace))
            .and_then(|line| serde_json::from_slice(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)).ok())?;
        let has = |key: &str| first.get(key).is_some();
        if has("anwer") && has("option") {
            Some(Format::Lettered)
        } else if has("problem_text") {
            Some(Format::IgakuQa)
        } else if has("pairID") {
            Some(Format::RuMedDaNet)
        } else if has("realidx") && has("subject") {
            Some(Format::Mmlu)
        } else if has("realidx") {
            Some(Format::MedQa)
        } else {
            None
        }
    }
}

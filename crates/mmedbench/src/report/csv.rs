//! Reports as CSV (RFC 4180): one row per group of questions, shares as numbers in [0, 1] with full precision.

use super::rationales::{RationaleRow, Scores};
use super::{Report, Row};

/// Columns of [`as_csv`]. Those of rationales, from `rationales` on, are filled in rows of languages and in the macro mean's where the
/// data was at hand; sacrebleu's four are in 0 to 100.
pub const COLUMNS: [&str; 40] = [
    "run_id",
    "model",
    "protocol",
    "prompt",
    "group",
    "name",
    "language",
    "n",
    "correct",
    "accuracy",
    "wilson_low",
    "wilson_high",
    "exact_low",
    "exact_high",
    "stderr",
    "chance",
    "unread",
    "ece",
    "brier_top1",
    "data_hash",
    "texts_in_language",
    "texts_in_other_language",
    "rationales",
    "rationales_empty",
    "rationale_words",
    "bleu1",
    "bleu2",
    "bleu3",
    "bleu4",
    "rouge1_authors",
    "rouge2_authors",
    "rougeL_authors",
    "rouge1",
    "rouge2",
    "rougeL",
    "bertscore_f1",
    "corpus_bleu",
    "chrf",
    "chrf++",
    "ter",
];

/// All rows of all reports under one header. Groups: `all`, `macro`, `language`, `source`, `part`.
pub fn as_csv(reports: &[Report]) -> String {
    let mut out = COLUMNS.join(",") + "\r\n";
    for report in reports {
        line(report, "all", &report.all, &mut out);
        if let Some(mean) = &report.macro_mean {
            let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
            let ends = [mean.interval.map(|i| i.low), mean.interval.map(|i| i.high)].map(number);
            let run = &report.run;
            let mut cells = vec![run.run_id.clone(), run.model.clone(), run.protocol.clone(), run.prompt.clone()];
            cells.extend(["macro", "macro", "", "", ""].map(String::from));
            cells.push(mean.accuracy.to_string());
            // The interval is ± 1.96 standard errors; it stands in Wilson's columns, the exact ones have none.
            cells.extend(ends);
            cells.extend([String::new(), String::new(), number(mean.stderr)]);
            cells.extend(["", "", "", ""].map(String::from));
            cells.push(run.data_hash.clone());
            let scores = report.rationales.as_ref().and_then(|r| r.macro_mean.as_ref());
            cells.extend(text_cells(None, None, scores));
            push(&cells, &mut out);
        }
        for (group, rows) in [
            ("language", &report.languages),
            ("source", &report.sources),
            ("part", &report.parts),
        ] {
            for row in rows {
                line(report, group, row, &mut out);
            }
        }
    }
    out
}

fn line(report: &Report, group: &str, row: &Row, out: &mut String) {
    let run = &report.run;
    let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
    let calibration = report.calibration.as_ref().filter(|_| group == "all");
    let mut cells = vec![
        run.run_id.clone(),
        run.model.clone(),
        run.protocol.clone(),
        run.prompt.clone(),
        group.into(),
        row.name.clone(),
        row.language.map(|l| l.name().to_string()).unwrap_or_default(),
        row.n.to_string(),
        row.correct.to_string(),
        row.accuracy.to_string(),
        row.wilson.low.to_string(),
        row.wilson.high.to_string(),
        row.exact.low.to_string(),
        row.exact.high.to_string(),
        number(row.stderr),
        number(row.chance),
        row.unread.to_string(),
        number(calibration.map(|c| c.ece)),
        number(calibration.map(|c| c.brier_top1)),
        run.data_hash.clone(),
    ];
    let of_language = row.language.filter(|_| group == "language");
    let told = report.language_of_text.iter().find(|told| Some(told.language) == of_language);
    let rationales = report.rationales.iter().flat_map(|r| &r.languages);
    let written = rationales.into_iter().find(|written| Some(written.language) == of_language);
    cells.extend(text_cells(
        told.map(|told| (told.same, told.other)),
        written,
        written.map(|written| &written.scores),
    ));
    push(&cells, out);
}

/// The columns that are about written texts; empty where there is nothing to say.
fn text_cells(told: Option<(usize, usize)>, row: Option<&RationaleRow>, scores: Option<&Scores>) -> Vec<String> {
    let count = |n: Option<usize>| n.map(|n| n.to_string()).unwrap_or_default();
    let mut cells = vec![count(told.map(|t| t.0)), count(told.map(|t| t.1))];
    cells.extend([
        count(row.map(|r| r.n)),
        count(row.map(|r| r.empty)),
        row.map(|r| r.tokens.to_string()).unwrap_or_default(),
    ]);
    if let Some(s) = scores {
        cells.extend(s.bleu.iter().chain(&s.rouge_authors).chain(&s.rouge).map(f64::to_string));
        cells.push(s.bert_score.map(|f1| f1.to_string()).unwrap_or_default());
        cells.extend([s.corpus_bleu, s.chrf, s.chrf_plus_plus, s.ter].map(|score| score.to_string()));
    }
    cells.resize(COLUMNS.len() - FIRST_TEXT_COLUMN, String::new());
    cells
}

/// `texts_in_language`.
const FIRST_TEXT_COLUMN: usize = 20;

fn push(cells: &[String], out: &mut String) {
    *out += &cells.iter().map(|cell| crate::record::csv_cell(cell)).collect::<Vec<_>>().join(",");
    *out += "\r\n";
}

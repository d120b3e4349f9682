//! Published results beside a run, as tables of text: MMedBench by language, the English benchmarks, the paper's ablation.
//!
//! What must hold: a row names its protocol; a column holds only what is of the same questions as far as the record tells.

use super::table::{Table, percent};
use super::{PublishedRow, Report, Row};
use crate::published::published;

/// Tables with at most `most` published rows each; the ablation only where all are wanted.
pub(super) fn all(report: &Report, most: Option<usize>) -> Vec<Table> {
    if most == Some(0) {
        return Vec::new();
    }
    let rows = most.unwrap_or(usize::MAX);
    let mut out = Vec::new();
    if !report.published.is_empty() {
        let mean = report.macro_mean.as_ref().filter(|mean| mean.languages == 6);
        let title = "Beside the published results on MMedBench, % (* with doubts)";
        let mine = mine(report, &report.languages, mean.map(|mean| mean.accuracy));
        out.push(beside(
            title,
            &report.languages,
            "macro of six",
            mine,
            report.published.iter().take(rows),
        ));
    }
    if let Some(english) = &report.english {
        let all_nine = english.mine.len() == 9;
        let mean = english.mine.iter().map(|row| row.accuracy).sum::<f64>() / english.mine.len() as f64;
        let title = "Beside the published results on English benchmarks, % (* with doubts)";
        let mine = mine(report, &english.mine, all_nine.then_some(mean));
        out.push(beside(
            title,
            &english.mine,
            "mean of nine",
            mine,
            english.published.iter().take(rows),
        ));
    }
    if most.is_none() && !report.published.is_empty() {
        out.push(ablation(report));
    }
    out
}

fn mine(report: &Report, rows: &[Row], mean: Option<f64>) -> Vec<String> {
    let mut cells = vec![format!("this run: {}", report.run.model), report.run.protocol.clone()];
    cells.extend(rows.iter().map(|row| percent(row.accuracy)));
    cells.push(mean.map_or_else(|| "–".into(), percent));
    cells
}

fn beside<'a>(title: &str, columns: &[Row], mean: &str, mine: Vec<String>, rows: impl Iterator<Item = &'a PublishedRow>) -> Table {
    let mut table = Table::new(title, &["", "protocol"]);
    table.columns.extend(columns.iter().map(|row| row.name.clone()));
    table.columns.push(mean.into());
    table.rows.push(mine);
    for row in rows {
        let doubted = if row.doubts.is_empty() { "" } else { " *" };
        let mut cells = vec![row.model.clone(), row.protocol.clone()];
        cells.extend(row.percent.iter().map(|p| number(*p)));
        cells.push(number(row.mean) + doubted);
        table.rows.push(cells);
    }
    table
}

/// What each step of training gained, as the paper prints it: accuracy and rationale scores are means over the six languages.
fn ablation(report: &Report) -> Table {
    let mut table = Table::new(
        "Ablation of the paper, means over the six languages, % (its BLEU and ROUGE are of a variant in doubt)",
        &["", "training", "accuracy", "BLEU-1", "ROUGE-1"],
    );
    let six = report.macro_mean.as_ref().filter(|mean| mean.languages == 6);
    let written = report
        .rationales
        .as_ref()
        .filter(|r| r.languages.len() == 6)
        .and_then(|r| r.macro_mean);
    let share = |value: Option<f64>| value.map_or_else(|| "–".into(), percent);
    table.rows.push(vec![
        format!("this run: {}", report.run.model),
        format!("protocol {}", report.run.protocol),
        share(six.map(|mean| mean.accuracy)),
        share(written.map(|scores| scores.bleu[0])),
        share(written.map(|scores| scores.rouge_authors[0])),
    ]);
    for row in &published().ablation {
        table.rows.push(vec![
            row.line.clone(),
            row.stage.clone(),
            number(Some(row.accuracy)),
            number(row.bleu1),
            number(row.rouge1),
        ]);
    }
    table
}

fn number(percent: Option<f64>) -> String {
    percent.map_or_else(|| "–".into(), |percent| format!("{percent:.1}"))
}

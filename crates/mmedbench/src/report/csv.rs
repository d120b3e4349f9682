//! Reports as CSV (RFC 4180): one row per group of questions, shares as numbers in [0, 1] with full precision.

use super::{Report, Row};

/// Columns of [`as_csv`].
pub const COLUMNS: [&str; 20] = [
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
    let cells = [
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
    push(&cells, out);
}

fn push(cells: &[String], out: &mut String) {
    *out += &cells.iter().map(|cell| crate::record::csv_cell(cell)).collect::<Vec<_>>().join(",");
    *out += "\r\n";
}

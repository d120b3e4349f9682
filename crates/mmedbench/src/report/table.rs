//! Reports and comparisons as tables of text: aligned for a terminal, or Markdown.
//!
//! Numbers are percent with one decimal: a question more or less moves the published tables' second decimal, and no interval here is
//! narrower than a point.

use super::compare::Comparison;
use super::{Measure, Report, Row, published_tables, rationale_tables};
use crate::statistics::Interval;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Columns padded with spaces.
    Terminal,
    Markdown,
}

/// A heading, columns and rows of text; the first column is text, the others are numbers and set to the right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(title: &str, columns: &[&str]) -> Table {
        Table {
            title: title.into(),
            columns: columns.iter().map(|c| c.to_string()).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn write(&self, style: Style, out: &mut String) {
        match style {
            Style::Terminal => self.terminal(out),
            Style::Markdown => self.markdown(out),
        }
    }

    fn terminal(&self, out: &mut String) {
        let width = |text: &str| text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum::<usize>();
        let lines = std::iter::once(&self.columns).chain(&self.rows);
        let mut widths = vec![0; self.columns.len()];
        for line in lines.clone() {
            for (column, cell) in line.iter().enumerate() {
                widths[column] = widths[column].max(width(cell));
            }
        }
        *out += &format!("{}\n", self.title);
        for line in lines {
            let mut text = String::new();
            for (column, cell) in line.iter().enumerate() {
                let space = " ".repeat(widths[column] - width(cell));
                text += &if column == 0 {
                    format!("  {cell}{space}")
                } else {
                    format!("  {space}{cell}")
                };
            }
            *out += text.trim_end();
            out.push('\n');
        }
        out.push('\n');
    }

    fn markdown(&self, out: &mut String) {
        let cell = |text: &String| text.replace('|', "\\|").replace('\n', " ");
        let line = |cells: &[String]| format!("| {} |\n", cells.iter().map(cell).collect::<Vec<_>>().join(" | "));
        *out += &format!("### {}\n\n", self.title);
        *out += &line(&self.columns);
        *out += &format!("| --- |{}\n", " ---: |".repeat(self.columns.len() - 1));
        for row in &self.rows {
            *out += &line(row);
        }
        out.push('\n');
    }
}

/// Characters that take two columns of a terminal: those of Chinese, Japanese and full-width forms.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}')
}

/// `61.8`, of a share.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

pub(super) fn range(interval: Interval) -> String {
    format!("{}–{}", percent(interval.low), percent(interval.high))
}

pub(super) fn perhaps(value: Option<f64>) -> String {
    value.map(percent).unwrap_or_else(|| "–".into())
}

pub(super) fn p_value(p: f64) -> String {
    if p < 0.0001 { "<0.0001".into() } else { format!("{p:.4}") }
}

/// A whole report; published rows only of the models named, or all for `None`.
pub fn as_tables(report: &Report, style: Style, published: Option<usize>) -> String {
    let mut out = heading(report, style);
    for table in tables(report, published) {
        table.write(style, &mut out);
    }
    notes(&report.warnings, style, &mut out);
    out
}

fn heading(report: &Report, style: Style) -> String {
    let run = &report.run;
    let facts = facts(report);
    match style {
        Style::Terminal => {
            let mut out = format!("{} · {}\n", run.model, run.protocol);
            for (name, value) in facts {
                out += &format!("  {name:<10} {value}\n");
            }
            out + "\n"
        }
        Style::Markdown => {
            let mut out = format!("## {}, protocol {}\n\n", run.model, run.protocol);
            for (name, value) in facts {
                out += &format!("- {name}: {value}\n");
            }
            out + "\n"
        }
    }
}

/// What a run was, for people.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let run = &report.run;
    let mut out = vec![("run", format!("{} ({}, {})", run.run_id, run.started, run.software))];
    if !run.backend.is_empty() {
        out.push(("model", format!("{} {} on {}", run.model, run.quantization, run.backend)));
    }
    let template = if run.chat_template { ", chat template" } else { "" };
    let order = if run.option_order.is_empty() || run.option_order == "as-given" {
        String::new()
    } else {
        format!(", options {}", run.option_order)
    };
    if !run.prompt.is_empty() {
        out.push(("prompt", format!("{}, {} shots{template}{order}", run.prompt, run.shots)));
    }
    if !run.data.is_empty() {
        let hash: String = run.data_hash.chars().take(12).collect();
        out.push(("data", format!("{} ({} questions, {hash})", run.data, run.data_questions)));
    }
    if report.speed.seconds > 0.0 {
        let per_second = report.speed.tokens as f64 / report.speed.seconds;
        out.push((
            "time",
            format!(
                "{:.1} s, {} tokens read ({per_second:.0}/s)",
                report.speed.seconds, report.speed.tokens
            ),
        ));
    }
    out
}

/// All tables of a report. `published`: at most so many rows of published models in each; `None` for all of them, and the paper's ablation too.
pub fn tables(report: &Report, published: Option<usize>) -> Vec<Table> {
    let mut out = vec![accuracy(report)];
    out.extend(some_rows("By kind of question", &report.parts));
    if let Some(c) = &report.calibration {
        let mut table = Table::new(
            &format!(
                "Calibration of {} answers: ECE {}, largest gap {}, Brier score {:.4}",
                c.n,
                percent(c.ece),
                percent(c.mce),
                c.brier_top1
            ),
            &["confidence", "answers", "mean confidence %", "right %"],
        );
        for bin in &c.bins {
            let (low, high) = (10 * bin.bin, 10 * bin.bin + 10);
            table.rows.push(vec![
                format!("{low}–{high}%"),
                bin.n.to_string(),
                percent(bin.confidence),
                percent(bin.accuracy),
            ]);
        }
        out.push(table);
    }
    out.extend(more_tables(report, published));
    out
}

/// Those that are shown as tables also where the first ones are charts.
pub fn more_tables(report: &Report, published: Option<usize>) -> Vec<Table> {
    let mut out = Vec::new();
    if report.sources.len() > report.languages.len() {
        out.extend(some_rows("By source", &report.sources));
    }
    if !report.rules.is_empty() {
        let mut table = Table::new("How answers were read", &["rule", "answers"]);
        table.rows = report.rules.iter().map(|(rule, n)| vec![rule.clone(), n.to_string()]).collect();
        out.push(table);
    }
    out.extend(report.choice.as_ref().map(choice));
    out.extend(report.position.as_ref().map(|position| {
        let mut table = Table::new("Position of the options, over all rotations", &["", "%"]);
        let mut row = |name: &str, value: Option<f64>| table.rows.push(vec![name.into(), perhaps(value)]);
        row("right, mean over rotations", Some(position.mean_accuracy));
        row("right in every rotation", position.always_right);
        row("neighbouring rotations answered with the same option", position.follows_content);
        row("neighbouring rotations answered with the same place", position.follows_position);
        let all = position.by_position.iter().sum::<usize>().max(1) as f64;
        for (place, n) in position.by_position.iter().enumerate() {
            row(&format!("answers with place {}", place + 1), Some(*n as f64 / all));
        }
        table
    }));
    if !report.language_of_text.is_empty() {
        let mut table = Table::new(
            "Language of the text",
            &["language", "texts", "in the question's language %", "too short to tell"],
        );
        for row in &report.language_of_text {
            let told = row.same + row.other;
            let share = (told > 0).then(|| row.same as f64 / told as f64);
            table.rows.push(vec![
                row.language.to_string(),
                (told + row.unclear).to_string(),
                perhaps(share),
                row.unclear.to_string(),
            ]);
        }
        out.push(table);
    }
    if let Some(r) = &report.rationales {
        out.extend(rationale_tables::scores(r));
        if published != Some(0) {
            out.push(rationale_tables::beside_published(
                &report.run.model,
                r,
                report.published.is_empty(),
                published.unwrap_or(usize::MAX),
            ));
        }
    }
    out.extend(published_tables::all(report, published));
    out
}

fn some_rows(title: &str, rows: &[Row]) -> Option<Table> {
    (!rows.is_empty()).then(|| rows_table(title, rows))
}

fn accuracy(report: &Report) -> Table {
    let mut table = rows_table("Accuracy", &report.languages);
    if report.languages.len() > 1 {
        let mut all = row_cells(&report.all);
        all[0] = "micro (all questions)".into();
        table.rows.push(all);
    }
    if let Some(mean) = &report.macro_mean {
        table.rows.push(vec![
            "macro (mean of languages)".into(),
            String::new(),
            String::new(),
            percent(mean.accuracy),
            mean.interval.map(range).unwrap_or_else(|| "–".into()),
            String::new(),
            perhaps(mean.stderr),
            String::new(),
            String::new(),
        ]);
    }
    table
}

fn rows_table(title: &str, rows: &[Row]) -> Table {
    let columns = ["", "n", "right", "%", "95% (Wilson)", "95% (exact)", "stderr", "chance", "unread"];
    let mut table = Table::new(title, &columns);
    table.rows = rows.iter().map(row_cells).collect();
    table
}

fn row_cells(row: &Row) -> Vec<String> {
    vec![
        row.name.clone(),
        row.n.to_string(),
        row.correct.to_string(),
        percent(row.accuracy),
        range(row.wilson),
        range(row.exact),
        perhaps(row.stderr),
        perhaps(row.chance),
        row.unread.to_string(),
    ]
}

fn choice(measures: &super::ChoiceMeasures) -> Table {
    let columns = ["", "n", "acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "brier"];
    let mut table = Table::new("Measures of lm-evaluation-harness (± standard error)", &columns);
    let shares = |m: Measure| match m.stderr {
        Some(se) => format!("{} ±{}", percent(m.value), percent(se)),
        None => percent(m.value),
    };
    for row in measures.languages.iter().chain([&measures.weighted, &measures.plain]) {
        let optional = |m: Option<Measure>| m.map(shares).unwrap_or_else(|| "–".into());
        table.rows.push(vec![
            row.name.clone(),
            row.n.to_string(),
            shares(row.acc),
            shares(row.acc_norm),
            shares(row.acc_bytes),
            optional(row.acc_mutual_info),
            optional(row.exact_match),
            row.brier.map(|b| format!("{:.4}", b.value)).unwrap_or_else(|| "–".into()),
        ]);
    }
    table
}

/// Two runs compared; at most `most` of the questions on which they differ.
pub fn comparison(comparison: &Comparison, style: Style, most: usize) -> String {
    let c = comparison;
    let (first, second) = (&c.first, &c.second);
    let names = format!("A: {} ({})  B: {} ({})", first.model, first.protocol, second.model, second.protocol);
    let mut out = match style {
        Style::Terminal => format!("{names}\n\n"),
        Style::Markdown => format!("## {names}\n\n"),
    };
    let columns = [
        "",
        "n",
        "A %",
        "B %",
        "A − B",
        "95%",
        "only A right",
        "only B right",
        "exact p",
        "mid-p",
    ];
    let mut table = Table::new("Question by question (McNemar)", &columns);
    let rows = c.languages.iter().filter(|_| c.languages.len() > 1).chain([&c.all]);
    for row in rows {
        table.rows.push(vec![
            row.name.clone(),
            row.n.to_string(),
            percent(row.first_accuracy),
            percent(row.second_accuracy),
            percent(row.difference),
            range(row.interval),
            row.counts.only_first.to_string(),
            row.counts.only_second.to_string(),
            p_value(row.exact_p),
            p_value(row.mid_p),
        ]);
    }
    table.write(style, &mut out);
    if !c.differing.is_empty() {
        let shown = c.differing.len().min(most);
        let title = format!("Where they differ: {shown} of {} questions", c.differing.len());
        let mut table = Table::new(&title, &["question", "language", "key", "A", "B"]);
        let answer = |letters: &Option<String>, right: bool| {
            let letters = letters.as_deref().unwrap_or("unread");
            if right { format!("{letters} ✓") } else { letters.to_string() }
        };
        for d in c.differing.iter().take(most) {
            table.rows.push(vec![
                d.id.clone(),
                d.language.to_string(),
                d.gold.clone(),
                answer(&d.first, d.first_correct),
                answer(&d.second, d.second_correct),
            ]);
        }
        table.write(style, &mut out);
    }
    let mut said: Vec<String> = c.settings.iter().map(|s| format!("The runs differ in {s}.")).collect();
    if c.only_first + c.only_second > 0 {
        said.push(format!(
            "Left out: {} questions that only A answered, {} that only B answered.",
            c.only_first, c.only_second
        ));
    }
    notes(&said, style, &mut out);
    out
}

fn notes(notes: &[String], style: Style, out: &mut String) {
    for note in notes {
        *out += &match style {
            Style::Terminal => format!("Note: {note}\n"),
            Style::Markdown => format!("> {note}\n>\n"),
        };
    }
}

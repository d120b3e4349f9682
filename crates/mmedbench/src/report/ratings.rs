//! Ratings of rationales as tables, CSV and a page, for programs; the app's page lays out [`Summary`] itself.

use super::html::page;
use super::table::{Style, Table, p_value};
use crate::rating::{ANCHORS, Correlation, Group, Summary};
use crate::record::csv_cell;
use crate::statistics::Interval;

/// All tables of a study; `correlations` may be empty.
pub fn ratings_as_tables(summary: &Summary, correlations: &[Correlation], style: Style) -> String {
    let mut out = String::new();
    for table in tables(summary, correlations) {
        table.write(style, &mut out);
    }
    out
}

/// The same as a page that needs no other file.
pub fn ratings_as_html(summary: &Summary, correlations: &[Correlation]) -> String {
    let body: String = tables(summary, correlations).iter().map(super::html::html_table).collect();
    page("Ratings of rationales", &body)
}

/// One row per source of each group (`source`), per group's agreement (`alpha`) and per metric (`tau_b`), RFC 4180.
pub fn ratings_as_csv(summary: &Summary, correlations: &[Correlation]) -> String {
    let mut out = "study,kind,group,name,n,value,stderr,low,high,rank,p\r\n".to_string();
    let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
    let mut push = |kind: &str, group: &str, name: &str, n: usize, values: [Option<f64>; 6]| {
        let cells = [&summary.study, kind, group, name].map(csv_cell);
        out += &format!("{},{n},{}\r\n", cells.join(","), values.map(number).join(","));
    };
    for group in groups(summary) {
        for row in &group.sources {
            let ends = [row.interval.map(|i| i.low), row.interval.map(|i| i.high)];
            let values = [Some(row.score), row.stderr, ends[0], ends[1], Some(row.rank), None];
            push("source", &group.name, &row.source, row.questions, values);
        }
        push(
            "alpha",
            &group.name,
            "ordinal",
            group.by_several,
            [group.alpha, None, None, None, None, None],
        );
    }
    for c in correlations {
        push("tau_b", "all", &c.metric, c.n, [Some(c.tau_b), None, None, None, None, c.p]);
    }
    out
}

fn groups(summary: &Summary) -> impl Iterator<Item = &Group> {
    std::iter::once(&summary.all).chain(&summary.languages)
}

fn tables(summary: &Summary, correlations: &[Correlation]) -> Vec<Table> {
    let mut out: Vec<Table> = groups(summary).map(|group| sources(summary, group)).collect();
    let title = format!(
        "Raters; the study {} has {} questions",
        &summary.study.chars().take(12).collect::<String>(),
        summary.questions
    );
    let mut raters = Table::new(&title, &["rater", "questions judged"]);
    raters.rows = summary
        .raters
        .iter()
        .map(|rater| vec![rater.name.clone(), rater.questions.to_string()])
        .collect();
    out.push(raters);
    if !correlations.is_empty() {
        let mut table = Table::new(
            "Kendall's tau-b of metrics with the mean ratings of texts (TER: lower is better)",
            &["metric", "texts", "tau-b", "p"],
        );
        table.rows = correlations
            .iter()
            .map(|c| {
                vec![
                    c.metric.clone(),
                    c.n.to_string(),
                    format!("{:.3}", c.tau_b),
                    c.p.map_or_else(|| "–".into(), p_value),
                ]
            })
            .collect();
        out.push(table);
    }
    out
}

fn sources(summary: &Summary, group: &Group) -> Table {
    let alpha = group.alpha.map_or_else(|| "not defined".into(), |alpha| format!("{alpha:.3}"));
    let title = format!(
        "Ratings, {}: {} questions, {} by several of {} raters; Krippendorff's alpha (ordinal) {alpha}",
        group.name,
        group.questions,
        group.by_several,
        summary.raters.len()
    );
    let mut columns = ["", "questions", "ratings", "score", "95% (t)", "rank"].map(String::from).to_vec();
    columns.extend(ANCHORS.iter().map(|anchor| format!("{} {}", anchor.score, anchor.name)));
    let mut table = Table::new(&title, &[]);
    table.columns = columns;
    let range = |i: Interval| format!("{:.2}–{:.2}", i.low, i.high);
    for row in &group.sources {
        let mut cells = vec![
            row.source.clone(),
            row.questions.to_string(),
            row.ratings.to_string(),
            format!("{:.2}", row.score),
            row.interval.map_or_else(|| "–".into(), range),
            format!("{:.2}", row.rank),
        ];
        cells.extend(row.counts.iter().rev().map(usize::to_string));
        table.rows.push(cells);
    }
    table
}

//! Charts as inline SVG: accuracy with intervals per language, and the reliability diagram.
//!
//! Colours are classes that the page's style sheet sets for light and dark (`html.rs`). What must hold: nothing is told by colour alone
//! (languages are rows, runs have shapes, published models have names in the text beside), and every chart has a text alternative; the same
//! numbers stand in a table.

use super::Report;
use super::table::{percent, range};
use crate::statistics::calibration::Calibration;
use crate::{Language, statistics::Interval};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 24.0;
/// Models that are named in the chart; the others are thin lines.
const NAMED: [(&str, &str); 3] = [("MMed-Llama 3 8B", "star"), ("GPT-4", "cross"), ("Llama 3 8B", "ring")];

/// Text for HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn x(percent: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * percent / 100.0
}

/// Accuracy of every run, a row per language and one for the macro mean, with 95% intervals, chance levels, and the published models.
pub fn accuracy(reports: &[Report]) -> String {
    let mut languages: Vec<Language> = reports
        .iter()
        .flat_map(|r| r.languages.iter().filter_map(|row| row.language))
        .collect();
    languages.sort();
    languages.dedup();
    let with_macro = reports.iter().any(|r| r.macro_mean.is_some());
    let row_height = 34.0 + 14.0 * (reports.len() as f64 - 1.0);
    let rows = languages.len() + usize::from(with_macro);
    let height = 30.0 + row_height * rows as f64 + 40.0;
    let bottom = 30.0 + row_height * rows as f64;
    let mut out = open("Accuracy per language with 95% intervals", &describe(reports), WIDTH, height);
    for tick in (0..=100).step_by(20) {
        let at = x(tick as f64);
        out += &format!(
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="20" y2="{bottom:.1}"/><text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{tick}%</text>"#,
            bottom + 18.0
        );
    }
    for (index, language) in languages.iter().enumerate() {
        let top = 30.0 + row_height * index as f64;
        out += &label(language.name(), top + row_height / 2.0);
        out += &published(reports, top, row_height, |report, row| {
            let place = report.languages.iter().position(|mine| mine.language == Some(*language))?;
            row.percent.get(place).copied().flatten()
        });
        for (number, report) in reports.iter().enumerate() {
            let Some(row) = report.languages.iter().find(|row| row.language == Some(*language)) else {
                continue;
            };
            let y = top + 17.0 + 14.0 * number as f64;
            let said = format!(
                "{}, {}: {}% of {}, 95% {}",
                report.run.model,
                row.name,
                percent(row.accuracy),
                row.n,
                range(row.wilson)
            );
            if let Some(chance) = row.chance {
                let at = x(100.0 * chance);
                out += &format!(
                    r#"<line class="chance" x1="{at:.1}" x2="{at:.1}" y1="{:.1}" y2="{:.1}"/>"#,
                    y - 8.0,
                    y + 8.0
                );
            }
            out += &dot(&format!("l{}", language.code()), number, y, row.accuracy, Some(row.wilson), &said);
        }
    }
    if with_macro {
        let top = 30.0 + row_height * languages.len() as f64;
        out += &label("Mean (macro)", top + row_height / 2.0);
        // The published means are of all six languages.
        let all_six = reports
            .iter()
            .any(|r| r.macro_mean.as_ref().is_some_and(|mean| mean.languages == 6));
        out += &published(reports, top, row_height, |_, row| row.mean.filter(|_| all_six));
        for (number, report) in reports.iter().enumerate() {
            if let Some(mean) = &report.macro_mean {
                let y = top + 17.0 + 14.0 * number as f64;
                let said = format!("{}, mean of languages: {}%", report.run.model, percent(mean.accuracy));
                out += &dot("all", number, y, mean.accuracy, mean.interval, &said);
            }
        }
    }
    out + "</svg>"
}

fn describe(reports: &[Report]) -> String {
    let mut out = String::new();
    for report in reports {
        let rows: Vec<String> = report
            .languages
            .iter()
            .map(|row| format!("{} {}%", row.name, percent(row.accuracy)))
            .collect();
        out += &format!("{}: {}. ", report.run.model, rows.join(", "));
    }
    out
}

fn open(title: &str, description: &str, width: f64, height: f64) -> String {
    format!(
        r#"<svg viewBox="0 0 {width} {height:.0}" role="img" aria-label="{}"><title>{}</title><desc>{}</desc>"#,
        escape(title),
        escape(title),
        escape(description)
    )
}

fn label(text: &str, y: f64) -> String {
    format!(
        r#"<text class="label" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
        LEFT - 12.0,
        y + 4.0,
        escape(text)
    )
}

fn published(reports: &[Report], top: f64, height: f64, value: impl Fn(&Report, &super::PublishedRow) -> Option<f64>) -> String {
    let Some(report) = reports.first() else { return String::new() };
    let mut out = String::new();
    let (y1, y2) = (top + 5.0, top + height - 5.0);
    for row in &report.published {
        let Some(percent) = value(report, row) else { continue };
        let at = x(percent);
        let said = format!("<title>{}: {percent:.1}% (published)</title>", escape(&row.model));
        let y = y2 - 4.0;
        out += &match NAMED.iter().find(|(model, _)| *model == row.model) {
            Some((_, mark)) => format!(
                r#"<g class="named" transform="translate({at:.1} {y:.1})">{}{said}</g>"#,
                mark_path(mark)
            ),
            None => format!(r#"<line class="other" x1="{at:.1}" x2="{at:.1}" y1="{y1:.1}" y2="{y2:.1}">{said}</line>"#),
        };
    }
    out
}

fn mark_path(mark: &str) -> &'static str {
    match mark {
        "star" => r#"<path d="M0-6 1.8-1.9 6-1.9 2.6.9 3.7 5 0 2.6-3.7 5-2.6.9-6-1.9-1.8-1.9Z"/>"#,
        "cross" => r#"<path class="stroke" d="M-4-4 4 4M-4 4 4-4"/>"#,
        _ => r#"<circle class="stroke" r="4.2"/>"#,
    }
}

/// The run's own mark: circle, square, triangle, diamond.
fn run_mark(number: usize) -> &'static str {
    match number % 4 {
        0 => r#"<circle r="6"/>"#,
        1 => r#"<rect x="-5.5" y="-5.5" width="11" height="11"/>"#,
        2 => r#"<path d="M0-7 6.5 5.5-6.5 5.5Z"/>"#,
        _ => r#"<path d="M0-7.5 7.5 0 0 7.5-7.5 0Z"/>"#,
    }
}

fn dot(class: &str, number: usize, y: f64, share: f64, interval: Option<Interval>, said: &str) -> String {
    let whisker = interval.map(|i| {
        let (a, b) = (x(100.0 * i.low), x(100.0 * i.high));
        let (y1, y2) = (y - 5.0, y + 5.0);
        format!(r#"<path class="whisker" d="M{a:.1} {y:.1}H{b:.1}M{a:.1} {y1:.1}V{y2:.1}M{b:.1} {y1:.1}V{y2:.1}"/>"#)
    });
    format!(
        r#"<g class="run {class}"><title>{}</title>{}<g transform="translate({:.1} {y:.1})">{}</g></g>"#,
        escape(said),
        whisker.unwrap_or_default(),
        x(100.0 * share),
        run_mark(number)
    )
}

/// What the marks mean.
pub fn legend(reports: &[Report]) -> String {
    let mut out = String::from(r#"<ul class="legend">"#);
    let mut item = |mark: &str, class: &str, text: &str| {
        out += &format!(
            r#"<li><svg viewBox="-9 -9 18 18" class="mark" aria-hidden="true"><g class="{class}">{mark}</g></svg>{}</li>"#,
            escape(text)
        );
    };
    for (number, report) in reports.iter().enumerate() {
        item(
            run_mark(number),
            "run all",
            &format!("{} ({}), with its 95% interval", report.run.model, report.run.protocol),
        );
    }
    if reports.iter().any(|r| !r.published.is_empty()) {
        for (model, mark) in NAMED {
            item(mark_path(mark), "named", &format!("{model}, published"));
        }
        item(
            r#"<line class="other" x1="0" x2="0" y1="-8" y2="8"/>"#,
            "",
            "other published models",
        );
    }
    item(r#"<line class="chance" x1="0" x2="0" y1="-8" y2="8"/>"#, "", "chance");
    out + "</ul>"
}

/// Accuracy against confidence in ten bins, with the number of answers in each below.
pub fn reliability(c: &Calibration) -> String {
    let (size, left, top) = (300.0, 46.0, 12.0);
    let (below, gap) = (64.0, 14.0);
    let at = |share: f64| left + size * share;
    let up = |share: f64| top + size * (1.0 - share);
    let floor = top + size + gap + below;
    let bars: Vec<String> = c
        .bins
        .iter()
        .map(|b| format!("confidence {}%: right {}% of {}", percent(b.confidence), percent(b.accuracy), b.n))
        .collect();
    let title = format!("Reliability diagram, expected calibration error {}%", percent(c.ece));
    let mut out = open(&title, &bars.join("; "), left + size + 16.0, floor + 40.0);
    for tick in 0..=5 {
        let share = tick as f64 / 5.0;
        let label = format!("{}%", tick * 20);
        out += &format!(
            r#"<line class="grid" x1="{left}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{label}</text><text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            left + size,
            left - 8.0,
            up(share) + 4.0,
            at(share),
            floor + 16.0,
            y = up(share),
        );
    }
    let width = size / super::super::statistics::calibration::BINS as f64;
    let most = c.bins.iter().map(|b| b.n).max().unwrap_or(1) as f64;
    for (bin, said) in c.bins.iter().zip(&bars) {
        let start = left + width * bin.bin as f64 + 1.5;
        let (y, tall) = (up(bin.accuracy), size * bin.accuracy);
        let count = below * bin.n as f64 / most;
        out += &format!(
            r#"<g><title>{}</title><rect class="bar" x="{start:.1}" y="{y:.1}" width="{w:.1}" height="{tall:.1}"/><rect class="count" x="{start:.1}" y="{:.1}" width="{w:.1}" height="{count:.1}"/><circle class="point" cx="{:.1}" cy="{y:.1}" r="4"/></g>"#,
            escape(said),
            floor - count,
            at(bin.confidence),
            w = width - 3.0,
        );
    }
    out += &format!(
        r#"<line class="perfect" x1="{left}" y1="{:.1}" x2="{:.1}" y2="{top}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">confidence (bars below: number of answers)</text></svg>"#,
        top + size,
        left + size,
        left + size / 2.0,
        floor + 34.0
    );
    out
}

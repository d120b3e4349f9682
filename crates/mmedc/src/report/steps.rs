//! What each step kept and dropped, how declared and identified languages agree, and what was counted besides.

use std::fmt::Write as _;

use super::{escape, percent};
use crate::lang_id;
use crate::statistics::table::grouped;
use crate::statistics::{LanguageTag, Statistics, StepStatistics, Tally};

/// Kept and dropped, step by step.
pub fn section(page: &mut String, statistics: &Statistics) {
    let all = statistics.read.total().documents;
    page.push_str("<section>\n<h2>Kept and dropped at each step</h2>\n<p class=\"note\">Bars: share of all documents that were read. <span class=\"key kept\"></span>kept <span class=\"key dropped\"></span>dropped here</p>\n<div class=\"wide\"><table class=\"steps\">\n<thead><tr><th scope=\"col\">step</th><td></td><th scope=\"col\" class=\"number\">kept</th><th scope=\"col\" class=\"number\">dropped</th><th scope=\"col\">reasons</th></tr></thead>\n<tbody>\n");
    let row = |page: &mut String, name: &str, kept: u64, dropped: u64, reasons: &str| {
        let share = |part: u64| 100.0 * part as f64 / all.max(1) as f64;
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td class=\"bar\"><span class=\"kept\" style=\"width:{:.2}%\"></span><span class=\"dropped\" style=\"width:{:.2}%\"></span></td><td>{}</td><td>{}</td><td class=\"text\">{reasons}</td></tr>",
            escape(name),
            share(kept),
            share(dropped),
            grouped(kept),
            if dropped == 0 { "–".into() } else { grouped(dropped) },
        );
    };
    row(page, "read", all, 0, "");
    for step in &statistics.steps {
        let (kept, dropped) = step.totals();
        row(page, &step.name, kept.documents, dropped.documents, &reasons(step));
    }
    page.push_str("</tbody>\n</table></div>\n");
    languages_by_step(page, statistics);
    page.push_str("</section>\n");
}

fn reasons(step: &StepStatistics) -> String {
    let reasons: Vec<String> = step
        .dropped
        .iter()
        .map(|(reason, languages)| {
            let sum: Tally = languages.values().sum();
            format!("{} <b>{}</b>", escape(reason), grouped(sum.documents))
        })
        .collect();
    reasons.join(", ")
}

/// What each step keeps of what reaches it, language by language.
fn languages_by_step(page: &mut String, statistics: &Statistics) {
    let languages: Vec<LanguageTag> = statistics.read.by_language().into_keys().collect();
    page.push_str("<details><summary>By language: share kept of what reached the step</summary><div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">step</th>");
    for language in &languages {
        let _ = write!(page, "<th scope=\"col\" class=\"number\">{}</th>", language.name());
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for step in &statistics.steps {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", escape(&step.name));
        for language in &languages {
            let kept = step.kept.get(language).map_or(0, |tally| tally.documents);
            let dropped: u64 = step
                .dropped
                .values()
                .filter_map(|languages| languages.get(language))
                .map(|tally| tally.documents)
                .sum();
            let _ = write!(page, "<td>{}</td>", percent(kept, kept + dropped));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div></details>\n");
}

/// How the identified languages agree with the declared ones.
pub fn languages(page: &mut String, statistics: &Statistics) {
    let rows: Vec<_> = statistics.steps.iter().flat_map(|step| lang_id::agreements(&step.counts)).collect();
    if rows.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Declared and identified languages</h2>\n<p class=\"note\">Of documents that declare a language. Unsure: the identifier does not stand by its answer.</p>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">declared</th><th scope=\"col\" class=\"number\">documents</th><th scope=\"col\" class=\"number\">agree</th><th scope=\"col\" class=\"number\">unsure</th><th scope=\"col\" class=\"number\">disagree</th><th></th><th scope=\"col\">found instead</th></tr></thead>\n<tbody>\n");
    for row in &rows {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"text\">{}</td></tr>",
            LanguageTag::parse(&row.declared).map_or_else(|| escape(&row.declared), |language| language.name().to_owned()),
            grouped(row.documents()),
            grouped(row.agree),
            grouped(row.unsure),
            grouped(row.disagree()),
            percent(row.disagree(), row.documents()),
            escape(&row.found_instead())
        );
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// Whether a counter stands in the table of [`languages`].
fn is_agreement(name: &str) -> bool {
    ["agree/", "unsure/", "disagree/"].iter().any(|kind| name.starts_with(kind))
}

/// Everything else that readers and steps counted.
pub fn counters(page: &mut String, statistics: &Statistics) {
    let readers = std::iter::once(("read", &statistics.reading));
    let all: Vec<_> = readers
        .chain(statistics.steps.iter().map(|step| (step.name.as_str(), &step.counts)))
        .filter(|(_, counts)| !counts.0.is_empty())
        .collect();
    if all.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>What the steps counted</h2>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">step</th><th scope=\"col\">counter</th><th scope=\"col\" class=\"number\">count</th></tr></thead>\n<tbody>\n");
    for (step, counts) in all {
        // Those that have a table of their own are not repeated.
        let rest = counts.0.iter().filter(|(name, _)| !is_agreement(name));
        for (index, (name, count)) in rest.enumerate() {
            let step = if index == 0 { escape(step) } else { String::new() };
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{step}</th><td class=\"text\">{}</td><td>{}</td></tr>",
                escape(name),
                grouped(*count)
            );
        }
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

//! A page of reports that needs nothing else: style sheet and charts inline, no scripts, light and dark.
//!
//! Language colours follow Okabe and Ito (2008), whose hues people with the common forms of colour blindness tell apart, darkened on light
//! paper and lightened on dark so that each keeps a contrast of at least 4.5 to 1.

use super::svg::{self, escape};
use super::table::{facts, tables};
use super::{Report, table::Table};

/// One page for all reports. With several, the first chart holds them all.
pub fn as_html(reports: &[Report]) -> String {
    let names: Vec<&str> = reports.iter().map(|r| r.run.model.as_str()).collect();
    let mut out = String::new();
    if reports.len() > 1 {
        out += &chart(reports, "All runs");
    }
    for report in reports {
        out += &section(report, reports.len() > 1);
    }
    page(&format!("MMedBench: {}", names.join(", ")), &out)
}

/// A whole page around `body`.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</html>\n"
    )
}

fn chart(reports: &[Report], title: &str) -> String {
    format!(
        "<figure><figcaption>{}</figcaption><div class=\"chart\" tabindex=\"0\" role=\"region\" aria-label=\"Chart\">{}</div>{}</figure>\n",
        escape(title),
        svg::accuracy(reports),
        svg::legend(reports)
    )
}

fn section(report: &Report, several: bool) -> String {
    let run = &report.run;
    let mut out = String::from("<section>\n");
    if several {
        out += &format!("<h2>{} · {}</h2>\n", escape(&run.model), escape(&run.protocol));
    }
    out += "<dl>";
    for (name, value) in facts(report).into_iter().chain([("protocol", run.protocol.clone())]) {
        out += &format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(&value));
    }
    out += "</dl>\n";
    out += &figures(report);
    if !report.warnings.is_empty() {
        out += "<aside aria-label=\"Notes\"><h2>Before you compare</h2><ul>";
        for warning in &report.warnings {
            out += &format!("<li>{}</li>", escape(warning));
        }
        out += "</ul></aside>\n";
    }
    if !several {
        out += &chart(std::slice::from_ref(report), "Accuracy, % of questions");
    }
    for table in tables(report, None) {
        match report.calibration.as_ref().filter(|_| table.title.starts_with("Calibration")) {
            Some(c) => {
                let (table, diagram) = (html_table(&table), svg::reliability(c));
                out +=
                    &format!("<div class=\"beside\">{table}<figure><figcaption>Reliability diagram</figcaption>{diagram}</figure></div>\n");
            }
            None => out += &html_table(&table),
        }
    }
    out + &doubts(report) + "</section>\n"
}

/// The two numbers that a reader looks for first.
fn figures(report: &Report) -> String {
    use super::table::{percent, range};
    let mut out = String::from("<p class=\"figures\">");
    if let Some(mean) = &report.macro_mean {
        let interval = mean.interval.map(range).unwrap_or_default();
        out += &format!(
            "<span><b>{}%</b> macro, mean of {} languages <small>95% {interval}</small></span>",
            percent(mean.accuracy),
            mean.languages
        );
    }
    out += &format!(
        "<span><b>{}%</b> {} of {} questions <small>95% {}</small></span></p>\n",
        percent(report.all.accuracy),
        report.all.correct,
        report.all.n,
        range(report.all.wilson)
    );
    out
}

pub(super) fn html_table(table: &Table) -> String {
    let title = escape(&table.title);
    let few = if table.columns.len() < 6 { " class=\"few\"" } else { "" };
    let mut out = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\"><table{few}><caption>{title}</caption><thead><tr>"
    );
    for (index, column) in table.columns.iter().enumerate() {
        // A column without a heading is the rows' own names.
        out += &match (index, column.as_str()) {
            (0, "") => "<td></td>".into(),
            _ => format!("<th scope=\"col\">{}</th>", escape(column)),
        };
    }
    out += "</tr></thead><tbody>";
    for row in &table.rows {
        let mine = if row[0].starts_with("this run") { " class=\"mine\"" } else { "" };
        out += &format!("<tr{mine}>");
        for (index, cell) in row.iter().enumerate() {
            out += &match index {
                0 => format!("<th scope=\"row\">{}</th>", escape(cell)),
                _ => format!("<td>{}</td>", escape(cell)),
            };
        }
        out += "</tr>";
    }
    out + "</tbody></table></div>\n"
}

/// What is doubtful about the published rows, and where they come from.
fn doubts(report: &Report) -> String {
    let data = crate::published::published();
    let rows = || {
        report
            .published
            .iter()
            .chain(report.english.iter().flat_map(|english| &english.published))
    };
    let shown = [
        (!report.published.is_empty(), "accuracy", "Accuracies"),
        (report.rationales.is_some(), "rationales", "Rationales"),
        (report.english.is_some(), "english", "English benchmarks"),
        (!report.published.is_empty(), "ablation", "Ablation"),
    ];
    let sources: Vec<String> = shown
        .iter()
        .filter(|(there, ..)| *there)
        .map(|(_, table, name)| format!("{name}: {}.", data.provenance[*table]))
        .collect();
    let mut out = String::from("<details><summary>About the published results</summary>");
    out += &format!("<p>{} {}</p><dl>", escape(&data.citation), escape(&sources.join(" ")));
    let protocols: std::collections::BTreeSet<&str> = rows().map(|row| row.protocol.as_str()).collect();
    for protocol in protocols {
        if let Some(meaning) = data.protocols.get(protocol) {
            out += &format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(protocol), escape(meaning));
        }
    }
    for row in rows().filter(|row| !row.doubts.is_empty()) {
        let said: Vec<&str> = row.doubts.iter().filter_map(|d| data.doubts.get(d).map(String::as_str)).collect();
        out += &format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(&row.model), escape(&said.join(" ")));
    }
    out + "</dl></details>\n"
}

const STYLE: &str = "
:root{color-scheme:light dark;--paper:#fdfdfb;--ink:#1d2125;--soft:#5b636b;--line:#dcdfe2;--panel:#f2f3f1;--mine:#e8f0fb;
--en:#0072b2;--zh:#b8472b;--ja:#a3527f;--fr:#00795a;--ru:#6d6100;--es:#8a5a00;--all:#1d2125;--bar:#8fb8dc;--count:#b9c0c7}
@media (prefers-color-scheme:dark){:root{--paper:#15181b;--ink:#e8eaec;--soft:#a2abb3;--line:#363c42;--panel:#1e2226;--mine:#1d2c40;
--en:#56b4e9;--zh:#f08a5d;--ja:#e29ac2;--fr:#3fc79a;--ru:#e6d84a;--es:#f0b445;--all:#e8eaec;--bar:#3f6f99;--count:#4b545d}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}
dl{display:grid;gap:.25rem 1.5rem;margin:0 0 1.25rem;font-size:.9rem}dl div{display:grid;grid-template-columns:9rem 1fr;gap:.75rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.figures{display:flex;flex-wrap:wrap;gap:.75rem 2.5rem;margin:1.25rem 0}.figures span{display:block}.figures b{display:block;font-size:2.1rem;line-height:1.1;font-variant-numeric:tabular-nums}
.figures small{color:var(--soft);white-space:nowrap}
aside{background:var(--panel);border-left:.25rem solid var(--es);padding:.75rem 1rem;margin:1.25rem 0;font-size:.92rem}
aside h2{margin:0 0 .25rem;font-size:1rem}aside ul{margin:0;padding-left:1.1rem}
figure{margin:1.5rem 0}figcaption{font-weight:600;margin-bottom:.25rem}figure svg:not(.mark){width:100%;height:auto;display:block}.chart{overflow-x:auto}.chart svg{min-width:36rem}.beside{display:grid;grid-template-columns:1fr minmax(18rem,24rem);gap:0 2.5rem;align-items:start}
.wide{overflow-x:auto;margin:1.5rem 0}table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
table.few{width:auto;min-width:min(100%,22rem)}
caption{text-align:left;font-weight:600;font-size:1rem;padding-bottom:.4rem}
th,td{padding:.3rem .5rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{color:var(--soft);font-weight:500;vertical-align:bottom}th[scope=row],thead th:first-child{text-align:left;font-weight:400;padding-left:0}
tr.mine{background:var(--mine)}tr.mine th{font-weight:600}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .tick{fill:var(--soft)}
.grid{stroke:var(--line)}.other{stroke:var(--soft);stroke-opacity:.45;stroke-width:1.5}.chance{stroke:var(--soft);stroke-width:2;stroke-dasharray:2 2}
.named{fill:var(--soft)}.named .stroke{fill:none;stroke:var(--soft);stroke-width:2}
.run{fill:currentColor;color:var(--all)}.run .whisker{fill:none;stroke:currentColor;stroke-width:2}
.len{color:var(--en)}.lzh{color:var(--zh)}.lja{color:var(--ja)}.lfr{color:var(--fr)}.lru{color:var(--ru)}.les{color:var(--es)}
.bar{fill:var(--bar)}.count{fill:var(--count)}.point{fill:var(--ink)}.perfect{stroke:var(--soft);stroke-dasharray:5 4}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.5rem 0 0;padding:0;font-size:.85rem;color:var(--soft)}
.legend .mark{width:1.1rem;height:1.1rem;vertical-align:-.2rem;margin-right:.35rem}
details{margin:1.5rem 0;font-size:.9rem}summary{cursor:pointer}:focus-visible{outline:3px solid var(--en);outline-offset:2px}
@media (max-width:48rem){.beside{grid-template-columns:1fr}}
@media (max-width:40rem){dl div{grid-template-columns:1fr;gap:0}}
@media print{body{background:#fff;color:#000}.wide{overflow:visible}}
";

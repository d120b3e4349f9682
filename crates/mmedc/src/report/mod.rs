//! The statistics as one HTML page that needs nothing else: no script, no font, no address. Light and dark as the reader's system is.
//!
//! What must hold: text of documents is escaped, for it is anything; the same statistics give the same bytes.
//!
//! - [`chart`]: histograms as inline SVG
//! - [`steps`]: what each step kept, dropped and counted
//! - `report.css`: the looks, in the colours of the app

pub mod chart;
mod steps;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::build::finish::{CONTAMINATED, LEFT_OUT};
use crate::contamination;
use crate::statistics::table::{Unit, grouped, short};
use crate::statistics::{LanguageTag, Sample, Statistics, Tally};

const STYLE: &str = include_str!("report.css");

/// The page. `pipeline` is the configuration as text, shown at the end; empty for documents that no build made.
pub fn html(title: &str, statistics: &Statistics, pipeline: &str) -> String {
    let mut page = String::with_capacity(1 << 16);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"kicker\">Corpus report</p>\n<h1>{0}</h1>\n",
        escape(title)
    );
    summary(&mut page, statistics, pipeline);
    page += "</header>\n";
    amounts(&mut page, statistics);
    steps::section(&mut page, statistics);
    steps::languages(&mut page, statistics);
    benchmark(&mut page, statistics, pipeline);
    lengths(&mut page, statistics);
    densities(&mut page, statistics);
    samples(&mut page, statistics);
    steps::counters(&mut page, statistics);
    if !pipeline.is_empty() {
        let _ = write!(
            page,
            "<section>\n<h2>Configuration</h2>\n<details><summary>The settings that made this corpus</summary><pre>{}</pre></details>\n</section>\n",
            escape(pipeline)
        );
    }
    page += "</main>\n</body>\n</html>\n";
    page
}

/// For text between tags and in attributes. Control characters that HTML forbids become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Share in percent; an empty whole has no share.
fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".into(),
        _ => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
    }
}

fn summary(page: &mut String, statistics: &Statistics, pipeline: &str) {
    let (read, kept) = (statistics.read.total(), statistics.kept.total());
    let problems: u64 = statistics.problems.values().sum();
    page.push_str("<dl class=\"tiles\">\n");
    let mut tile = |name: &str, value: String, note: String| {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd><p>{note}</p></div>");
    };
    tile(
        "documents kept",
        short(kept.documents),
        format!("{} of {} read", percent(kept.documents, read.documents), short(read.documents)),
    );
    if statistics.has_tokens() {
        let each = kept.tokens.checked_div(kept.documents).unwrap_or(0);
        tile("tokens", short(kept.tokens), format!("{} a document on average", grouped(each)));
    }
    tile(
        "characters kept",
        short(kept.characters),
        format!("{} of {} read", percent(kept.characters, read.characters), short(read.characters)),
    );
    tile(
        "languages",
        statistics.kept.by_language().len().to_string(),
        format!("from {} source{}", statistics.kept.0.len(), plural(statistics.kept.0.len())),
    );
    if problems > 0 {
        let kinds: Vec<String> = statistics
            .problems
            .iter()
            .map(|(kind, count)| format!("{} {}", grouped(*count), escape(kind)))
            .collect();
        let listed = if pipeline.is_empty() {
            String::new()
        } else {
            format!("; each is listed in {LEFT_OUT}")
        };
        tile("could not be read", short(problems), kinds.join(", ") + &listed);
    }
    page.push_str("</dl>\n");
}

/// Whether a benchmark's questions were looked for, in one sentence for page and card. `pipeline` as for [`html`].
pub fn benchmark_sentence(statistics: &Statistics, pipeline: &str) -> String {
    let Some(step) = statistics.steps.iter().find(|step| step.name == contamination::STEP) else {
        let why = if pipeline.is_empty() {
            ""
        } else {
            ": the configuration names none ([contamination] questions)"
        };
        return format!("No benchmark's questions were looked for in this text{why}. It may hold some.");
    };
    let documents = step.counts.0.get("contaminated").copied().unwrap_or(0);
    let (_, dropped) = step.totals();
    format!(
        "{} of the documents that were looked at share a long run of text with a benchmark's question or option; {} of them were left out. Each is listed with what it shares in {CONTAMINATED}.",
        grouped(documents),
        grouped(dropped.documents)
    )
}

fn benchmark(page: &mut String, statistics: &Statistics, pipeline: &str) {
    let _ = write!(
        page,
        "<section>\n<h2>Benchmark questions</h2>\n<p>{}</p>\n</section>\n",
        escape(&benchmark_sentence(statistics, pipeline))
    );
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn amounts(page: &mut String, statistics: &Statistics) {
    let unit = if statistics.has_tokens() { Unit::Tokens } else { Unit::Characters };
    let sources: Vec<&String> = statistics.kept.0.keys().collect();
    let languages = statistics.kept.by_language();
    let largest = languages.values().map(|tally| unit.of(tally)).max().unwrap_or(0);
    let name = unit.name();
    let _ = write!(
        page,
        "<section>\n<h2>{}{} by language and source</h2>\n",
        name[..1].to_uppercase(),
        &name[1..]
    );
    page.push_str("<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">language</th>");
    for source in &sources {
        let _ = write!(page, "<th scope=\"col\" class=\"number\">{}</th>", escape(source));
    }
    page.push_str(
        "<th scope=\"col\" class=\"number\">total</th><th scope=\"col\" class=\"number\">documents</th><td></td></tr></thead>\n<tbody>\n",
    );
    for (language, total) in &languages {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", language.name());
        for source in &sources {
            let amount = statistics.kept.0[*source].get(language);
            let _ = write!(
                page,
                "<td>{}</td>",
                amount.map_or_else(|| "–".into(), |tally| short(unit.of(tally)))
            );
        }
        let share = 100.0 * unit.of(total) as f64 / largest.max(1) as f64;
        let _ = writeln!(
            page,
            "<td class=\"strong\">{}</td><td>{}</td><td class=\"bar\"><span style=\"width:{share:.1}%\"></span></td></tr>",
            short(unit.of(total)),
            grouped(total.documents)
        );
    }
    page.push_str("</tbody>\n<tfoot><tr><th scope=\"row\">sum</th>");
    for source in &sources {
        let sum: Tally = statistics.kept.0[*source].values().sum();
        let _ = write!(page, "<td>{}</td>", short(unit.of(&sum)));
    }
    let total = statistics.kept.total();
    let _ = write!(
        page,
        "<td class=\"strong\">{}</td><td>{}</td><td></td></tr></tfoot>\n</table></div>\n</section>\n",
        short(unit.of(&total)),
        grouped(total.documents)
    );
}

fn lengths(page: &mut String, statistics: &Statistics) {
    page.push_str("<section>\n<h2>Length of documents</h2>\n<p class=\"note\">Characters, on a scale that doubles; each picture has its own height. <span class=\"key read\"></span>read <span class=\"key kept\"></span>kept</p>\n<div class=\"grid\">\n");
    let range = chart::range(statistics.characters_read.values().chain(statistics.characters_kept.values()));
    for (language, read) in &statistics.characters_read {
        let kept = statistics.characters_kept.get(language).cloned().unwrap_or_default();
        figure(
            page,
            *language,
            &chart::lengths(read, &kept, range, "characters"),
            &format!(
                "median about {} read, {} kept; longest kept {}",
                short(read.median_bin()),
                short(kept.median_bin()),
                short(kept.max)
            ),
        );
    }
    page.push_str("</div>\n");
    if !statistics.tokens_kept.is_empty() {
        page.push_str("<h3>In tokens</h3>\n<div class=\"grid\">\n");
        let range = chart::range(statistics.tokens_kept.values());
        for (language, kept) in &statistics.tokens_kept {
            let each = kept.sum.checked_div(kept.documents).unwrap_or(0);
            figure(
                page,
                *language,
                &chart::lengths(&crate::statistics::Lengths::default(), kept, range, "tokens"),
                &format!("{} tokens, {} a document", short(kept.sum), short(each)),
            );
        }
        page.push_str("</div>\n");
    }
    page.push_str("</section>\n");
}

fn figure(page: &mut String, language: LanguageTag, svg: &str, caption: &str) {
    let _ = writeln!(
        page,
        "<figure><figcaption><b>{}</b> <span>{}</span></figcaption>{svg}</figure>",
        language.name(),
        escape(caption)
    );
}

fn densities(page: &mut String, statistics: &Statistics) {
    if statistics.densities.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Keyword density</h2>\n<p class=\"note\">Share of a document's characters that are medical keywords. The line is the filter's threshold; what is dropped to its right has too few different words. <span class=\"key kept\"></span>kept <span class=\"key dropped\"></span>dropped</p>\n<div class=\"grid\">\n");
    for (language, densities) in &statistics.densities {
        let (kept, dropped): (u64, u64) = (densities.kept.values().sum(), densities.dropped.values().sum());
        figure(
            page,
            *language,
            &chart::densities(densities),
            &format!(
                "{} kept; at least {} different words and {:.1} %",
                percent(kept, kept + dropped),
                densities.minimal_words,
                100.0 * densities.minimal_density
            ),
        );
    }
    page.push_str("</div>\n</section>\n");
}

fn samples(page: &mut String, statistics: &Statistics) {
    if statistics.samples.0.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Documents to read</h2>\n<p class=\"note\">Chosen by chance, the same in every run. Only beginnings are shown.</p>\n");
    // The order of the steps, then what belongs to none.
    let order = |step: &str| statistics.steps.iter().position(|known| known.name == step).unwrap_or(usize::MAX);
    let mut groups: Vec<_> = statistics.samples.0.iter().collect();
    groups.sort_by_key(|(step, _)| order(step));
    for (step, outcomes) in groups {
        for (outcome, languages) in outcomes {
            let count: usize = languages.values().map(BTreeMap::len).sum();
            let class = if outcome.starts_with("dropped") || outcome == "nearly kept" {
                "dropped"
            } else {
                "kept"
            };
            let name = if step == outcome {
                escape(step)
            } else {
                format!("{} · {}", escape(step), escape(outcome))
            };
            let _ = writeln!(
                page,
                "<details class=\"samples\"><summary><span class=\"key {class}\"></span>{name} <span class=\"count\">{count}</span></summary>"
            );
            for (language, samples) in languages {
                samples.iter().for_each(|(id, found)| sample(page, *language, id, found));
            }
            page.push_str("</details>\n");
        }
    }
    page.push_str("</section>\n");
}

fn sample(page: &mut String, language: LanguageTag, id: &str, sample: &Sample) {
    let more = if sample.excerpt.chars().count() as u64 == sample.characters {
        ""
    } else {
        "…"
    };
    let _ = write!(
        page,
        "<article id=\"{}\"><h4>{} · {} · {}, {}</h4>",
        escape(id),
        language.name(),
        escape(&sample.source),
        escape(&sample.file),
        sample.position
    );
    if !sample.note.is_empty() {
        let _ = write!(page, "<p class=\"note\">{}</p>", escape(&sample.note));
    }
    let _ = writeln!(
        page,
        "<blockquote lang=\"{language}\" dir=\"auto\">{}{more}</blockquote><p class=\"note\">{} characters</p></article>",
        escape(&sample.excerpt),
        grouped(sample.characters)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Language};

    fn statistics() -> Statistics {
        let mut statistics = Statistics::default();
        for position in 0..50u64 {
            let document = Document {
                id: Document::make_id("<web>", "a&b.txt", position),
                text: format!("<script>alert({position})</script> \u{1}結核").repeat(1 + position as usize),
                language: Some([Language::Ja, Language::En][position as usize % 2]),
                source: "<web>".into(),
                license: "CC0".into(),
                file: "a&b.txt".into(),
                position,
            };
            let language = LanguageTag::of(document.language);
            statistics.add_read(&document);
            let keep = position.is_multiple_of(2);
            let densities = statistics.densities.entry(language).or_default();
            densities.minimal_density = 0.04;
            densities.add(position, 500, keep);
            let step = statistics.step("filter_mmedc");
            step.counts.add("chars", 3);
            let tally = Tally::of(&document.text);
            if keep {
                *step.kept.entry(language).or_default() += tally;
                statistics.samples.offer("kept", "kept", &document, String::new);
                statistics.add_kept(&document, Some(10 * position));
            } else {
                *step.dropped.entry("not_medical".into()).or_default().entry(language).or_default() += tally;
                statistics
                    .samples
                    .offer("filter_mmedc", "dropped: not_medical", &document, || "density < 4 %".into());
            }
        }
        statistics
    }

    #[test]
    fn nothing_of_a_document_becomes_markup_and_nothing_is_fetched() {
        let page = html("A <b>title</b>", &statistics(), "{\"a\": \"<i>\"}");
        for forbidden in [
            "<script", "<web>", "a&b.txt", "<b>title", "<i>", "http:", "https:", "url(", "@import", "\u{1}",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("&lt;script&gt;alert(") && page.contains("density &lt; 4 %"));
        assert!(page.contains("<svg") && page.contains("Japanese"));
    }

    #[test]
    fn every_tag_is_closed() {
        let page = html("title", &statistics(), "{}");
        let mut open: Vec<&str> = Vec::new();
        for piece in page.split('<').skip(1) {
            let tag = piece.split('>').next().unwrap();
            let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
            if tag.starts_with('!') || tag.ends_with('/') || name == "meta" {
                continue;
            }
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "near {piece:.80}");
            } else {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn a_corpus_of_nothing_has_a_report() {
        let page = html("empty", &Statistics::default(), "");
        assert!(page.ends_with("</html>\n") && !page.contains("NaN"));
    }
}

//! Where two runs differ: of the questions that both answered, how many only the one and only the other got right, by language.

use super::escape;

pub struct Row {
    pub label: String,
    pub lang: &'static str,
    pub both: usize,
    pub only_first: usize,
    pub only_second: usize,
    pub neither: usize,
}

/// Bars to the left: only the first run is right; to the right: only the second.
pub fn difference(rows: &[Row]) -> String {
    let longest = rows.iter().map(|r| r.only_first.max(r.only_second)).max().unwrap_or(0).max(1);
    let width = |n: usize| n * 500 / longest;
    let percent = |tenths: usize| format!("{}.{}%", tenths / 10, tenths % 10);
    let mut out = String::from(r#"<div class="chart chart-difference">"#);
    for row in rows {
        let (first, second) = (width(row.only_first), width(row.only_second));
        out += &format!(
            r#"<div class="strip-row"><span class="strip-label" lang="{}">{}</span><svg class="strip" aria-hidden="true"><rect class="first" x="{}" width="{}" y="25%" height="50%"/><rect class="second" x="50%" width="{}" y="25%" height="50%"/><line class="axis" x1="50%" x2="50%" y1="0" y2="100%"/></svg><span class="strip-number">{} : {} <small>of {}</small></span></div>"#,
            row.lang,
            escape(&row.label),
            percent(500 - first),
            percent(first),
            percent(second),
            row.only_first,
            row.only_second,
            row.both + row.only_first + row.only_second + row.neither
        );
    }
    out + "</div>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_from_the_middle() {
        let row = Row {
            label: "English".into(),
            lang: "en",
            both: 3,
            only_first: 1,
            only_second: 4,
            neither: 2,
        };
        let chart = difference(&[row]);
        assert!(chart.contains(r#"class="first" x="37.5%" width="12.5%""#), "{chart}");
        assert!(chart.contains(r#"class="second" x="50%" width="50.0%""#));
        assert!(chart.contains("1 : 4 <small>of 10</small>"));
    }
}

//! Accuracy with its interval, a row for each language, beside chance and published models.

use super::{at, escape, whole};

/// Marks for published models, in order; a legend tells which is which.
pub const SIGNS: [&str; 3] = ["◇", "△", "□"];

/// A language (or a mean over languages).
pub struct Row {
    pub label: String,
    /// For the `lang` attribute; empty for a mean.
    pub lang: &'static str,
    /// Share of right answers with its interval; `None` before the first answer.
    pub value: Option<(f64, f64, f64)>,
    /// What guessing would reach.
    pub chance: Option<f64>,
    /// Of each published model, in the order of [`SIGNS`].
    pub published: Vec<Option<f64>>,
}

/// The chart. `names`: the published models, in the order of their signs.
pub fn accuracy(rows: &[Row], names: &[String]) -> String {
    let mut out = String::from(r#"<div class="chart chart-accuracy">"#);
    for row in rows {
        out += r#"<div class="strip-row"><span class="strip-label" lang=""#;
        out += row.lang;
        out += "\">";
        out += &escape(&row.label);
        out += r#"</span><svg class="strip" aria-hidden="true">"#;
        for grid in [0.25, 0.5, 0.75] {
            out += &line("grid", grid, grid, "0", "100%");
        }
        out += &line("axis", 0.0, 1.0, "50%", "50%");
        if let Some(chance) = row.chance {
            out += &line("chance", chance, chance, "20%", "80%");
        }
        for (share, sign) in row.published.iter().zip(SIGNS) {
            if let Some(share) = share {
                out += &format!(r#"<text class="sign" x="{}" y="50%" dy="0.36em">{sign}</text>"#, at(*share));
            }
        }
        if let Some((share, low, high)) = row.value {
            out += &line("interval", low, high, "50%", "50%");
            out += &format!(r#"<circle class="dot" cx="{}" cy="50%" r="5"/>"#, at(share));
        }
        out += r#"</svg><span class="strip-number">"#;
        match row.value {
            Some((share, low, high)) => out += &format!("{} % <small>{}–{}</small>", whole(share), whole(low), whole(high)),
            None => out += "–",
        }
        out += "</span></div>";
    }
    out += r#"<div class="strip-row strip-axis" aria-hidden="true"><span></span><span class="strip-scale"><i>0</i><i>25</i><i>50</i><i>75</i><i>100 %</i></span><span></span></div>"#;
    out += r#"<p class="legend"><span><b class="legend-dot">●</b> this run, 95 % interval</span><span><b>¦</b> guessing</span>"#;
    for (name, sign) in names.iter().zip(SIGNS) {
        out += &format!("<span><b>{sign}</b> {}</span>", escape(name));
    }
    out + "</p></div>"
}

fn line(class: &str, x1: f64, x2: f64, y1: &str, y2: &str) -> String {
    format!(r#"<line class="{class}" x1="{}" x2="{}" y1="{y1}" y2="{y2}"/>"#, at(x1), at(x2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_its_numbers_and_its_marks() {
        let row = Row {
            label: "日本語".into(),
            lang: "ja",
            value: Some((0.5, 0.4, 0.6)),
            chance: Some(0.2),
            published: vec![Some(0.618), None],
        };
        let chart = accuracy(&[row], &["MMed<b>".into(), "GPT-4".into()]);
        assert!(chart.contains("50 % <small>40–60</small>"), "{chart}");
        assert!(chart.contains(r#"cx="50.0%""#) && chart.contains(r#"x="61.8%""#) && chart.contains("MMed&lt;b&gt;"));
        assert_eq!(chart.matches("◇").count(), 2);
        assert_eq!(chart.matches("△").count(), 1, "in the legend only");
    }
}

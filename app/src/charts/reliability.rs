//! Whether the model's probabilities mean what they say: how often the option that it prefers is right, against how sure it is.

use super::whole;

/// A bin of answers with similar confidence.
pub struct Bin {
    /// Mean probability of the preferred option.
    pub confidence: f64,
    /// Share of right answers.
    pub accuracy: f64,
    pub count: usize,
}

/// Side of the plot, and the margin for its scale, in pixels.
const SIDE: f64 = 240.0;
const LEFT: f64 = 36.0;
const TOP: f64 = 10.0;

/// The diagram; bins without answers are left out.
pub fn reliability(bins: &[Bin]) -> String {
    let x = |share: f64| (LEFT + share * SIDE).round();
    let y = |share: f64| (TOP + (1.0 - share) * SIDE).round();
    let most = bins.iter().map(|b| b.count).max().unwrap_or(1).max(1) as f64;
    let mut out = format!(
        r#"<svg class="reliability" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">"#,
        w = LEFT + SIDE + 14.0,
        h = TOP + SIDE + 40.0,
        label = words(bins)
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        out += &format!(
            r#"<line class="grid" x1="{}" x2="{}" y1="{2}" y2="{2}"/><text class="tick end" x="{3}" y="{2}" dy="0.35em">{4}</text>"#,
            x(0.0),
            x(1.0),
            y(tick),
            LEFT - 6.0,
            whole(tick)
        );
        out += &format!(
            r#"<text class="tick middle" x="{}" y="{}">{}</text>"#,
            x(tick),
            TOP + SIDE + 16.0,
            whole(tick)
        );
    }
    out += &format!(
        r#"<line class="ideal" x1="{}" y1="{}" x2="{}" y2="{}"/>"#,
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0)
    );
    for bin in bins.iter().filter(|b| b.count > 0) {
        // The area of a mark is its share of the answers.
        let r = 3.0 + 7.0 * (bin.count as f64 / most).sqrt();
        out += &format!(
            r#"<line class="gap" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><circle class="dot" cx="{0}" cy="{2}" r="{r:.1}"/>"#,
            x(bin.confidence),
            y(bin.confidence),
            y(bin.accuracy)
        );
    }
    out += &format!(
        r#"<text class="tick middle" x="{}" y="{}">sure of its answer, %</text></svg>"#,
        x(0.5),
        TOP + SIDE + 34.0
    );
    out
}

fn words(bins: &[Bin]) -> String {
    let each: Vec<String> = bins
        .iter()
        .filter(|b| b.count > 0)
        .map(|b| {
            format!(
                "{} answers with {} percent confidence are {} percent right",
                b.count,
                whole(b.confidence),
                whole(b.accuracy)
            )
        })
        .collect();
    format!("Reliability: {}.", each.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_bins_are_not_drawn_and_the_rest_is_told_in_words() {
        let bins = [
            Bin {
                confidence: 0.0,
                accuracy: 0.0,
                count: 0,
            },
            Bin {
                confidence: 0.8,
                accuracy: 0.5,
                count: 4,
            },
        ];
        let chart = reliability(&bins);
        assert_eq!(chart.matches("<circle").count(), 1);
        assert!(
            chart.contains("4 answers with 80 percent confidence are 50 percent right."),
            "{chart}"
        );
    }
}

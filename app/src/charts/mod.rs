//! Charts as inline SVG, written as text: small, and the same on every device.
//!
//! What must hold: every text that comes from outside goes through [`escape`]; a chart is drawn in percent of its width, so that its words
//! keep their size on a phone; whatever a chart shows can also be read, in its own words or in the table beside it.

pub mod accuracy;
pub mod difference;
pub mod reliability;

/// Text as HTML shows it, whatever is in it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A share in [0, 1] as a coordinate, in tenths of a percent.
fn at(share: f64) -> String {
    let tenths = (share.clamp(0.0, 1.0) * 1000.0).round() as u32;
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// A share in whole percent.
fn whole(share: f64) -> i64 {
    (share * 100.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escape(r#"<b a="1">&'"#), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn shares_stay_inside() {
        assert_eq!((at(0.1234), at(-1.0), at(2.0)), ("12.3%".into(), "0.0%".into(), "100.0%".into()));
        assert_eq!(whole(0.625), 63);
    }
}

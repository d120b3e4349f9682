//! Numbers, sizes and times as people read them.

/// `4.7 GB`, `8.0 MB`, `312 kB`.
pub fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n >= 1e9 => format!("{:.1} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.1} MB", n / 1e6),
        n if n >= 1e3 => format!("{:.0} kB", n / 1e3),
        n => format!("{n:.0} B"),
    }
}

/// `8.0 billion`, `3.4 million`.
pub fn parameters(n: u64) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.1} billion", n / 1e9),
        n if n >= 1e6 => format!("{:.1} million", n / 1e6),
        n => format!("{n:.0}"),
    }
}

/// `63 %`.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `1 question`, `2 questions`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// `4:05`, `1:02:03`; never below zero.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// `40 seconds`, `12 minutes`, `3.5 hours`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => count(s.round().max(1.0) as usize, "second", "seconds"),
        s if s < 5400.0 => count((s / 60.0).round() as usize, "minute", "minutes"),
        s => format!("{:.1} hours", s / 3600.0),
    }
}

/// Date and time as the browser's language writes them.
pub fn when(started: &str) -> String {
    let date = js_sys::Date::new(&started.into());
    let options = js_sys::Object::new();
    for (key, value) in [("dateStyle", "medium"), ("timeStyle", "short")] {
        // A plain object takes any property.
        let _ = js_sys::Reflect::set(&options, &key.into(), &value.into());
    }
    String::from(date.to_locale_string("default", &options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_well() {
        assert_eq!(bytes(4_661_211_872), "4.7 GB");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(parameters(3_400_000), "3.4 million");
        assert_eq!(percent(0.625), "62 %");
        assert_eq!(count(1, "question", "questions"), "1 question");
        assert_eq!(clock(3723.2), "1:02:03");
        assert_eq!(clock(-4.0), "0:00");
        assert_eq!(
            (duration(0.2), duration(100.0), duration(9000.0)),
            ("1 second".into(), "2 minutes".into(), "2.5 hours".into())
        );
    }
}

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
    }
}

//! *Gopher repetition*: a text does not say the same lines, paragraphs and runs of words again and again.

use serde::{Deserialize, Serialize};

use super::chars;
use super::runs::{Runs, duplicates};

/// Thresholds of Gopher's rules on repetition: shares above which a text is dropped. Defaults are Table A1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GopherRepetition {
    pub dup_line_frac: f64,
    pub dup_para_frac: f64,
    pub dup_line_char_frac: f64,
    pub dup_para_char_frac: f64,
    /// Share of characters in the most frequent n-gram, for n = 2, 3, 4.
    pub top_n_grams: [f64; 3],
    /// Share of characters in n-grams that stood before, for n = 5 to 10.
    pub dup_n_grams: [f64; 6],
}

impl Default for GopherRepetition {
    fn default() -> Self {
        GopherRepetition {
            dup_line_frac: 0.3,
            dup_para_frac: 0.3,
            dup_line_char_frac: 0.2,
            dup_para_char_frac: 0.2,
            top_n_grams: [0.20, 0.18, 0.16],
            dup_n_grams: [0.15, 0.14, 0.13, 0.12, 0.11, 0.10],
        }
    }
}

impl GopherRepetition {
    pub(super) fn failed_rule(&self, text: &str, words: &[&str]) -> Option<&'static str> {
        let length = chars(text) as f64;
        if length == 0.0 {
            return Some("empty");
        }
        let paragraphs = split_at_breaks(text.trim(), 2);
        let (n, repeated) = duplicates(paragraphs.iter().copied());
        if n as f64 / paragraphs.len() as f64 > self.dup_para_frac {
            return Some("dup_para_frac");
        }
        if repeated as f64 / length > self.dup_para_char_frac {
            return Some("dup_para_char_frac");
        }
        let lines = split_at_breaks(text, 1);
        let (n, repeated) = duplicates(lines.iter().copied());
        if n as f64 / lines.len() as f64 > self.dup_line_frac {
            return Some("dup_line_frac");
        }
        if repeated as f64 / length > self.dup_line_char_frac {
            return Some("dup_line_char_frac");
        }
        let lengths: Vec<usize> = words.iter().map(|word| chars(word)).collect();
        let mut runs = Runs::of_words(words);
        for (i, &most) in self.top_n_grams.iter().enumerate() {
            runs.lengthen();
            if runs.most_frequent(&lengths).is_some_and(|n| n as f64 / length > most) {
                return Some(["top_2_gram", "top_3_gram", "top_4_gram"][i]);
            }
        }
        for (i, &most) in self.dup_n_grams.iter().enumerate() {
            runs.lengthen();
            if runs.repeated(&lengths) as f64 / length > most {
                return Some(
                    [
                        "duplicated_5_n_grams",
                        "duplicated_6_n_grams",
                        "duplicated_7_n_grams",
                        "duplicated_8_n_grams",
                        "duplicated_9_n_grams",
                        "duplicated_10_n_grams",
                    ][i],
                );
            }
        }
        None
    }
}

/// Items between runs of at least `n` line breaks, as `re.split("\n{n,}", text)` gives them.
fn split_at_breaks(text: &str, n: usize) -> Vec<&str> {
    let (mut items, mut start, mut at) = (Vec::new(), 0, 0);
    let bytes = text.as_bytes();
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        let from = at + found;
        let run = bytes[from..].iter().take_while(|&&byte| byte == b'\n').count();
        if run >= n {
            items.push(&text[start..from]);
            start = from + run;
        }
        at = from + run;
    }
    items.push(&text[start..]);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_like_the_patterns() {
        assert_eq!(split_at_breaks("a\nb\n\nc\n\n\nd", 2), ["a\nb", "c", "d"]);
        assert_eq!(split_at_breaks("a\nb\n\nc\n", 1), ["a", "b", "c", ""]);
        assert_eq!(split_at_breaks("", 1), [""]);
    }
}

//! Tokens of sacrebleu: `13a` (the script mteval-v13a of the WMT evaluations), and its forms for Chinese and for characters.

/// `13a`: ASCII punctuation comes off words; full stops, commas and hyphens stay inside numbers.
pub fn mteval(text: &str) -> Vec<String> {
    let mut text = text.trim_end().replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    for (entity, mark) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        text = text.replace(entity, mark);
    }
    punctuation(&format!(" {text} "))
}

/// `zh`: every Chinese character is a token, the rest is cut as [`mteval`] does.
pub fn chinese(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len() * 2);
    for c in text.trim().chars() {
        if is_chinese(c) {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    punctuation(&spaced)
}

/// `char`: every character but white space.
pub fn characters(text: &str) -> Vec<String> {
    text.chars().filter(|c| !c.is_whitespace()).map(String::from).collect()
}

fn punctuation(text: &str) -> Vec<String> {
    let mut marks = Vec::new();
    for c in text.chars() {
        // The ranges of mteval: all ASCII punctuation and the space, but for ' , - and .
        if c.is_ascii_punctuation() && !"',-.".contains(c) || c == ' ' {
            marks.extend([' ', c, ' ']);
        } else {
            marks.push(c);
        }
    }
    // A full stop or comma comes off unless a digit stands before it, and unless one stands after it; a hyphen after a digit.
    let stop = |c: char| c == '.' || c == ',';
    let before = pairs(&marks, |a, b| !a.is_ascii_digit() && stop(b), |a, b| vec![a, ' ', b, ' ']);
    let after = pairs(&before, |a, b| stop(a) && !b.is_ascii_digit(), |a, b| vec![' ', a, ' ', b]);
    let hyphens = pairs(&after, |a, b| a.is_ascii_digit() && b == '-', |a, b| vec![a, ' ', b, ' ']);
    let text: String = hyphens.into_iter().collect();
    text.split_whitespace().map(str::to_string).collect()
}

/// Rewrites pairs of neighbours from left to right; a pair that was rewritten is not looked at again.
fn pairs(text: &[char], found: impl Fn(char, char) -> bool, put: impl Fn(char, char) -> Vec<char>) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        match text.get(i + 1) {
            Some(next) if found(text[i], *next) => {
                out.extend(put(text[i], *next));
                i += 2;
            }
            _ => {
                out.push(text[i]);
                i += 1;
            }
        }
    }
    out
}

/// sacrebleu's ranges. Two of them are written there with five hexadecimal digits after `\u`, which Python reads as a character and a
/// digit: that makes the ranges U+2001–U+2A6D and U+2F81–U+2FA1, which hold general punctuation. They are kept, since the score is defined
/// by that code.
fn is_chinese(c: char) -> bool {
    matches!(c,
        '\u{3400}'..='\u{4db5}' | '\u{4e00}'..='\u{9fbb}' | '\u{f900}'..='\u{fa2d}' | '\u{fa30}'..='\u{fa6a}' | '\u{fa70}'..='\u{fad9}'
        | '\u{2001}'..='\u{2a6d}' | '\u{2f81}'..='\u{2fa1}' | '\u{ff00}'..='\u{ffef}' | '\u{2e80}'..='\u{2eff}' | '\u{3000}'..='\u{303f}'
        | '\u{31c0}'..='\u{31ef}' | '\u{2f00}'..='\u{2fdf}' | '\u{2ff0}'..='\u{2fff}' | '\u{3100}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}'
        | '\u{fe10}'..='\u{fe1f}' | '\u{fe30}'..='\u{fe4f}' | '\u{3200}'..='\u{33ff}')
}

//! Where an address or a number of a known shape can stand: runs of the characters that such a thing is made of. A match of the pattern
//! lies in one run, so a run can be looked at alone.

use std::ops::Range;

use super::checks;

/// The shortest number that any shape leads to a mask has so many digits.
const FEWEST_DIGITS: usize = 8;

/// Runs around each '@', and the character behind each, which decides whether the address ends there.
pub fn of_emails(text: &str) -> Vec<Range<usize>> {
    // Those that Unicode takes for s and k among them.
    let is_part = |letter: &char| matches!(letter, '@' | '.' | '_' | '%' | '+' | '-' | 'ſ' | '\u{212A}') || letter.is_ascii_alphanumeric();
    let length = |letters: &mut dyn Iterator<Item = char>| letters.take_while(is_part).map(char::len_utf8).sum::<usize>();
    let mut windows: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        if windows.last().is_some_and(|window| at < window.end) {
            continue;
        }
        let start = at - length(&mut text[..at].chars().rev());
        let end = at + length(&mut text[at..].chars());
        windows.push(start..text.ceil_char_boundary((end + 1).min(text.len())));
    }
    windows
}

/// Where a telephone number may stand.
pub fn of_phones(text: &str) -> Vec<Range<usize>> {
    of_numbers(text, |byte| matches!(byte, b'0'..=b'9' | b'+' | b' ' | b'.' | b'-' | b'(' | b')'))
}

/// Where a record's number may stand.
pub fn of_records(text: &str) -> Vec<Range<usize>> {
    of_numbers(text, |byte| matches!(byte, b'0'..=b'9' | b'-' | b'X' | b'x'))
}

/// Runs of ASCII characters with enough digits.
fn of_numbers(text: &str, is_part: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut windows = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_part(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| is_part(**byte)).count();
        if length >= FEWEST_DIGITS && checks::digits(&text[at..at + length]) >= FEWEST_DIGITS {
            windows.push(at..at + length);
        }
        at += length;
    }
    windows
}

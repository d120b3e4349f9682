//! What a number must be beyond its shape.

/// How many there are.
pub fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// A label's number may be followed by words, which the pattern takes for parts of it: what begins at the first part without a digit.
pub fn trailing_words(number: &str) -> &str {
    let mut end = number.len();
    let mut start = 0;
    for part in number.split_inclusive([' ', '.', '/', '-']) {
        let letters = part.bytes().filter(u8::is_ascii_alphabetic).count();
        if start > 0 && digits(part) == 0 && letters > 1 {
            end = start - 1;
            break;
        }
        start += part.len();
    }
    &number[end..]
}

/// Not a part of a longer number, word or identifier.
pub fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let mut after = text[end..].chars();
    let joins = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '/' | '_' | '=' | '%' | '.' | ',' | '+' | '–');
    if before.is_some_and(joins) {
        return false;
    }
    match (after.next(), after.next()) {
        // A sentence may end or go on after it.
        (Some('.' | ',' | '-' | '/'), next) => !next.is_some_and(|char| char.is_ascii_digit()),
        (Some(' '), Some(next)) if next.is_ascii_digit() => false,
        (Some(char), _) => !joins(char),
        (None, _) => true,
    }
}

/// Beyond its shape: as many digits as a telephone number of that kind has.
pub fn is_phone(number: &str) -> bool {
    let n = digits(number);
    match number.as_bytes()[0] {
        b'+' => (8..=15).contains(&n),
        // Japan and China: area code and number together. A date such as 01-02-2020 has eight.
        b'0' => (10..=12).contains(&n),
        _ => n >= 10,
    }
}

/// A US social security number with a possible area, or a Chinese identity number with a right check digit (ISO 7064, MOD 11-2).
pub fn is_record(number: &str) -> bool {
    let bytes = number.as_bytes();
    if bytes.contains(&b'-') {
        return !number.starts_with("000")
            && !number.starts_with("666")
            && bytes[0] != b'9'
            && &number[4..6] != "00"
            && &number[7..] != "0000";
    }
    let sum = bytes.iter().fold(0u32, |sum, &byte| {
        let value = if byte.is_ascii_digit() { u32::from(byte - b'0') } else { 10 };
        (sum * 2 + value) % 11
    });
    sum == 1
}

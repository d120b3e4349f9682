//! What Python's `str.lower` and `str.split` do, for rules that were written in Python.
//!
//! Lower-casing is on the way of every byte of a corpus, so ASCII, Latin-1, Cyrillic and Han go by fixed offsets; everything else asks the
//! standard library, whose tables are those of Unicode, as Python's are.

/// Lower-cases as Python does, which is Unicode's full mapping with the rule for the final sigma.
pub fn lower(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len() + bytes.len() / 64 + 16);
    let mut i = 0;
    while i < bytes.len() {
        let ascii = ascii_run(&bytes[i..]);
        if ascii > 0 {
            let from = out.len();
            out.extend_from_slice(&bytes[i..i + ascii]);
            out[from..].make_ascii_lowercase();
            i += ascii;
            continue;
        }
        match bytes[i] {
            // À to Þ without ×; the rest of the row is lower case or has none.
            0xC3 => {
                let low = bytes[i + 1];
                let upper = (0x80..=0x9E).contains(&low) && low != 0x97;
                out.extend_from_slice(&[0xC3, if upper { low + 0x20 } else { low }]);
                i += 2;
            }
            0xD0 => {
                let low = bytes[i + 1];
                out.extend_from_slice(&match low {
                    0x80..=0x8F => [0xD1, low + 0x10], // Ѐ to Џ
                    0x90..=0x9F => [0xD0, low + 0x20], // А to П
                    0xA0..=0xAF => [0xD1, low - 0x20], // Р to Я
                    _ => [0xD0, low],
                });
                i += 2;
            }
            0xD1 if bytes[i + 1] < 0xA0 => {
                out.extend_from_slice(&bytes[i..i + 2]);
                i += 2;
            }
            // U+4000 to U+9FFF: no case.
            0xE4..=0xE9 => {
                out.extend_from_slice(&bytes[i..i + 3]);
                i += 3;
            }
            _ => {
                let char = text[i..].chars().next().expect("i stands before a character");
                if char == 'Σ' {
                    // Its lower case depends on what stands around it.
                    return text.to_lowercase();
                }
                let mut buffer = [0; 4];
                for low in char.to_lowercase() {
                    out.extend_from_slice(low.encode_utf8(&mut buffer).as_bytes());
                }
                i += char.len_utf8();
            }
        }
    }
    String::from_utf8(out).expect("whole characters were mapped to whole characters")
}

/// Length of the ASCII text at the start.
fn ascii_run(bytes: &[u8]) -> usize {
    let mut n = 0;
    while let Some(chunk) = bytes.get(n..n + 8) {
        let high = u64::from_le_bytes(chunk.try_into().expect("eight bytes")) & 0x8080_8080_8080_8080;
        if high != 0 {
            return n + high.trailing_zeros() as usize / 8;
        }
        n += 8;
    }
    n + bytes[n..].iter().take_while(|byte| byte.is_ascii()).count()
}

/// `str.isspace` for one character: what `str.split()` cuts at. Unlike Unicode's `White_Space`, the four separators U+001C to U+001F are among it.
pub fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

/// Whether `start..end` is a whole item of `text.split()`, if it holds no white space itself.
pub fn is_token(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let before = match start.checked_sub(1).map(|at| bytes[at]) {
        None => true,
        Some(byte) if byte.is_ascii() => is_space(byte as char),
        Some(_) => text[..start].chars().next_back().is_some_and(is_space),
    };
    before
        && match bytes.get(end) {
            None => true,
            Some(byte) if byte.is_ascii() => is_space(*byte as char),
            Some(_) => text[end..].chars().next().is_some_and(is_space),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character there is, alone and between letters, against the standard library.
    #[test]
    fn lower_is_unicode_lower() {
        for char in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("aA{char}Б ");
            assert_eq!(lower(&text), text.to_lowercase(), "U+{:04X}", u32::from(char));
        }
        assert_eq!(lower("ΟΔΟΣ Σ ΣΑ"), "οδος σ σα");
        assert_eq!(lower("İSTANBUL"), "i\u{307}stanbul");
        assert_eq!(lower(""), "");
    }

    /// The list of Python 3.11: `[c for c in map(chr, range(0x110000)) if c.isspace()]`.
    #[test]
    fn space_is_pythons_space() {
        let python: Vec<u32> = [0x09..=0x0d, 0x1c..=0x20, 0x85..=0x85, 0xa0..=0xa0, 0x1680..=0x1680, 0x2000..=0x200a]
            .into_iter()
            .chain([0x2028..=0x2029, 0x202f..=0x202f, 0x205f..=0x205f, 0x3000..=0x3000])
            .flatten()
            .collect();
        let ours: Vec<u32> = (0..=0x10ffff)
            .filter_map(char::from_u32)
            .filter(|&char| is_space(char))
            .map(u32::from)
            .collect();
        assert_eq!(ours, python);
    }

    #[test]
    fn tokens_end_at_white_space_only() {
        let text = "the liver, liver\u{3000}liver\u{1f}(liver) liver";
        let found: Vec<usize> = text
            .match_indices("liver")
            .map(|(at, _)| at)
            .filter(|&at| is_token(text, at, at + 5))
            .collect();
        let split: Vec<usize> = text
            .split(is_space)
            .filter(|token| *token == "liver")
            .map(|token| token.as_ptr() as usize - text.as_ptr() as usize)
            .collect();
        assert_eq!(found, split);
        assert_eq!(found.len(), 3);
    }
}

//! How vocabularies spell bytes.
//!
//! Byte-level BPE (Radford et al., 2019) writes every byte as one printable character: bytes that print stand for themselves, the others are
//! shifted to U+0100 and above in order. SentencePiece writes a space as `▁` and a byte that has no token of its own as `<0xNN>`.

use std::sync::LazyLock;

/// SentencePiece's space.
pub const SPACE_MARK: char = '\u{2581}';

static BYTE_TO_CHAR: LazyLock<[char; 256]> = LazyLock::new(|| {
    let mut shifted = 0u32;
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) {
            char::from(byte)
        } else {
            shifted += 1;
            char::from_u32(0xFF + shifted).expect("at most U+0144")
        }
    })
});

/// The character that byte-level BPE writes for a byte.
pub fn byte_to_char(byte: u8) -> char {
    BYTE_TO_CHAR[usize::from(byte)]
}

/// The byte that a character of byte-level BPE stands for, if it is one of the 256.
pub fn char_to_byte(character: char) -> Option<u8> {
    static CHAR_TO_BYTE: LazyLock<[Option<u8>; 0x144]> = LazyLock::new(|| {
        let mut table = [None; 0x144];
        for byte in 0..=255u8 {
            table[byte_to_char(byte) as usize] = Some(byte);
        }
        table
    });
    CHAR_TO_BYTE.get(character as usize).copied().flatten()
}

/// Text of a byte-level token → its bytes; `None` if a character stands for no byte.
pub fn from_byte_level(text: &str) -> Option<Vec<u8>> {
    text.chars().map(char_to_byte).collect()
}

/// `<0xNN>` → the byte.
pub fn from_byte_token(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(digits, 16).expect("two hexadecimal digits"))
}

/// Bytes that occur in UTF-8.
pub fn utf8_bytes() -> impl Iterator<Item = u8> {
    (0..=255u8).filter(|byte| !matches!(byte, 0xC0 | 0xC1 | 0xF5..=0xFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character() {
        for byte in 0..=255u8 {
            assert_eq!(char_to_byte(byte_to_char(byte)), Some(byte));
        }
        // The spellings that everyone knows from vocabularies of GPT-2.
        assert_eq!(
            (byte_to_char(b' '), byte_to_char(b'\n'), byte_to_char(b'\t'), byte_to_char(0xAD)),
            ('Ġ', 'Ċ', 'ĉ', 'Ń')
        );
        assert_eq!(from_byte_level("Ġhé"), Some(vec![b' ', b'h', 0xE9]));
        assert_eq!(from_byte_level("語"), None);
    }

    #[test]
    fn byte_tokens_are_exactly_two_hexadecimal_digits() {
        assert_eq!(from_byte_token("<0x0A>"), Some(10));
        for text in ["<0xA>", "<0x+A>", "<0x00", "0x00", "<0xGG>"] {
            assert_eq!(from_byte_token(text), None, "{text}");
        }
    }
}

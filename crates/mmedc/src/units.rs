//! What of a text counts when texts are compared: its letters and digits, in a normal form, as words or as characters.
//!
//! Normal form: Unicode NFKC (full-width letters, ligatures and half-width kana become the ordinary ones), lower case; combining marks that
//! NFKC leaves, soft hyphens and zero-width characters are dropped; everything else that is no letter and no digit only separates words.
//! A text most of whose letters are Chinese characters or kana has no spaces to go by: its units are single characters. Which of the two
//! applies depends on the text alone, so that copies declared in different languages are still found.
//!
//! Next: [`crate::dedup`] and [`crate::contamination`] compare runs of units by their [`rolling`] hashes.

use std::sync::LazyLock;

use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Word,
    Character,
}

/// A text in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// Words with one space between them, or characters with none.
    pub normal: String,
    /// Which of the two.
    pub unit: Unit,
    /// A 64-bit hash of each unit.
    pub hashes: Vec<u64>,
}

impl Units {
    /// Cuts `text`.
    pub fn new(text: &str) -> Units {
        let mut letters = Letters::default();
        let mut normal = String::with_capacity(text.len() + 1);
        if !letters.add_all(&mut normal, text.chars(), Class::of) {
            // Something here depends on its neighbours: once more, by the book.
            (letters, normal) = (Letters::default(), String::with_capacity(text.len() + 1));
            letters.add_all(&mut normal, text.nfkc(), Class::of_normal);
        }
        if normal.ends_with(' ') {
            normal.pop();
        }
        let unit = if 2 * letters.ideographic > letters.all {
            normal.retain(|letter| letter != ' ');
            Unit::Character
        } else {
            Unit::Word
        };
        let hashes = match unit {
            Unit::Word => words(&normal).map(|word| xxh3_64(word.as_bytes())).collect(),
            Unit::Character => normal.chars().map(|letter| mix(u64::from(u32::from(letter)) + 1)).collect(),
        };
        Units { normal, unit, hashes }
    }

    /// Text of `count` units from the one numbered `first`, in normal form.
    pub fn text(&self, first: usize, count: usize) -> String {
        match self.unit {
            Unit::Word => words(&self.normal).skip(first).take(count).collect::<Vec<_>>().join(" "),
            Unit::Character => self.normal.chars().skip(first).take(count).collect(),
        }
    }

    /// 128 bits that texts of the same normal form share. A text without letters and digits stands for itself.
    pub fn exact_hash(&self, text: &str) -> u128 {
        match self.normal.as_str() {
            "" => xxh3_128(text.as_bytes()),
            normal => xxh3_128(normal.as_bytes()),
        }
    }
}

fn words(normal: &str) -> impl Iterator<Item = &str> {
    normal.split(' ').filter(|word| !word.is_empty())
}

/// What a character contributes to the normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Separator,
    Dropped,
    /// A letter or digit, in lower case.
    Letter(char),
    /// The same, written without spaces between words.
    Ideograph(char),
    /// More than one character, or one that may join another.
    Complex,
}

impl Class {
    /// Of a character of any text, where its neighbours cannot matter: a table for the first 65,536, and for others by the book.
    fn of(letter: char) -> Class {
        static TABLE: LazyLock<Vec<Class>> = LazyLock::new(|| {
            (0..=0xFFFF)
                .map(|code| char::from_u32(code).map_or(Class::Separator, Class::look_up))
                .collect()
        });
        match TABLE.get(letter as usize) {
            Some(class) => *class,
            None => Class::look_up(letter),
        }
    }

    /// Only characters whose own NFKC is one character that joins none qualify, and those of which only punctuation is left. (Two such
    /// characters never join: the second of a pair that does has the quick-check value Maybe, Unicode annex 15.)
    fn look_up(letter: char) -> Class {
        if canonical_combining_class(letter) != 0 || is_nfkc_quick(std::iter::once(letter)) == IsNormalized::Maybe {
            return Class::Complex;
        }
        let mut all = std::iter::once(letter).nfkc().map(|letter| {
            let joins = canonical_combining_class(letter) != 0 || is_nfkc_quick(std::iter::once(letter)) != IsNormalized::Yes;
            if joins { Class::Complex } else { Class::of_normal(letter) }
        });
        match (all.next(), all.next()) {
            (Some(only), None) => only,
            (Some(Class::Separator), Some(Class::Separator)) if all.all(|class| class == Class::Separator) => Class::Separator,
            _ => Class::Complex,
        }
    }

    /// Of a character of a text in NFKC; never complex.
    fn of_normal(letter: char) -> Class {
        if letter.is_ascii() {
            if letter.is_ascii_alphanumeric() {
                Class::Letter(letter.to_ascii_lowercase())
            } else {
                Class::Separator
            }
        } else if is_ideographic(letter) {
            Class::Ideograph(letter)
        } else if letter.is_alphanumeric() {
            // Lower case may be spelled with a combining mark (İ), which goes.
            let lower = letter.to_lowercase().find(|letter| !is_combining_mark(*letter));
            lower.map_or(Class::Dropped, Class::Letter)
        } else if is_combining_mark(letter) || matches!(letter, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}') {
            Class::Dropped
        } else {
            Class::Separator
        }
    }
}

/// Counts of letters and digits seen.
#[derive(Default)]
struct Letters {
    all: usize,
    ideographic: usize,
}

impl Letters {
    /// False where a character is complex: then what was added is of no use.
    fn add_all(&mut self, normal: &mut String, text: impl Iterator<Item = char>, class: impl Fn(char) -> Class) -> bool {
        for letter in text {
            match class(letter) {
                Class::Letter(lower) => normal.push(lower),
                Class::Ideograph(letter) => {
                    normal.push(letter);
                    self.ideographic += 1;
                }
                Class::Separator => {
                    separate(normal);
                    continue;
                }
                Class::Dropped => continue,
                Class::Complex => return false,
            }
            self.all += 1;
        }
        true
    }
}

fn separate(normal: &mut String) {
    if !normal.is_empty() && !normal.ends_with(' ') {
        normal.push(' ');
    }
}

/// Chinese characters and kana. Hangul is not among them: Korean writes spaces.
fn is_ideographic(letter: char) -> bool {
    matches!(letter, '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}'
        | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Spreads the bits (the finaliser of MurmurHash3, 64 bits; public domain constants).
pub fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    value = (value ^ (value >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    value ^ (value >> 33)
}

/// Hashes of all runs of `length` units, in order: a polynomial of the units' hashes modulo 2^64, moved along, then mixed. None if there are
/// fewer units.
pub fn rolling(units: &[u64], length: usize) -> impl Iterator<Item = u64> {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15; // odd, so that no power of it is lost
    let leaving = (1..length).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let enough = length > 0 && units.len() >= length;
    let (first, rest) = if enough { units.split_at(length - 1) } else { (&[][..], &[][..]) };
    let mut value = first.iter().fold(0u64, |value, unit| value.wrapping_mul(BASE).wrapping_add(*unit));
    rest.iter().zip(units).map(move |(entering, left)| {
        let full = value.wrapping_mul(BASE).wrapping_add(*entering);
        value = full.wrapping_sub(left.wrapping_mul(leaving));
        mix(full ^ length as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_form_keeps_what_is_read() {
        let normal = |text: &str| Units::new(text).normal;
        assert_eq!(normal("  Fever,\n and COUGH! "), "fever and cough");
        assert_eq!(normal("L’œdème – ﬁèvre"), "l œdème fièvre");
        assert_eq!(normal("1.5 mg"), "1 5 mg");
        assert_eq!(normal("за\u{301}мок Ёлка"), "замок ёлка");
        assert_eq!(normal("e\u{301}te\u{301}"), "été");
        assert_eq!(normal("co\u{AD}op\u{200B}er"), "cooper");
        assert_eq!(normal("İstanbul"), "istanbul");
        assert_eq!(normal("結核、 ＭＤＲ－ＴＢ の治療法"), "結核mdrtbの治療法");
        assert_eq!(normal("ｶﾞﾝの治療"), "ガンの治療");
        assert_eq!(normal("…!?"), "");
        assert_eq!(Units::new("結核は tuberculosis").unit, Unit::Word, "most letters are Latin");
        assert_eq!(Units::new("結核は感染症 TB").unit, Unit::Character);
    }

    #[test]
    fn the_table_changes_nothing() {
        let by_the_book = |text: &str| {
            let mut normal = String::new();
            assert!(Letters::default().add_all(&mut normal, text.nfkc(), Class::of_normal));
            normal.trim_end().to_owned()
        };
        let quickly = |text: &str| {
            let mut normal = String::new();
            let simple = Letters::default().add_all(&mut normal, text.chars(), Class::of);
            simple.then(|| normal.trim_end().to_owned())
        };
        let mut simple = 0;
        for letter in (0..0x3_0000).filter_map(char::from_u32) {
            // Lower case is one letter and its marks.
            assert!(
                letter.to_lowercase().filter(|lower| !is_combining_mark(*lower)).count() <= 1,
                "{letter:?}"
            );
            for text in [
                format!("e{letter}か"),
                format!("{letter}\u{301}"),
                format!("{letter}ᅡ {letter}{letter}"),
                format!("1{letter}ﾞ"),
            ] {
                if let Some(normal) = quickly(&text) {
                    assert_eq!(normal, by_the_book(&text), "{text:?}");
                    simple += 1;
                }
            }
        }
        assert!(simple > 150_000, "most characters are simple: {simple}");
    }

    #[test]
    fn equal_forms_share_a_hash_and_symbols_stand_for_themselves() {
        let hash = |text: &str| Units::new(text).exact_hash(text);
        assert_eq!(hash("Fever, and cough."), hash("fever AND cough"));
        assert_ne!(hash("fever and cough"), hash("fever and coughs"));
        assert_ne!(hash("!!!"), hash("???"));
        assert_ne!(hash(""), hash("-"));
    }

    #[test]
    fn runs_are_texts() {
        let words = Units::new("One, two; three four");
        assert_eq!([words.text(0, 2), words.text(1, 3)], ["one two", "two three four"]);
        let characters = Units::new("結核の治療");
        assert_eq!([characters.text(0, 2), characters.text(3, 2)], ["結核", "治療"]);
    }

    #[test]
    fn equal_runs_have_equal_hashes_wherever_they_stand() {
        let units: Vec<u64> = (0..200u64).map(|n| mix(n % 23)).collect();
        for length in [1, 2, 5, 13] {
            let hashes: Vec<u64> = rolling(&units, length).collect();
            assert_eq!(hashes.len(), units.len() - length + 1);
            for i in 0..hashes.len() {
                for j in 0..hashes.len() {
                    assert_eq!(
                        hashes[i] == hashes[j],
                        units[i..i + length] == units[j..j + length],
                        "{length}: {i}, {j}"
                    );
                }
            }
        }
        assert_eq!(rolling(&units[..3], 4).count(), 0);
        assert_eq!(rolling(&units[..4], 4).count(), 1);
        assert_eq!(rolling(&[], 1).count(), 0);
    }
}

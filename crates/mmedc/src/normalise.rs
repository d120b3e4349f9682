//! Normalisation of characters: one Unicode form, one line break, nothing that cannot be seen; what is broken is counted.
//!
//! - Unicode form NFC, or NFKC where asked for (which also writes ﬁ as fi and ＤＮＡ as DNA, and changes what m² means).
//! - CR LF, CR, and the separators VT, FF, NEL, LS, PS become LF.
//! - Control characters but tab and LF, and noncharacters, are removed.
//! - Invisible format characters are removed: soft hyphen, zero-width space, word joiner, byte order mark, marks of direction. The joiners
//!   ZWJ and ZWNJ stay, for scripts need them.
//! - U+FFFD (a broken character that someone replaced) and sequences that are UTF-8 read as Latin-1 or Windows-1252 ("Ã©") are
//!   counted, not changed: what they were is not known for sure.

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfkc};

use crate::{Counts, Document, Step, Verdict};

/// Which Unicode normalisation form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    #[default]
    Nfc,
    Nfkc,
}

/// The step. Counts `line_breaks`, `control_characters`, `invisible_characters`, `replacement_characters`, `mojibake_sequences`, and
/// documents: `mojibake_documents`, `changed_documents`.
pub struct Normalise {
    form: Form,
}

impl Normalise {
    pub fn new(form: Form) -> Normalise {
        Normalise { form }
    }

    /// Normalises a text; none where nothing changes.
    pub fn normalise(&self, text: &str, counts: &mut Counts) -> Option<String> {
        let cleaned = clean(text, counts);
        let text = cleaned.as_deref().unwrap_or(text);
        match self.form {
            _ if text.is_ascii() => cleaned,
            Form::Nfc if is_nfc(text) => cleaned,
            Form::Nfkc if is_nfkc(text) => cleaned,
            Form::Nfc => Some(text.nfc().collect()),
            Form::Nfkc => Some(text.nfkc().collect()),
        }
    }
}

impl Step for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn apply(&self, document: &mut Document, counts: &mut Counts) -> Verdict {
        if let Some(text) = self.normalise(&document.text, counts) {
            document.text = text;
            counts.add("changed_documents", 1);
        }
        Verdict::Keep
    }
}

enum Kind {
    Keep,
    LineBreak,
    Control,
    Invisible,
}

fn kind(char: char) -> Kind {
    match char {
        '\n' | '\t' | ' '..='\u{7e}' => Kind::Keep,
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Kind::LineBreak,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fdd0}'..='\u{fdef}' => Kind::Control,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' => Kind::Invisible,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' => Kind::Invisible,
        // The last two of every plane.
        _ if u32::from(char) & 0xfffe == 0xfffe => Kind::Control,
        _ => Kind::Keep,
    }
}

/// What Windows-1252 shows for the bytes 0x80 to 0xBF, which follow the first byte of a character in UTF-8.
fn is_continuation_misread(char: char) -> bool {
    matches!(char, '\u{80}'..='\u{bf}') || "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ".contains(char)
}

/// What Latin-1 shows for the first bytes of Latin, Greek and Cyrillic letters and of punctuation in UTF-8. `Â` and `â` are letters of
/// French too, but no continuation follows them there in a word; a quotation mark may follow any of them, so that alone is no sign.
fn is_lead_misread(char: char) -> bool {
    matches!(char, 'Â' | 'Ã' | 'Ä' | 'Å' | 'Î' | 'Ï' | 'Ð' | 'Ñ' | 'â')
}

fn clean(text: &str, counts: &mut Counts) -> Option<String> {
    let (mut replaced, mut mojibake, mut dirty) = (0, 0, false);
    let mut before = ' ';
    for char in text.chars() {
        if char.is_ascii() {
            dirty |= !matches!(char, '\n' | '\t' | ' '..='\u{7e}');
        } else {
            dirty |= !matches!(kind(char), Kind::Keep);
            replaced += u64::from(char == char::REPLACEMENT_CHARACTER);
            let quoted = matches!(char, '“' | '”' | '‘' | '’' | '«' | '»' | '—' | '–' | '…' | '\u{a0}' | '·' | '°');
            if is_lead_misread(before) && is_continuation_misread(char) && (!quoted || before == 'Ã') {
                mojibake += 1;
            }
        }
        before = char;
    }
    for (name, n) in [("replacement_characters", replaced), ("mojibake_sequences", mojibake)] {
        if n > 0 {
            counts.add(name, n);
        }
    }
    if mojibake > 0 {
        counts.add("mojibake_documents", 1);
    }
    dirty.then(|| rewrite(text, counts))
}

fn rewrite(text: &str, counts: &mut Counts) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut breaks, mut controls, mut invisible) = (0, 0, 0);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match kind(char) {
            Kind::Keep => out.push(char),
            Kind::LineBreak => {
                if char == '\r' && chars.peek() == Some(&'\n') {
                    chars.next();
                }
                out.push('\n');
                breaks += 1;
            }
            Kind::Control => controls += 1,
            Kind::Invisible => invisible += 1,
        }
    }
    for (name, n) in [
        ("line_breaks", breaks),
        ("control_characters", controls),
        ("invisible_characters", invisible),
    ] {
        if n > 0 {
            counts.add(name, n);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalise(form: Form, text: &str) -> (Option<String>, Counts) {
        let mut counts = Counts::default();
        (Normalise::new(form).normalise(text, &mut counts), counts)
    }

    fn counts(pairs: &[(&str, u64)]) -> Counts {
        Counts(pairs.iter().map(|(name, n)| (name.to_string(), *n)).collect())
    }

    #[test]
    fn clean_text_is_left_as_it_is() {
        for text in [
            "",
            "The lung.\n\tNext.",
            "L’été, « déjà »",
            "肺炎は、",
            "Лёгкие",
            "क्‍ष",
            "👩‍⚕️",
            "Âge, ANÂ’A, « Â »",
        ] {
            assert_eq!(normalise(Form::Nfc, text), (None, Counts::default()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_seen_goes_and_is_counted() {
        let (text, seen) = normalise(
            Form::Nfc,
            "\u{feff}a\u{0}b\r\nc\rd\u{2028}e\u{ad}f\u{200b}g\u{202e}h\u{9f}\u{ffff}\u{c}",
        );
        assert_eq!(text.unwrap(), "ab\nc\nd\nefgh\n");
        assert_eq!(
            seen,
            counts(&[("control_characters", 3), ("invisible_characters", 4), ("line_breaks", 4)])
        );
    }

    #[test]
    fn one_form() {
        assert_eq!(normalise(Form::Nfc, "e\u{301}te\u{301}").0.unwrap(), "été");
        assert_eq!(normalise(Form::Nfc, "か\u{3099}").0.unwrap(), "が");
        assert_eq!(normalise(Form::Nfc, "ＤＮＡ ﬁ m²").0, None);
        assert_eq!(normalise(Form::Nfkc, "ＤＮＡ ﬁ m²").0.unwrap(), "DNA fi m2");
    }

    #[test]
    fn broken_encodings_are_counted_and_left() {
        let broken: String = "déjà vu à l’hôpital".bytes().map(char::from).collect();
        let (_, seen) = normalise(Form::Nfc, &broken);
        assert_eq!(seen.0["mojibake_documents"], 1);
        assert!(seen.0["mojibake_sequences"] >= 4, "{seen:?}");
        let (text, seen) = normalise(Form::Nfc, "hÃ´pital d\u{fffd}j\u{fffd}");
        assert_eq!(text, None);
        assert_eq!(
            seen,
            counts(&[("mojibake_documents", 1), ("mojibake_sequences", 1), ("replacement_characters", 2)])
        );
    }

    /// Whatever comes in, what comes out stays as it is when it comes in again.
    #[test]
    fn twice_is_once() {
        let pieces = [
            "e", "\u{301}", "\r", "\n", "\u{200b}", "ﬁ", "が", "\u{3099}", "\u{1}", "Ａ", "\u{1100}", "\u{1161}", " ",
        ];
        let mut state = 3u64;
        for _ in 0..2000 {
            let text: String = (0..12)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    pieces[(state >> 33) as usize % pieces.len()]
                })
                .collect();
            for form in [Form::Nfc, Form::Nfkc] {
                let once = normalise(form, &text).0.unwrap_or(text.clone());
                assert_eq!(normalise(form, &once).0, None, "{form:?} {text:?}");
            }
        }
    }
}

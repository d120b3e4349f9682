//! Is an answer written in the question's language?
//!
//! By script first, because that cannot be wrong for long: kana says Japanese, Chinese characters without kana Chinese, Cyrillic Russian.
//! English, French and Spanish share theirs; among them `whichlang` (a small linear model on character n-grams) decides, or, in builds
//! without the feature `linguistics`, the short words and marks of [`Language::guess`]. What must hold: a text too short to tell is `None`,
//! counted apart and never as a fault.

use crate::Language;

/// Letters that a text must have for its language to be told, in Latin and Cyrillic script; a Chinese or Japanese character says more and
/// counts as three.
pub const FEWEST_LETTERS: usize = 12;

/// How texts of one language came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consistency {
    pub same: usize,
    pub other: usize,
    /// Too short, or in a script of none of the six languages.
    pub unclear: usize,
}

impl Consistency {
    /// Counts one text that should be in `language`.
    pub fn count(&mut self, text: &str, language: Language) {
        *match language_of(text) {
            Some(found) if found == language => &mut self.same,
            Some(_) => &mut self.other,
            None => &mut self.unclear,
        } += 1;
    }

    /// Share of the texts whose language could be told.
    pub fn share(&self) -> Option<f64> {
        let told = self.same + self.other;
        (told > 0).then(|| self.same as f64 / told as f64)
    }
}

/// Which of the six languages `text` is mostly written in.
pub fn language_of(text: &str) -> Option<Language> {
    let (mut kana, mut han, mut cyrillic, mut latin) = (0, 0, 0, 0);
    for c in text.chars() {
        match c {
            '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{ff66}'..='\u{ff9d}' => kana += 1,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => han += 1,
            '\u{0400}'..='\u{04ff}' => cyrillic += 1,
            c if c.is_ascii_alphabetic() || ('À'..='ɏ').contains(&c) => latin += 1,
            _ => {}
        }
    }
    let eastern = 3 * (kana + han);
    if eastern.max(cyrillic).max(latin) < FEWEST_LETTERS {
        return None;
    }
    if eastern >= cyrillic.max(latin) {
        // Japanese prose has kana in every clause; a borrowed word or two in Chinese text has not.
        return Some(if kana * 10 > han { Language::Japanese } else { Language::Chinese });
    }
    if cyrillic > latin {
        return Some(Language::Russian);
    }
    latin_language(text)
}

#[cfg(feature = "linguistics")]
fn latin_language(text: &str) -> Option<Language> {
    match whichlang::detect_language(text) {
        whichlang::Lang::Eng => Some(Language::English),
        whichlang::Lang::Fra => Some(Language::French),
        whichlang::Lang::Spa => Some(Language::Spanish),
        _ => None,
    }
}

#[cfg(not(feature = "linguistics"))]
fn latin_language(text: &str) -> Option<Language> {
    Some(Language::guess(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_each_language_and_of_none() {
        for (text, language) in [
            ("The patient should be treated with aspirin.", Some(Language::English)),
            ("Le patient doit être traité par aspirine.", Some(Language::French)),
            ("El paciente debe ser tratado con aspirina.", Some(Language::Spanish)),
            ("Пациенту следует назначить аспирин.", Some(Language::Russian)),
            ("该患者应使用阿司匹林治疗。", Some(Language::Chinese)),
            ("この患者にはアスピリンを投与する。", Some(Language::Japanese)),
            ("该患者应服用 aspirin 治疗，每日一次。", Some(Language::Chinese)),
            ("C", None),
            ("", None),
            ("12.5 mg", None),
        ] {
            assert_eq!(language_of(text), language, "{text}");
        }
        let mut seen = Consistency::default();
        seen.count("The patient should be treated.", Language::French);
        seen.count("A", Language::French);
        assert_eq!((seen.other, seen.unclear, seen.share()), (1, 1, Some(0.0)));
    }
}

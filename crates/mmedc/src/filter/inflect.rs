//! Inflected forms of a keyword: what stays the same at its start, and the endings that may follow.
//!
//! Keywords are listed in one form; texts use them all. Each word of a keyword becomes one or two *stems* with the endings of its class.
//! The classes are told by the word's own ending: for Russian the declensions of nouns and adjectives, with the vowel that comes and goes
//! in клетка, клеток; for Spanish number and gender; for English and French the plural and the feminine. No dictionary: a few unrelated words get in
//! (белка, squirrel, is also the genitive of белок, protein), irregular plurals stay out. Held against the Snowball stemmers in
//! `tests/inflection.rs`. Words come folded ([`fold`]).

use super::python_text::lower;
use crate::Language;

/// A beginning, and what may stand between it and the word's end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stem {
    pub stem: String,
    pub endings: &'static [&'static str],
}

/// Lower-cases, and writes alike what the language writes both ways: in Spanish vowels with and without accent (infección, infecciones), in
/// Russian ё and е. Every character stays one character.
pub fn fold(language: Language, text: &str) -> String {
    let lowered = lower(text);
    match language {
        Language::Es if memchr::memchr(0xC3, lowered.as_bytes()).is_some() => {
            let mut out = Vec::with_capacity(lowered.len());
            let mut rest = lowered.as_bytes();
            while let Some(at) = memchr::memchr(0xC3, rest) {
                out.extend_from_slice(&rest[..at]);
                match rest[at + 1] {
                    0xA1 => out.push(b'a'),
                    0xA9 => out.push(b'e'),
                    0xAD => out.push(b'i'),
                    0xB3 => out.push(b'o'),
                    0xBA | 0xBC => out.push(b'u'),
                    other => out.extend_from_slice(&[0xC3, other]),
                }
                rest = &rest[at + 2..];
            }
            out.extend_from_slice(rest);
            String::from_utf8(out).expect("whole characters were replaced by whole characters")
        }
        Language::Ru if lowered.contains('ё') => lowered.replace('ё', "е"),
        _ => lowered,
    }
}

/// Stems of one word, folded. The first is the word's own.
pub fn stems(language: Language, word: &str) -> Vec<Stem> {
    match language {
        Language::En => vec![english(word)],
        Language::Es => vec![spanish(word)],
        Language::Fr => vec![french(word)],
        Language::Ru => russian(word),
        Language::Zh | Language::Ja => vec![cut(word, 0, &[""])],
    }
}

/// The word less its last `n` characters.
fn cut(word: &str, n: usize, endings: &'static [&'static str]) -> Stem {
    let end = word.char_indices().rev().nth(n.wrapping_sub(1)).map_or(word.len(), |(at, _)| at);
    Stem {
        stem: word[..end].into(),
        endings,
    }
}

fn ends(word: &str, endings: &[&str]) -> bool {
    endings.iter().any(|ending| word.ends_with(ending))
}

fn english(word: &str) -> Stem {
    let n = word.chars().count();
    let consonant_y = word.ends_with('y') && !ends(word, &["ay", "ey", "oy", "uy"]);
    match () {
        _ if n >= 6 && word.ends_with("is") => cut(word, 2, &["is", "es"]),
        _ if n >= 4 && consonant_y => cut(word, 1, &["y", "ies"]),
        _ if n >= 5 && word.ends_with('s') && !ends(word, &["ss", "us", "is"]) => cut(word, 1, &["", "s"]),
        _ if ends(word, &["s", "x", "z", "ch", "sh"]) => cut(word, 0, &["", "es"]),
        _ => cut(word, 0, &["", "s"]),
    }
}

fn spanish(word: &str) -> Stem {
    let n = word.chars().count();
    match () {
        _ if n < 4 => {
            if word == "gen" {
                cut(word, 0, &["", "es"])
            } else {
                cut(word, 0, &[""])
            }
        }
        _ if ends(word, &["o", "a"]) => cut(word, 1, &["o", "a", "os", "as"]),
        _ if ends(word, &["os", "as"]) => cut(word, 2, &["o", "a", "os", "as"]),
        _ if word == "genes" || (n >= 7 && word.ends_with("es")) => cut(word, 2, &["", "es"]),
        _ if word.ends_with('z') => cut(word, 1, &["z", "ces"]),
        _ if word.ends_with('s') => cut(word, 0, &[""]),
        _ if word.ends_with("or") => cut(word, 0, &["", "a", "es", "as"]),
        _ if ends(word, &["e", "i", "u"]) => cut(word, 0, &["", "s"]),
        _ => cut(word, 0, &["", "es"]),
    }
}

fn french(word: &str) -> Stem {
    let n = word.chars().count();
    match () {
        _ if n < 4 => cut(word, 0, &[""]),
        _ if word.ends_with("al") => cut(word, 2, &["al", "ale", "aux", "ales"]),
        _ if word.ends_with("eux") => cut(word, 1, &["x", "se", "ses"]),
        _ if word.ends_with("if") => cut(word, 1, &["f", "fs", "ve", "ves"]),
        _ if word.ends_with("ive") => cut(word, 2, &["f", "fs", "ve", "ves"]),
        _ if ends(word, &["au", "eu"]) => cut(word, 0, &["", "x"]),
        _ if word.ends_with("es") => cut(word, 2, &["e", "es"]),
        _ if word.ends_with('s') => cut(word, 1, &["", "s"]),
        _ if word.ends_with('e') => cut(word, 1, &["e", "es"]),
        _ if word.ends_with('é') => cut(word, 0, &["", "s", "e", "es"]),
        _ => cut(word, 0, &["", "s", "e", "es"]),
    }
}

/// Declension of adjectives.
const RU_ADJECTIVE: &[&str] = &[
    "ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые", "ие", "ого", "его", "ому", "ему", "ым", "им", "ом", "ем", "ых", "их", "ыми", "ими",
    "ую", "юю", "ою", "ею", "ей",
];
/// Nouns in -ия and in -ие.
const RU_IYA: &[&str] = &["ия", "ии", "ию", "ией", "иею", "ий", "иям", "иями", "иях"];
const RU_IYE: &[&str] = &["ие", "ия", "ию", "ием", "ии", "ий", "иям", "иями", "иях"];
const RU_A: &[&str] = &["а", "ы", "и", "е", "у", "ой", "ою", "ей", "ею", "ам", "ами", "ах", ""];
const RU_YA: &[&str] = &["я", "и", "е", "ю", "ей", "ею", "ям", "ями", "ях", "ь", ""];
const RU_O: &[&str] = &["о", "а", "у", "ом", "е", "ам", "ами", "ах", ""];
const RU_E: &[&str] = &["е", "а", "я", "у", "ю", "ем", "ам", "ями", "ям", "ами", "ах", "ях", ""];
const RU_SOFT: &[&str] = &["ь", "и", "я", "ю", "е", "ем", "ью", "ей", "ям", "ями", "ях"];
const RU_SHORT_I: &[&str] = &["й", "я", "ю", "ем", "е", "и", "ев", "ям", "ями", "ях"];
const RU_HARD: &[&str] = &["", "а", "у", "ом", "ем", "е", "ы", "и", "ов", "ев", "ей", "ам", "ами", "ах"];
/// Of a noun listed in the plural only the stem's last consonant is known.
const RU_PLURAL: &[&str] = &["и", "ы", "", "а", "у", "е", "ой", "ом", "ов", "ев", "ей", "ам", "ами", "ах"];

fn russian(word: &str) -> Vec<Stem> {
    let n = word.chars().count();
    let is_vowel = |char: char| "аеиоуыэюя".contains(char);
    let before = |k: usize| word.chars().rev().nth(k);
    if !word.chars().any(is_vowel) {
        // ДНК, РНК: not declined.
        return vec![cut(word, 0, &[""])];
    }
    if n >= 5 && ends(word, &["ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые"]) {
        return vec![cut(word, 2, RU_ADJECTIVE)];
    }
    if n >= 5 && ends(word, &["ия", "ии"]) {
        return vec![cut(word, 2, RU_IYA)];
    }
    if n >= 5 && word.ends_with("ие") {
        // Nouns of this kind end in -ние, -тие, -вие; adjectives in the plural in -кие, -гие, -хие.
        let adjective = before(2).is_some_and(|char| "кгхшщж".contains(char));
        return vec![cut(word, 2, if adjective { RU_ADJECTIVE } else { RU_IYE })];
    }
    // The vowel that comes between two consonants where no ending follows: клетка, клеток; почки, почек.
    let fleeting = |n: usize| -> Option<Stem> {
        let (k, c) = (before(n)?, before(n + 1)?);
        (k == 'к' && !is_vowel(c) && c != 'ь' && c != 'й').then(|| cut(word, n + 1, &["ок", "ек"]))
    };
    match before(0) {
        Some('а') => [Some(cut(word, 1, RU_A)), fleeting(1)].into_iter().flatten().collect(),
        Some('и' | 'ы') => [Some(cut(word, 1, RU_PLURAL)), fleeting(1)].into_iter().flatten().collect(),
        Some('я') => vec![cut(word, 1, RU_YA)],
        Some('о') => vec![cut(word, 1, RU_O)],
        Some('е') => vec![cut(word, 1, RU_E)],
        Some('ь') => vec![cut(word, 1, RU_SOFT)],
        Some('й') => vec![cut(word, 1, RU_SHORT_I)],
        Some('к' | 'ц') if n >= 5 && matches!(before(1), Some('о' | 'е')) && before(2).is_some_and(|c| !is_vowel(c)) => {
            // белок, белка: the stem of the other cases lacks the vowel.
            let mut other = cut(word, 2, RU_HARD);
            other.stem.extend(before(0));
            vec![cut(word, 0, RU_HARD), other]
        }
        _ => vec![cut(word, 0, RU_HARD)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(language: Language, keyword: &str, word: &str) -> bool {
        let word = fold(language, word);
        stems(language, &fold(language, keyword))
            .iter()
            .any(|stem| word.strip_prefix(&stem.stem).is_some_and(|rest| stem.endings.contains(&rest)))
    }

    /// Forms out of grammars, and words that only begin alike.
    #[test]
    fn forms_of_a_word_match_and_other_words_do_not() {
        for (language, keyword, forms, others) in [
            (
                Language::Ru,
                "инфекция",
                "инфекции инфекцию инфекцией инфекций инфекциям инфекциях",
                "инфекционный",
            ),
            (Language::Ru, "клетка", "клетки клетку клеток клетками клетке", "клеточный"),
            (Language::Ru, "почки", "почек почками почках", "почва"),
            (Language::Ru, "белок", "белка белков белками", "белый"),
            (Language::Ru, "ген", "гена гены генов генами", "гений генерал"),
            (Language::Ru, "рак", "рака раком раке", "ракета"),
            (Language::Ru, "кровь", "крови кровью", "кровать"),
            (Language::Ru, "генетический", "генетическая генетического генетических", "генетика"),
            (Language::Ru, "лечение", "лечения лечению лечением", "лечебный"),
            (Language::Ru, "лёгкие", "легких лёгкими", "легко"),
            (Language::Ru, "ДНК", "днк", "днка"),
            (Language::Ru, "печень", "печени печенью", "печенье"),
            (Language::Ru, "здоровье", "здоровья здоровью", "здоровый"),
            (Language::Es, "infección", "infecciones INFECCIÓN infeccion", "infeccioso"),
            (Language::Es, "médico", "médica médicos médicas", "medicamento"),
            (Language::Es, "doctor", "doctora doctores", "doctorado"),
            (Language::Es, "genes", "gen", "genial"),
            (Language::Es, "enfermedad", "enfermedades", "enfermero"),
            (Language::Es, "virus", "virus", "viruses"),
            (Language::En, "biopsy", "biopsies", "biopsied"),
            (Language::En, "symptom", "symptoms", "symptomatic"),
            (Language::En, "diagnosis", "diagnoses", "diagnostic"),
            (Language::En, "virus", "viruses", "viral"),
            (Language::Fr, "cellule", "cellules", "cellulaire"),
            (Language::Fr, "tissu", "tissus", "tisser"),
        ] {
            assert!(matches(language, keyword, keyword), "{keyword} itself");
            for form in forms.split(' ') {
                assert!(matches(language, keyword, form), "{form} is a form of {keyword}");
            }
            for other in others.split(' ') {
                assert!(!matches(language, keyword, other), "{other} is no form of {keyword}");
            }
        }
    }

    #[test]
    fn folding_keeps_the_number_of_characters() {
        for (language, text) in [
            (Language::Es, "PINGÜINO, niño, ÁÉÍÓÚ ç"),
            (Language::Ru, "Ёлка, лёгкие"),
            (Language::Fr, "ÉTÉ où"),
            (Language::Zh, "DNA与肺"),
        ] {
            assert_eq!(fold(language, text).chars().count(), text.chars().count(), "{text}");
        }
        assert_eq!(fold(Language::Es, "PINGÜINO, niño, ÁÉÍÓÚ ç"), "pinguino, niño, aeiou ç");
        assert_eq!(fold(Language::Fr, "ÉTÉ"), "été");
    }
}

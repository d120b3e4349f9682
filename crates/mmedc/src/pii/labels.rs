//! Where the words stand that say of a number whose it is. All places where a label may begin are found in one pass over the text; the
//! patterns are then tried there alone.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;

/// Labels after which a number is a telephone number, in the six languages.
pub const PHONE_LABELS: &str = r"tel(?:e(?:phone|fax)?|éfonos?|efonos?)?|t(?:é|e)l(?:(?:é|e)phone)?|phone|mobile|fax|móvil|тел(?:ефон)?|факс|电话|電話|手机|传真|携帯|☎";
/// How each of them begins.
const PHONE_BEGINNINGS: [&str; 13] = [
    "tel", "tél", "phone", "mobile", "fax", "móv", "тел", "фак", "电话", "電話", "手机", "传真", "携帯",
];
/// Labels after which a number is that of a patient's file or insurance.
pub const RECORD_LABELS: &str = r"MRN|medical record (?:number|no\.?|#)|patient (?:id|number|no\.?)|(?:ssn|social security (?:number|no\.?))|nhs (?:number|no\.?)|n(?:°|º|um(?:é|e)ro) de (?:dossier|patient|s(?:é|e)curit(?:é|e) sociale)|nir|n(?:°|º|\.º|(?:ú|u)mero) de (?:historia(?: cl(?:í|i)nica)?|expediente|afiliaci(?:ó|o)n)|nhc|(?:№|номер) (?:истории болезни|карты|полиса)|истори[яи] болезни №|снилс|病历号|病案号|住院号|门诊号|身份证号码?|患者ID|患者番号|カルテ番号|診察券番号";
/// How each of them begins.
const RECORD_BEGINNINGS: [&str; 28] = [
    "mrn",
    "medical record ",
    "patient id",
    "patient nu",
    "patient no",
    "ssn",
    "soc",
    "nhs n",
    "n°",
    "nº",
    "numé",
    "nume",
    "nir",
    "n.º",
    "núm",
    "nhc",
    "№",
    "ном",
    "ист",
    "сни",
    "病历号",
    "病案号",
    "住院号",
    "门诊号",
    "身份证号",
    "患者",
    "カルテ番号",
    "診察券番号",
];
/// A match is shorter: the longest label has some forty characters, a number with what may stand before it some ninety.
const LONGEST: usize = 512;

/// Finds where labels may begin.
pub struct Labels {
    beginnings: AhoCorasick,
    /// Beginnings before this one are those of telephone numbers.
    records: usize,
    not_a_letter: Regex,
}

/// Places where a label may begin and no letter stands before, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Starts {
    pub phones: Vec<usize>,
    pub records: Vec<usize>,
}

impl Labels {
    pub fn new() -> Labels {
        let phones: Vec<String> = PHONE_BEGINNINGS.iter().chain(&["☎"]).flat_map(|text| spellings(text)).collect();
        let records = RECORD_BEGINNINGS.iter().flat_map(|text| spellings(text));
        let beginnings = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(phones.iter().cloned().chain(records));
        Labels {
            beginnings: beginnings.expect("a few hundred short words"),
            records: phones.len(),
            not_a_letter: Regex::new(r"(?i)^[^\p{L}]$").expect("a pattern of ours, tests compile it"),
        }
    }

    /// Looks through a text.
    pub fn find(&self, text: &str) -> Starts {
        let mut starts = Starts::default();
        for found in self.beginnings.find_overlapping_iter(text) {
            let before = &text[text[..found.start()].char_indices().next_back().map_or(0, |(at, _)| at)..found.start()];
            if before.is_empty() || self.not_a_letter.is_match(before) {
                let kind = if found.pattern().as_usize() < self.records {
                    &mut starts.phones
                } else {
                    &mut starts.records
                };
                kind.push(found.start());
            }
        }
        for starts in [&mut starts.phones, &mut starts.records] {
            starts.sort_unstable();
            starts.dedup();
        }
        starts
    }
}

/// Tries a pattern that begins at a label (group 1) and ends with a number (group 2) at each start, and gives both to `take`. A match begins with
/// the character before its label, and that may not belong to the match before.
pub fn matches(text: &str, starts: &[usize], pattern: &Regex, mut take: impl FnMut(Range<usize>, Range<usize>)) {
    let mut end = 0;
    for &start in starts {
        let before = text[..start].char_indices().next_back().map_or(0, |(at, _)| at);
        if before < end {
            continue;
        }
        let near = &text[start..text.floor_char_boundary((start + LONGEST).min(text.len()))];
        if let Some((label, number)) = pattern.captures(near).and_then(|found| found.get(1).zip(found.get(2))) {
            end = start + number.end();
            take(start..start + label.end(), start + number.start()..end);
        }
    }
}

/// A beginning in upper and lower case, but for ASCII letters, for which the search sees to it.
fn spellings(beginning: &str) -> Vec<String> {
    beginning.chars().fold(vec![String::new()], |spelt, letter| {
        let with = |other: char| spelt.iter().map(move |spelt| format!("{spelt}{other}"));
        cases(letter).into_iter().flat_map(with).collect()
    })
}

/// What a pattern takes for the same letter when it does not look at the case, but for the other case in ASCII.
fn cases(letter: char) -> Vec<char> {
    let mut cases = vec![letter];
    // By Unicode's simple case folding; a test goes through all characters.
    match letter {
        's' => cases.push('ſ'),
        'k' => cases.push('\u{212A}'),
        'о' => cases.push('ᲂ'),
        'с' => cases.push('ᲃ'),
        'т' => cases.extend(['ᲄ', 'ᲅ']),
        _ => {}
    }
    if !letter.is_ascii() {
        cases.extend(letter.to_uppercase().filter(|upper| *upper != letter));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_spelling_that_a_pattern_takes_is_missed() {
        let everything: String = (0..=0x10_FFFF).filter_map(char::from_u32).collect();
        let letters: BTreeSet<char> = PHONE_BEGINNINGS
            .iter()
            .chain(&RECORD_BEGINNINGS)
            .flat_map(|text| text.chars())
            .collect();
        for letter in letters {
            let pattern = Regex::new(&format!("(?i){}", regex::escape(&letter.to_string()))).unwrap();
            let taken: BTreeSet<&str> = pattern.find_iter(&everything).map(|found| found.as_str()).collect();
            let mut ours: BTreeSet<String> = cases(letter).iter().map(char::to_string).collect();
            ours.insert(letter.to_ascii_uppercase().to_string());
            assert_eq!(ours.iter().map(String::as_str).collect::<BTreeSet<_>>(), taken, "{letter}");
        }
    }

    #[test]
    fn every_label_has_its_beginning() {
        let labels = Labels::new();
        for (pattern, examples) in [
            (
                PHONE_LABELS,
                "tel|tele|telephone|telefax|teléfono|telefonos|tél|téléphone|telephone|phone|mobile|fax|móvil|тел|телефон|факс|电话|電話|手机|传真|携帯|☎",
            ),
            (
                RECORD_LABELS,
                "MRN|medical record number|patient id|patient number|patient no.|ssn|social security no.|nhs number|n° de dossier|nº de patient|numéro de sécurité sociale|numero de dossier|nir|n.º de expediente|número de historia clínica|numero de afiliacion|nhc|№ карты|номер полиса|история болезни №|снилс|病历号|病案号|住院号|门诊号|身份证号码|患者ID|患者番号|カルテ番号|診察券番号",
            ),
        ] {
            let pattern = Regex::new(&format!("(?i)^(?:{pattern})")).unwrap();
            for example in examples.split('|') {
                assert!(pattern.is_match(example), "{example}");
                for text in [example.to_owned(), example.to_uppercase()] {
                    let starts = labels.find(&text);
                    assert!([starts.phones, starts.records].concat().contains(&0), "{text}");
                    assert_eq!(labels.find(&format!("a{text}")).phones.first(), None, "{text}");
                }
            }
        }
    }
}

//! Personal data: e-mail addresses, telephone numbers and record numbers are masked, and counted.
//!
//! Medical text is full of numbers that are nobody's: doses, dates, PMIDs, trial and grant numbers, CAS numbers, p-values. So a rule here
//! asks for a shape that only a telephone number has (`+33 1 42 34 56 78`, `(212) 555-0187`), or for a word beside it that says what it is
//! ("tel.", "MRN", "病历号"). What has neither stays: masking too little can be repeated with stricter rules, a masked dose is lost. Names and
//! postal addresses are not looked for.
//!
//! - [`labels`]: where the words stand that say what a number is
//! - [`windows`]: where an address or a number can stand
//! - [`checks`]: what a number must be beyond its shape

mod checks;
mod labels;
mod windows;

use std::ops::Range;

use regex::Regex;

use crate::{Counts, Document, Step, Verdict};
use checks::{digits, is_phone, is_record, stands_alone, trailing_words};
use labels::{Labels, PHONE_LABELS, RECORD_LABELS};

/// What stands in place of what was found.
pub const EMAIL: &str = "<EMAIL_ADDRESS>";
pub const PHONE: &str = "<PHONE_NUMBER>";
pub const RECORD: &str = "<RECORD_NUMBER>";

/// The step. Counts `email_addresses`, `phone_numbers`, `record_numbers` and `masked_documents`.
pub struct MaskPersonalData {
    labels: Labels,
    email: Regex,
    /// These begin at a label. Group 1: what must stand before; group 2: the number.
    labelled_record: Regex,
    labelled_phone: Regex,
    shaped_phone: Regex,
    shaped_record: Regex,
}

const EMAIL_PATTERN: &str = r"(?i)[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,8}[a-z]{2,24}\b";
/// Behind a record's label, and the number.
const RECORD_NUMBER: &str = r"\s{0,2}(?:is|est|es)?[\s:：.#№-]{0,4})([0-9A-Z][0-9A-Z]{0,5}(?:[ ./-]?[0-9A-Z]{1,12}){0,5})";
/// Behind a telephone's label, and the number.
const LABELLED_NUMBER: &str = r"\.?[\s:：.№°º-]{0,4})(\+?[0-9(（][0-9 ().（）/-]{5,22}[0-9])";
const PHONE_PATTERN: &str = concat!(
    r"\+[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,4}\)|[0-9]{1,4})(?:[ .-]?[0-9]{2,4}){2,4}", // international
    r"|\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[.-][0-9]{4}",                            // North America
    r"|1-[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}",
    r"|0[1-9](?:[ .][0-9]{2}){4}",                                             // France
    r"|8[ -]?\([0-9]{3,5}\)[ -]?[0-9]{1,3}[ -][0-9]{2}[ -][0-9]{2}",           // Russia
    r"|0[0-9]{1,4}-[0-9]{1,4}-[0-9]{4}|0[0-9]{2,3}-[0-9]{7,8}|1[3-9][0-9]{9}", // Japan, China
);
const RECORD_PATTERN: &str = r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[1-9][0-9]{16}[0-9Xx]";

impl Default for MaskPersonalData {
    fn default() -> Self {
        MaskPersonalData::new()
    }
}

/// What is replaced, by what.
type Replaced = (Range<usize>, String);

impl MaskPersonalData {
    pub fn new() -> MaskPersonalData {
        let regex = |pattern: &str| Regex::new(pattern).expect("a pattern of ours, tests compile it");
        MaskPersonalData {
            labels: Labels::new(),
            email: regex(EMAIL_PATTERN),
            labelled_record: regex(&format!("(?i)^((?:{RECORD_LABELS}){RECORD_NUMBER}")),
            labelled_phone: regex(&format!("(?i)^((?:{PHONE_LABELS}){LABELLED_NUMBER}")),
            shaped_phone: regex(PHONE_PATTERN),
            shaped_record: regex(RECORD_PATTERN),
        }
    }

    /// Masks a text; none where nothing was found.
    ///
    /// Each rule looks only where it can match, for most of a text is far from any '@', label or number; what it finds there, in which order, is
    /// what it would find in the whole text.
    pub fn mask(&self, text: &str, counts: &mut Counts) -> Option<String> {
        let mut current: Option<String> = None;
        let mut replace = |current: &mut Option<String>, name: &str, find: &dyn Fn(&str) -> Vec<Replaced>| {
            let text = current.as_deref().unwrap_or(text);
            let found = find(text);
            if found.is_empty() {
                return false;
            }
            counts.add(name, found.len() as u64);
            let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
            for (range, with) in found {
                masked += &text[end..range.start];
                masked += &with;
                end = range.end;
            }
            masked += &text[end..];
            *current = Some(masked);
            true
        };
        replace(&mut current, "email_addresses", &|text| self.emails(text));
        // A number of seven digits is the shortest that any rule takes, four that any label makes a record.
        if text.bytes().filter(u8::is_ascii_digit).take(4).count() < 4 {
            return current;
        }
        let mut labels = self.labels.find(current.as_deref().unwrap_or(text));
        if replace(&mut current, "record_numbers", &|text| self.labelled_records(text, &labels.records)) {
            // What stands behind a mask has moved.
            labels = self.labels.find(current.as_deref().unwrap_or(text));
        }
        replace(&mut current, "phone_numbers", &|text| self.labelled_phones(text, &labels.phones));
        replace(&mut current, "phone_numbers", &|text| {
            shaped(text, windows::of_phones(text), &self.shaped_phone, is_phone, PHONE)
        });
        replace(&mut current, "record_numbers", &|text| {
            shaped(text, windows::of_records(text), &self.shaped_record, is_record, RECORD)
        });
        current
    }

    fn emails(&self, text: &str) -> Vec<Replaced> {
        let mut found = Vec::new();
        for window in windows::of_emails(text) {
            let start = window.start;
            found.extend((self.email.find_iter(&text[window])).map(|email| (start + email.start()..start + email.end(), EMAIL.to_owned())));
        }
        found
    }

    fn labelled_records(&self, text: &str, starts: &[usize]) -> Vec<Replaced> {
        let mut found = Vec::new();
        labels::matches(text, starts, &self.labelled_record, |label, number| {
            // Without anything between, letters go on with the label's word: mRNA-1273.
            let joined = text[label].ends_with(|c: char| c.is_ascii_alphanumeric());
            let (range, number) = (number.clone(), &text[number]);
            let follows_label = if joined {
                number.starts_with(|c: char| c.is_ascii_digit())
            } else {
                !number.starts_with(|c: char| c.is_ascii_lowercase())
            };
            if digits(number) >= 4 && follows_label {
                found.push((range, format!("{RECORD}{}", trailing_words(number))));
            }
        });
        found
    }

    fn labelled_phones(&self, text: &str, starts: &[usize]) -> Vec<Replaced> {
        let mut found = Vec::new();
        labels::matches(text, starts, &self.labelled_phone, |_, number| {
            let enough = (7..=15).contains(&digits(&text[number.clone()]));
            if enough && stands_alone(text, number.start, number.end) {
                found.push((number, PHONE.to_owned()));
            }
        });
        found
    }
}

/// Numbers of a shape, in the windows where there may be some.
fn shaped(text: &str, windows: Vec<Range<usize>>, shape: &Regex, is_right: fn(&str) -> bool, with: &str) -> Vec<Replaced> {
    let mut found = Vec::new();
    for window in windows {
        for number in shape.find_iter(&text[window.clone()]) {
            let range = window.start + number.start()..window.start + number.end();
            if is_right(number.as_str()) && stands_alone(text, range.start, range.end) {
                found.push((range, with.to_owned()));
            }
        }
    }
    found
}

impl Step for MaskPersonalData {
    fn name(&self) -> &'static str {
        "personal_data"
    }

    fn apply(&self, document: &mut Document, counts: &mut Counts) -> Verdict {
        if let Some(text) = self.mask(&document.text, counts) {
            document.text = text;
            counts.add("masked_documents", 1);
        }
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Captures;

    fn mask(text: &str) -> (String, Counts) {
        let mut counts = Counts::default();
        let masked = MaskPersonalData::new().mask(text, &mut counts);
        (masked.unwrap_or_else(|| text.into()), counts)
    }

    #[test]
    fn what_is_personal_is_masked() {
        for (text, expected) in [
            ("Write to anne.dupont+lab@chu-lille.example.fr.", "Write to <EMAIL_ADDRESS>."),
            ("邮箱：li@example.com，谢谢", "邮箱：<EMAIL_ADDRESS>，谢谢"),
            ("Call +33 1 42 34 56 78 today", "Call <PHONE_NUMBER> today"),
            ("Call +1-212-555-0187.", "Call <PHONE_NUMBER>."),
            (
                "(212) 555-0187 or 212-555-0187, 1-800-555-0187",
                "<PHONE_NUMBER> or <PHONE_NUMBER>, <PHONE_NUMBER>",
            ),
            ("appelez le 01 42 34 56 78.", "appelez le <PHONE_NUMBER>."),
            ("Tél. : 0142345678", "Tél. : <PHONE_NUMBER>"),
            ("Teléfono: 612 345 678", "Teléfono: <PHONE_NUMBER>"),
            ("тел. 8 (495) 123-45-67", "тел. <PHONE_NUMBER>"),
            ("звоните 8 (495) 123-45-67!", "звоните <PHONE_NUMBER>!"),
            ("電話：03-1234-5678まで", "電話：<PHONE_NUMBER>まで"),
            ("连绵手机13812345678。", "连绵手机<PHONE_NUMBER>。"),
            ("MRN: 00482917, admitted", "MRN: <RECORD_NUMBER>, admitted"),
            ("Patient ID AB-123456 was", "Patient ID <RECORD_NUMBER> was"),
            (
                "medical record number 12345678 shows",
                "medical record number <RECORD_NUMBER> shows",
            ),
            ("NHS number 943 476 5919", "NHS number <RECORD_NUMBER>"),
            (
                "numéro de sécurité sociale 2 85 05 78 006 084",
                "numéro de sécurité sociale <RECORD_NUMBER>",
            ),
            ("Nº de historia clínica: 445566", "Nº de historia clínica: <RECORD_NUMBER>"),
            ("история болезни № 12345", "история болезни № <RECORD_NUMBER>"),
            ("病历号：0012345，男", "病历号：<RECORD_NUMBER>，男"),
            ("患者ID：A1234567", "患者ID：<RECORD_NUMBER>"),
            ("SSN 078-05-1120 on file", "SSN <RECORD_NUMBER> on file"),
            ("has 078-05-1120 on file", "has <RECORD_NUMBER> on file"),
            // The example of the standard GB 11643.
            ("身份证 11010519491231002X", "身份证 <RECORD_NUMBER>"),
        ] {
            assert_eq!(mask(text).0, expected, "{text}");
        }
    }

    #[test]
    fn the_numbers_of_medicine_stay() {
        for text in [
            "500 000 UI, 1 000 000 IE, 0.5-1.5 mg/kg, 10 000–20 000/µl",
            "from 2020-03-11 to 11.03.2020, 01-02-2020, 3/11/2020, 12-04-2019",
            "PMID: 32109013; PMC7159299; doi:10.1016/S0140-6736(20)30183-5",
            "NCT04280705, EudraCT 2020-000936-23, ISRCTN50189673, ChiCTR2000029308",
            "ISBN 978-3-16-148410-0, ISSN 0140-6736, CAS 50-78-2 and 7732-18-5",
            "ICD-10 J12.82, ATC J01CA04, SNOMED 840539006, LOINC 94500-6",
            "p = 0.0001, 95% CI 1.23-4.56, n=1234567, OR 2.13 (1.04-4.38)",
            "120/80 mmHg, 98.6 F, 36.6-37.2, 100-200-300 mg",
            "Nature 2020; 579: 270-273. Lancet 395(10223):497-506",
            "grant 2018YFC1200500, R01AI123456, 81830101",
            "the vaccine mRNA-1273, mRNA 12345678, patient identity 12345678",
            "sequence MN908947.3, rs1799752, chr6:29910247-29913661",
            "telemetry 1234567 beats; the telescope 12345678",
            "patient number 3 of 12; patient no. 7; record 42",
            "@home, a@b, user@localhost, 5 mg @ 8 h",
            "13812345678901234, 113812345678, x13812345678",
            "123456789012345678, 110105194912310021",
            "000-12-3456, 123-00-4567",
        ] {
            assert_eq!(mask(text), (text.to_string(), Counts::default()), "{text}");
        }
    }

    #[test]
    fn what_was_masked_is_counted_and_not_masked_again() {
        let (text, counts) = mask("a@b.org, c@d.com; tel: 555 123 4567; MRN 123456");
        let expected = [("email_addresses", 2), ("phone_numbers", 1), ("record_numbers", 1)];
        assert_eq!(counts.0.iter().map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>(), expected);
        assert_eq!(mask(&text), (text.clone(), Counts::default()));
    }

    #[test]
    fn words_after_a_record_number_stay() {
        assert_eq!(mask("MRN 123456 was seen").0, "MRN <RECORD_NUMBER> was seen");
    }

    /// The same rules over the whole text, each from its beginning: what the windows and labels must not change.
    struct Plain {
        email: Regex,
        labelled_record: Regex,
        labelled_phone: Regex,
        shaped_phone: Regex,
        shaped_record: Regex,
    }

    impl Plain {
        fn new() -> Plain {
            let regex = |pattern: &str| Regex::new(pattern).unwrap();
            let labelled = |labels: &str, number: &str| regex(&format!(r"(?i)((?:^|[^\p{{L}}])(?:{labels}){number}"));
            Plain {
                email: regex(EMAIL_PATTERN),
                labelled_record: labelled(RECORD_LABELS, RECORD_NUMBER),
                // Spelt out: a full stop, or the end of a word, or neither.
                labelled_phone: labelled(PHONE_LABELS, &LABELLED_NUMBER.replacen(r"\.?", r"(?:\.|\b)?", 1)),
                shaped_phone: regex(PHONE_PATTERN),
                shaped_record: regex(RECORD_PATTERN),
            }
        }

        fn mask(&self, text: &str, counts: &mut Counts) -> Option<String> {
            let mut current: Option<String> = None;
            let mut replace = |regex: &Regex, name: &str, with: &dyn Fn(&Captures<'_>, &str) -> Option<String>| {
                let text = current.as_deref().unwrap_or(text);
                let mut found = 0;
                let replaced = regex.replace_all(text, |captures: &Captures<'_>| match with(captures, text) {
                    Some(masked) => {
                        found += 1;
                        masked
                    }
                    None => captures[0].to_string(),
                });
                if found > 0 {
                    counts.add(name, found);
                    current = Some(replaced.into_owned());
                }
            };
            replace(&self.email, "email_addresses", &|_, _| Some(EMAIL.into()));
            replace(&self.labelled_record, "record_numbers", &|captures, _| {
                let joined = captures[1].ends_with(|c: char| c.is_ascii_alphanumeric());
                let follows_label = if joined {
                    captures[2].starts_with(|c: char| c.is_ascii_digit())
                } else {
                    !captures[2].starts_with(|c: char| c.is_ascii_lowercase())
                };
                (digits(&captures[2]) >= 4 && follows_label).then(|| format!("{}{RECORD}{}", &captures[1], trailing_words(&captures[2])))
            });
            replace(&self.labelled_phone, "phone_numbers", &|captures, text| {
                let number = captures.get(2).unwrap();
                let enough = (7..=15).contains(&digits(number.as_str()));
                (enough && stands_alone(text, number.start(), number.end())).then(|| format!("{}{PHONE}", &captures[1]))
            });
            for (pattern, name, is_right, with) in [
                (&self.shaped_phone, "phone_numbers", is_phone as fn(&str) -> bool, PHONE),
                (&self.shaped_record, "record_numbers", is_record, RECORD),
            ] {
                replace(pattern, name, &|captures, text| {
                    let number = captures.get(0).unwrap();
                    (is_right(number.as_str()) && stands_alone(text, number.start(), number.end())).then(|| with.into())
                });
            }
            current
        }
    }

    fn compare(step: &MaskPersonalData, plain: &Plain, text: &str) -> u64 {
        let (mut ours, mut theirs) = (Counts::default(), Counts::default());
        assert_eq!(step.mask(text, &mut ours), plain.mask(text, &mut theirs), "{text:?}");
        assert_eq!(ours, theirs, "{text:?}");
        ours.0.values().sum()
    }

    #[test]
    fn looking_only_where_a_rule_can_match_changes_nothing() {
        // Labels, numbers and what may stand around them, in every order; letters that only Unicode takes for s, k, т or ι.
        let pieces: Vec<&str> = "tel|Tél.|TÉLÉPHONE|phone:|ſſn|SSN|MRN|mrn|patient no.|Patient ID|№ полиса|Номер карты|ᲄел|Телефон|факс|病历号|電話：|カルテ番号|n° de dossier|nº de expediente|n.º de historia clínica|социал|a|é|\u{345}|\u{212A}|x@y.org|q.r+s@mail.t-u.co.uk|@|ſ@\u{212A}.fr|a@b.c0|i_j@k.lm.|+33 1 42 34 56 78|(212) 555-0187|1-800-555-0187|0142345678|01 42 34 56 78|8 (495) 123-45-67|13812345678|078-05-1120|11010519491231002X|12|3456|7|-|.|,|:|/| |  |\n|(|)|（|）|+|is|est|AB-123456|2 85 05 78 006 084"
            .split('|')
            .collect();
        let (step, plain) = (MaskPersonalData::new(), Plain::new());
        let mut state = 7u64;
        let mut found = 0;
        for case in 0..4000 {
            let text: String = (0..1 + case % 14)
                .map(|_| {
                    state = crate::units::mix(state + 1);
                    pieces[state as usize % pieces.len()]
                })
                .collect();
            found += compare(&step, &plain, &text);
        }
        assert!(found > 1000, "{found} masks are no test");
    }

    #[test]
    fn conformance_the_shared_corpus_is_masked_as_by_plain_rules() {
        let Some(root) = conformance::folder() else { return };
        let (step, plain) = (MaskPersonalData::new(), Plain::new());
        let (mut documents, mut found) = (0, 0);
        let options = crate::read::ReadOptions::default();
        for file in crate::read::list(&root.join("corpus"), &options).unwrap().files {
            for document in crate::read::open(&file, &options).unwrap() {
                found += compare(&step, &plain, &document.unwrap().text);
                documents += 1;
            }
        }
        println!("compared {documents} documents with {found} masks");
        assert!(documents > 0);
    }
}

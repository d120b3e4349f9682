//! Personal data: e-mail addresses, telephone numbers and record numbers are masked, and counted.
//!
//! Medical text is full of numbers that are nobody's: doses, dates, PMIDs, trial and grant numbers, CAS numbers, p-values. So a rule here
//! asks for a shape that only a telephone number has (`+33 1 42 34 56 78`, `(212) 555-0187`), or for a word beside it that says what it is
//! ("tel.", "MRN", "病历号"). What has neither stays: masking too little can be repeated with stricter rules, a masked dose is lost. Names and
//! postal addresses are not looked for.

use regex::{Captures, Regex};

use crate::{Counts, Document, Step, Verdict};

/// What stands in place of what was found.
pub const EMAIL: &str = "<EMAIL_ADDRESS>";
pub const PHONE: &str = "<PHONE_NUMBER>";
pub const RECORD: &str = "<RECORD_NUMBER>";

/// The step. Counts `email_addresses`, `phone_numbers`, `record_numbers` and `masked_documents`.
pub struct MaskPersonalData {
    email: Regex,
    /// Group 1: what must stand before; group 2: the number.
    labelled_record: Regex,
    labelled_phone: Regex,
    shaped_phone: Regex,
    shaped_record: Regex,
}

/// Labels after which a number is a telephone number, in the six languages.
const PHONE_LABELS: &str = r"tel(?:e(?:phone|fax)?|éfonos?|efonos?)?|t(?:é|e)l(?:(?:é|e)phone)?|phone|mobile|fax|móvil|тел(?:ефон)?|факс|电话|電話|手机|传真|携帯|☎";
/// Labels after which a number is that of a patient's file or insurance.
const RECORD_LABELS: &str = r"MRN|medical record (?:number|no\.?|#)|patient (?:id|number|no\.?)|(?:ssn|social security (?:number|no\.?))|nhs (?:number|no\.?)|n(?:°|º|um(?:é|e)ro) de (?:dossier|patient|s(?:é|e)curit(?:é|e) sociale)|nir|n(?:°|º|\.º|(?:ú|u)mero) de (?:historia(?: cl(?:í|i)nica)?|expediente|afiliaci(?:ó|o)n)|nhc|(?:№|номер) (?:истории болезни|карты|полиса)|истори[яи] болезни №|снилс|病历号|病案号|住院号|门诊号|身份证号码?|患者ID|患者番号|カルテ番号|診察券番号";

impl Default for MaskPersonalData {
    fn default() -> Self {
        MaskPersonalData::new()
    }
}

impl MaskPersonalData {
    pub fn new() -> MaskPersonalData {
        let regex = |pattern: &str| Regex::new(pattern).expect("a pattern of ours, tests compile it");
        MaskPersonalData {
            email: regex(r"(?i)[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,8}[a-z]{2,24}\b"),
            labelled_record: regex(&format!(
                r"(?i)((?:^|[^\p{{L}}])(?:{RECORD_LABELS})\s{{0,2}}(?:is|est|es)?[\s:：.#№-]{{0,4}})([0-9A-Z][0-9A-Z]{{0,5}}(?:[ ./-]?[0-9A-Z]{{1,12}}){{0,5}})"
            )),
            labelled_phone: regex(&format!(
                r"(?i)((?:^|[^\p{{L}}])(?:{PHONE_LABELS})(?:\.|\b)?[\s:：.№°º-]{{0,4}})(\+?[0-9(（][0-9 ().（）/-]{{5,22}}[0-9])"
            )),
            shaped_phone: regex(concat!(
                r"\+[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,4}\)|[0-9]{1,4})(?:[ .-]?[0-9]{2,4}){2,4}", // international
                r"|\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[.-][0-9]{4}",                            // North America
                r"|1-[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}",
                r"|0[1-9](?:[ .][0-9]{2}){4}",                                             // France
                r"|8[ -]?\([0-9]{3,5}\)[ -]?[0-9]{1,3}[ -][0-9]{2}[ -][0-9]{2}",           // Russia
                r"|0[0-9]{1,4}-[0-9]{1,4}-[0-9]{4}|0[0-9]{2,3}-[0-9]{7,8}|1[3-9][0-9]{9}", // Japan, China
            )),
            shaped_record: regex(r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[1-9][0-9]{16}[0-9Xx]"),
        }
    }

    /// Masks a text; none where nothing was found.
    pub fn mask(&self, text: &str, counts: &mut Counts) -> Option<String> {
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
        if memchr::memchr(b'@', text.as_bytes()).is_some() {
            replace(&self.email, "email_addresses", &|_, _| Some(EMAIL.into()));
        }
        // A number of seven digits is the shortest that any rule takes, four that any label makes a record.
        if text.bytes().filter(u8::is_ascii_digit).take(4).count() == 4 {
            replace(&self.labelled_record, "record_numbers", &|captures, _| {
                let digits = digits(&captures[2]);
                // Without anything between, letters go on with the label's word: mRNA-1273.
                let joined = captures[1].ends_with(|c: char| c.is_ascii_alphanumeric());
                let follows_label = if joined {
                    captures[2].starts_with(|c: char| c.is_ascii_digit())
                } else {
                    !captures[2].starts_with(|c: char| c.is_ascii_lowercase())
                };
                (digits >= 4 && follows_label).then(|| format!("{}{}{}", &captures[1], RECORD, trailing_words(&captures[2])))
            });
            replace(&self.labelled_phone, "phone_numbers", &|captures, text| {
                let number = captures.get(2).expect("the pattern has it");
                let enough = (7..=15).contains(&digits(number.as_str()));
                (enough && stands_alone(text, number.start(), number.end())).then(|| format!("{}{PHONE}", &captures[1]))
            });
            replace(&self.shaped_phone, "phone_numbers", &|captures, text| {
                let number = captures.get(0).expect("a match");
                (is_phone(number.as_str()) && stands_alone(text, number.start(), number.end())).then(|| PHONE.into())
            });
            replace(&self.shaped_record, "record_numbers", &|captures, text| {
                let number = captures.get(0).expect("a match");
                (is_record(number.as_str()) && stands_alone(text, number.start(), number.end())).then(|| RECORD.into())
            });
        }
        current
    }
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

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// A label's number may be followed by words, which the pattern takes for parts of it: what begins at the first part without a digit.
fn trailing_words(number: &str) -> &str {
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
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
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
fn is_phone(number: &str) -> bool {
    let n = digits(number);
    match number.as_bytes()[0] {
        b'+' => (8..=15).contains(&n),
        // Japan and China: area code and number together. A date such as 01-02-2020 has eight.
        b'0' => (10..=12).contains(&n),
        _ => n >= 10,
    }
}

/// A US social security number with a possible area, or a Chinese identity number with a right check digit (ISO 7064, MOD 11-2).
fn is_record(number: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}

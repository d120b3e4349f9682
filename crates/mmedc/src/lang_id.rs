//! Language identification, by the crate `whatlang` (trigrams of 70 languages, scripts first).
//!
//! A sample of each document is looked at: up to a thousand characters of its beginning, middle and end, so that a long document costs no
//! more than a short one. What must hold: a doubtful answer is no answer; a declared language is only overruled where the configuration says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use whatlang::Lang;

use crate::{Counts, Document, Language, Step, Verdict};

/// Characters of each of the three samples.
const SAMPLE: usize = 1000;
/// Letters below which no answer is given.
const FEWEST_LETTERS: usize = 20;

/// What a text seems to be written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Identified {
    /// Code of ISO 639-3, e.g. `por`.
    pub code: &'static str,
    /// If it is one of the six.
    pub language: Option<Language>,
    /// 0 to 1.
    pub confidence: f64,
    /// Whether the identifier stands by it.
    pub reliable: bool,
}

/// Identifies; none for a text with hardly any letters.
pub fn identify(text: &str) -> Option<Identified> {
    // Compatibility forms first: the identifier takes full-width digits and Latin letters, which Japanese text is full of, for Korean.
    let sample: String = sample(text).nfkc().collect();
    if sample.chars().filter(|char| char.is_alphabetic()).take(FEWEST_LETTERS).count() < FEWEST_LETTERS {
        return None;
    }
    let info = whatlang::detect(&sample)?;
    Some(Identified {
        code: info.lang().code(),
        language: match info.lang() {
            Lang::Eng => Some(Language::En),
            Lang::Cmn => Some(Language::Zh),
            Lang::Jpn => Some(Language::Ja),
            Lang::Fra => Some(Language::Fr),
            Lang::Rus => Some(Language::Ru),
            Lang::Spa => Some(Language::Es),
            _ => None,
        },
        confidence: info.confidence(),
        reliable: info.is_reliable(),
    })
}

/// Beginning, middle and end.
fn sample(text: &str) -> String {
    // Four bytes a character at most, so that shorter texts are taken whole.
    if text.len() <= 3 * SAMPLE {
        return text.to_string();
    }
    let part = |from: usize| {
        let from = (from..=text.len())
            .find(|&at| text.is_char_boundary(at))
            .expect("the end is a boundary");
        text[from..].chars().take(SAMPLE)
    };
    let ends: Vec<char> = text.chars().rev().take(SAMPLE).collect();
    (part(0).chain([' ']).chain(part(text.len() / 2)).chain([' ']))
        .chain(ends.into_iter().rev())
        .collect()
}

/// What follows from a sure answer that is not the declared language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDisagreement {
    /// It is counted.
    #[default]
    Report,
    /// The document is dropped: `other_language`.
    Drop,
}

/// The step: gives documents without a language the one that is found, and counts agreement with those that declare one.
///
/// Counts are named by `/`: `agree/es`, `disagree/es/por`, `unsure/es`, `found/es`, `found_other/por`, `not_found`; [`table`] shows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct LanguageId {
    pub on_disagreement: OnDisagreement,
}

impl Step for LanguageId {
    fn name(&self) -> &'static str {
        "language"
    }

    fn apply(&self, document: &mut Document, counts: &mut Counts) -> Verdict {
        let found = identify(&document.text).filter(|found| found.reliable);
        match (document.language, found) {
            (Some(declared), None) => counts.add(&format!("unsure/{declared}"), 1),
            (Some(declared), Some(found)) if found.language == Some(declared) => counts.add(&format!("agree/{declared}"), 1),
            (Some(declared), Some(found)) => {
                counts.add(&format!("disagree/{declared}/{}", found.code), 1);
                if self.on_disagreement == OnDisagreement::Drop {
                    return Verdict::Drop("other_language".into());
                }
            }
            (None, None) => counts.add("not_found", 1),
            (None, Some(found)) => match found.language {
                Some(language) => {
                    document.language = Some(language);
                    counts.add(&format!("found/{language}"), 1);
                }
                None => counts.add(&format!("found_other/{}", found.code), 1),
            },
        }
        Verdict::Keep
    }
}

/// How documents that declare a language agree with what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Code of the declared language.
    pub declared: String,
    pub agree: u64,
    pub unsure: u64,
    /// Codes found instead, the most frequent first.
    pub other: Vec<(String, u64)>,
}

impl Agreement {
    pub fn disagree(&self) -> u64 {
        self.other.iter().map(|(_, documents)| documents).sum()
    }

    pub fn documents(&self) -> u64 {
        self.agree + self.unsure + self.disagree()
    }

    /// The most frequent languages found instead, in words.
    pub fn found_instead(&self) -> String {
        let other: Vec<String> = self.other.iter().take(5).map(|(code, n)| format!("{code} {n}")).collect();
        other.join(", ")
    }
}

/// The counts of the step by declared language.
pub fn agreements(counts: &Counts) -> Vec<Agreement> {
    let mut rows: BTreeMap<&str, Agreement> = BTreeMap::new();
    for (name, &n) in &counts.0 {
        let parts: Vec<&str> = name.split('/').collect();
        let (["agree" | "unsure", declared] | ["disagree", declared, _]) = parts[..] else {
            continue;
        };
        let row = rows.entry(declared).or_default();
        match parts[..] {
            ["agree", _] => row.agree += n,
            ["unsure", _] => row.unsure += n,
            [.., found] => row.other.push((found.to_owned(), n)),
            [] => {}
        }
    }
    let mut rows: Vec<Agreement> = rows
        .into_iter()
        .map(|(declared, row)| Agreement {
            declared: declared.to_owned(),
            ..row
        })
        .collect();
    rows.iter_mut()
        .for_each(|row| row.other.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0))));
    rows
}

/// The same as a table for the terminal.
pub fn table(counts: &Counts) -> String {
    let mut out = String::from("declared  documents      agree     unsure   disagree  found instead\n");
    for row in agreements(counts) {
        let _ = writeln!(
            out,
            "{:<8} {:>10} {:>10} {:>10} {:>10}  {}",
            row.declared,
            row.documents(),
            row.agree,
            row.unsure,
            row.disagree(),
            row.found_instead()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, language: Option<Language>) -> Document {
        Document {
            id: String::new(),
            text: text.into(),
            language,
            source: String::new(),
            license: String::new(),
            file: String::new(),
            position: 0,
        }
    }

    const SPANISH: &str =
        "El paciente acudió al hospital porque tenía fiebre desde hacía tres días y le dolía mucho la garganta al tragar.";
    const PORTUGUESE: &str =
        "O doente foi ao hospital porque tinha febre há três dias e também lhe doía muito a garganta quando engolia alguma coisa, não é?";

    #[test]
    fn the_six_languages_are_told_apart() {
        for (text, language) in [
            (SPANISH, Language::Es),
            (
                "The patient came to the hospital because she had had a fever for three days and her throat was sore.",
                Language::En,
            ),
            (
                "Le patient s'est rendu à l'hôpital parce qu'il avait de la fièvre depuis trois jours et mal à la gorge.",
                Language::Fr,
            ),
            (
                "Пациент обратился в больницу, потому что у него уже три дня была высокая температура и болело горло.",
                Language::Ru,
            ),
            (
                "患者因发热三天并伴有咽喉疼痛前来医院就诊，体温最高达到三十九度，无咳嗽。",
                Language::Zh,
            ),
            (
                "患者は三日前から発熱があり、のどの痛みが強くなったため、当院を受診した。",
                Language::Ja,
            ),
        ] {
            let found = identify(text).unwrap();
            assert_eq!(found.language, Some(language), "{text}");
        }
        assert_eq!(identify(PORTUGUESE).unwrap().code, "por");
        assert_eq!(identify("12 mg / 3.5 ml"), None);
        assert_eq!(identify(""), None);
    }

    #[test]
    fn disagreement_is_counted_and_acted_on_only_where_asked() {
        let mut counts = Counts::default();
        let long = |text: &str| text.repeat(40);
        let report = LanguageId::default();
        assert_eq!(
            report.apply(&mut document(&long(SPANISH), Some(Language::Es)), &mut counts),
            Verdict::Keep
        );
        assert_eq!(
            report.apply(&mut document(&long(PORTUGUESE), Some(Language::Es)), &mut counts),
            Verdict::Keep
        );
        assert_eq!(report.apply(&mut document("…", Some(Language::Ja)), &mut counts), Verdict::Keep);
        let mut undeclared = document(&long(SPANISH), None);
        report.apply(&mut undeclared, &mut counts);
        assert_eq!(undeclared.language, Some(Language::Es));
        let expected = [("agree/es", 1), ("disagree/es/por", 1), ("found/es", 1), ("unsure/ja", 1)];
        assert_eq!(counts.0.iter().map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>(), expected);
        assert!(
            table(&counts).contains("es                2          1          0          1  por 1\n"),
            "{}",
            table(&counts)
        );

        let strict = LanguageId {
            on_disagreement: OnDisagreement::Drop,
        };
        assert_eq!(
            strict.apply(&mut document(&long(PORTUGUESE), Some(Language::Es)), &mut counts),
            Verdict::Drop("other_language".into())
        );
    }

    #[test]
    fn samples_come_from_the_whole_text_and_are_short() {
        let text = format!("{}{}{}", "а".repeat(5000), "б".repeat(5000), "в".repeat(5000));
        let sample = sample(&text);
        assert_eq!(sample.chars().count(), 3 * SAMPLE + 2);
        for char in ['а', 'б', 'в'] {
            assert_eq!(sample.chars().filter(|&c| c == char).count(), SAMPLE, "{char}");
        }
    }
}

//! Documents that contain a benchmark's questions.
//!
//! A document is contaminated if it shares a run of 13 words with a question (after the normal form of [`crate::units`]: lower case, no
//! punctuation), the rule of GPT-3 (Brown et al. 2020, appendix C). As there, a question of fewer words counts as one run if it has at least 8.
//! Chinese and Japanese have no spaces to cut at, and a word of theirs is one to two characters long: there the run is 20 characters, and the
//! shortest question 13. (Runs of 13 characters hit 3 of 117 Japanese case reports by stock phrases like 家族歴特記すべきことはない; of 16, none.) What GPT-3 did beyond that (runs that more than ten documents share are no evidence) would need a second look
//! at the corpus: instead every hit names its run, so that a reader can tell a stock phrase.
//!
//! The texts to look for are given as an iterator, so any benchmark will do. Memory grows with the benchmark (about 30 bytes a word), not with the corpus.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};

use crate::units::{Unit, Units, rolling};
use crate::{Counts, Document, Error, Result, Step, Verdict};

/// Lengths of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Words that must be shared.
    pub words: usize,
    /// A shorter text counts as a whole if it has as many words as this.
    pub least_words: usize,
    /// Characters that must be shared, where a text is written without spaces.
    pub characters: usize,
    /// A shorter text counts as a whole if it has as many characters as this.
    pub least_characters: usize,
    /// Contaminated documents are dropped; else only counted.
    pub drop: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            words: 13,
            least_words: 8,
            characters: 20,
            least_characters: 13,
            drop: true,
        }
    }
}

/// A run that a document shares with a text of the benchmark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Name of the text, as given.
    pub question: String,
    /// The run, in normal form.
    pub ngram: String,
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Of the document.
    pub id: String,
    /// Of the document.
    pub source: String,
    /// Of the document.
    pub file: String,
    /// Of the document in its file.
    pub position: u64,
    #[serde(flatten)]
    pub hit: Hit,
}

/// The runs to look for.
pub struct Contamination {
    options: Options,
    names: Vec<String>,
    /// Of a run's hash: the first text that has it.
    words: Runs,
    characters: Runs,
    left_out: u64,
}

#[derive(Default)]
struct Runs {
    /// Number of the text.
    first: HashMap<u64, u32>,
    /// Lengths that occur, in units.
    lengths: Vec<usize>,
}

impl Contamination {
    /// From names and texts: questions, options, or both. One name may have several texts.
    pub fn new(texts: impl IntoIterator<Item = (String, String)>, options: Options) -> Result<Contamination> {
        if options.least_words == 0
            || options.least_characters == 0
            || options.words < options.least_words
            || options.characters < options.least_characters
        {
            return Err(Error::Refused(
                "contamination: runs must have at least one unit, and least_words and least_characters may not be larger than words and characters".to_owned(),
            ));
        }
        let mut found = Contamination {
            options,
            names: Vec::new(),
            words: Runs::default(),
            characters: Runs::default(),
            left_out: 0,
        };
        for (name, text) in texts {
            let units = Units::new(&text);
            let (full, least, runs) = match units.unit {
                Unit::Word => (found.options.words, found.options.least_words, &mut found.words),
                Unit::Character => (found.options.characters, found.options.least_characters, &mut found.characters),
            };
            let length = full.min(units.hashes.len());
            if length < least {
                found.left_out += 1;
                continue;
            }
            if found.names.last() != Some(&name) {
                found.names.push(name);
            }
            let number = (found.names.len() - 1) as u32;
            for hash in rolling(&units.hashes, length) {
                if let Entry::Vacant(place) = runs.first.entry(hash) {
                    place.insert(number);
                }
            }
            if !runs.lengths.contains(&length) {
                runs.lengths.push(length);
            }
        }
        for runs in [&mut found.words, &mut found.characters] {
            runs.lengths.sort_unstable_by(|a, b| b.cmp(a));
        }
        Ok(found)
    }

    /// Texts that were too short to be looked for.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Different runs that are looked for.
    pub fn runs(&self) -> usize {
        self.words.first.len() + self.characters.first.len()
    }

    /// The first of the longest shared runs, if there is one.
    pub fn find(&self, text: &str) -> Option<Hit> {
        let units = Units::new(text);
        let runs = match units.unit {
            Unit::Word => &self.words,
            Unit::Character => &self.characters,
        };
        runs.lengths.iter().find_map(|length| {
            let (first, number) = (0..)
                .zip(rolling(&units.hashes, *length))
                .find_map(|(first, hash)| runs.first.get(&hash).map(|number| (first, *number)))?;
            Some(Hit {
                question: self.names[number as usize].clone(),
                ngram: units.text(first, *length),
            })
        })
    }

    /// What becomes of a document in which [`Contamination::find`] found this.
    pub fn verdict(&self, hit: Option<&Hit>, counts: &mut Counts) -> Verdict {
        if hit.is_none() {
            return Verdict::Keep;
        }
        counts.add("contaminated", 1);
        if self.options.drop {
            Verdict::Drop("contaminated".into())
        } else {
            Verdict::Keep
        }
    }

    /// The report's line for a document, if it is contaminated.
    pub fn look_at(&self, document: &Document) -> Option<Line> {
        self.find(&document.text).map(|hit| Line::of(document, hit))
    }
}

impl Line {
    /// Of a document in which this was found.
    pub fn of(document: &Document, hit: Hit) -> Line {
        Line {
            id: document.id.clone(),
            source: document.source.clone(),
            file: document.file.clone(),
            position: document.position,
            hit,
        }
    }
}

/// The step's name, by which statistics tell whether anything was looked for.
pub const STEP: &str = "contamination";

impl Step for Contamination {
    fn name(&self) -> &'static str {
        STEP
    }

    fn apply(&self, document: &mut Document, counts: &mut Counts) -> Verdict {
        self.verdict(self.find(&document.text).as_ref(), counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(range: std::ops::Range<u32>) -> String {
        range.map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ")
    }

    fn of(texts: &[(&str, &str)]) -> Contamination {
        Contamination::new(
            texts.iter().map(|(name, text)| (name.to_string(), text.to_string())),
            Options::default(),
        )
        .unwrap()
    }

    #[test]
    fn thirteen_words_are_found_and_twelve_are_not() {
        let question = words(0..30);
        let contamination = of(&[("q1", &question)]);
        for first in 0..=17 {
            let shared = words(first..first + 13).to_uppercase().replace(' ', ", ");
            let hit = contamination.find(&format!("Before. {shared}! After.")).expect("13 words");
            assert_eq!((hit.question.as_str(), hit.ngram), ("q1", words(first..first + 13)));
        }
        for first in 0..=18 {
            assert_eq!(contamination.find(&format!("before {} after", words(first..first + 12))), None);
        }
    }

    #[test]
    fn a_short_question_counts_as_a_whole_from_eight_words() {
        let contamination = of(&[("seven", &words(0..7)), ("eight", &words(10..18)), ("long", &words(20..40))]);
        assert_eq!(contamination.left_out(), 1);
        assert_eq!(contamination.find(&words(0..7)), None);
        assert_eq!(contamination.find(&words(9..19)).unwrap().question, "eight");
        assert_eq!(contamination.find(&words(10..17)), None);
        assert_eq!(
            contamination
                .find(&format!("{} {}", words(10..18), words(20..33)))
                .unwrap()
                .question,
            "long",
            "the longest first"
        );
    }

    #[test]
    fn characters_count_where_there_are_no_words() {
        let question = "３日前から発熱と咳嗽が出現し、市販薬を服用したが改善しないため来院した。";
        let contamination = of(&[("ja-7", question)]);
        let hit = contamination
            .find("症例：3日前から発熱と咳嗽が出現し,市販薬を服用したが、良くなった。")
            .unwrap();
        assert_eq!(hit.question, "ja-7");
        assert_eq!(hit.ngram, "3日前から発熱と咳嗽が出現し市販薬を服用");
        assert_eq!(hit.ngram.chars().count(), 20);
        assert_eq!(contamination.find("市販薬を服用したが改善しない。"), None);
    }

    #[test]
    fn a_step_drops_or_only_counts() {
        let mut document = Document {
            id: Document::make_id("web", "a", 0),
            text: words(0..20),
            language: None,
            source: "web".into(),
            license: String::new(),
            file: "a".into(),
            position: 0,
        };
        for drop in [true, false] {
            let options = Options {
                drop,
                ..Options::default()
            };
            let step = Contamination::new([("q".to_owned(), words(0..13))], options).unwrap();
            let mut counts = Counts::default();
            let verdict = step.apply(&mut document, &mut counts);
            assert_eq!(
                verdict,
                if drop {
                    Verdict::Drop("contaminated".into())
                } else {
                    Verdict::Keep
                }
            );
            assert_eq!(counts.0["contaminated"], 1);
        }
        let nonsense = Options {
            least_words: 20,
            ..Options::default()
        };
        assert!(Contamination::new([], nonsense).is_err());
    }
}

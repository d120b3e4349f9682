//! What one rater said: JSONL, a header and a line for each question, written as it goes.
//!
//! What must hold: a line says everything about its question or nothing (a question is judged as a whole), so a record that was cut goes on
//! at the first question that is missing; what cannot be read is named by line and field.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ANCHORS, SCALE, Sheet, Study};
use crate::Language;

/// Version of the format, written as the header's first key.
pub const RATINGS_VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingsHeader {
    /// [`RATINGS_VERSION`].
    pub mmedkit_ratings: u32,
    /// [`Study::hash`].
    pub study: String,
    pub seed: u64,
    pub sources: Vec<String>,
    /// Questions of the study.
    pub questions: usize,
    /// A name or a pseudonym.
    pub rater: String,
    /// [`SCALE`].
    pub scale: String,
    /// RFC 3339 in UTC.
    pub started: String,
    pub software: String,
}

/// A question, judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatedQuestion {
    pub question_hash: String,
    pub language: Language,
    /// In the order in which the texts stood.
    pub ratings: Vec<Rating>,
    /// Time that the rater took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<f64>,
}

/// A text, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rating {
    pub source: String,
    /// One of [`ANCHORS`].
    pub score: u8,
    pub text: String,
}

/// A rater's record.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratings {
    pub header: RatingsHeader,
    pub questions: Vec<RatedQuestion>,
}

/// Why ratings cannot be read or do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatingError {
    #[error("the ratings are empty")]
    Empty,
    #[error("line {line} of the ratings: `{field}`: {problem}")]
    Line { line: usize, field: String, problem: String },
    #[error("line {line} of the ratings is no JSON object: {reason}")]
    Json { line: usize, reason: String },
    #[error("the ratings of {rater} are of another study: `{field}` is {found}, not {expected}")]
    OtherStudy {
        rater: String,
        field: &'static str,
        found: String,
        expected: String,
    },
    #[error("there are two records of {0}; name the rater's whole record alone")]
    SameRater(String),
}

impl RatingsHeader {
    /// Of a rater who begins now.
    pub fn new(study: &Study, rater: &str, started: &str, software: &str) -> RatingsHeader {
        RatingsHeader {
            mmedkit_ratings: RATINGS_VERSION,
            study: study.hash(),
            seed: study.seed,
            sources: study.sources.clone(),
            questions: study.items.len(),
            rater: rater.into(),
            scale: SCALE.into(),
            started: started.into(),
            software: software.into(),
        }
    }

    /// Its line in a record, ended.
    pub fn to_line(&self) -> String {
        crate::record::line(self)
    }

    /// In what two records differ that are to be of one study.
    pub(super) fn must_equal(&self, other: &RatingsHeader) -> Result<(), RatingError> {
        let facts = |h: &RatingsHeader| {
            [
                ("study", h.study.clone()),
                ("scale", h.scale.clone()),
                ("sources", h.sources.join(", ")),
            ]
        };
        match facts(self).into_iter().zip(facts(other)).find(|(mine, theirs)| mine != theirs) {
            None => Ok(()),
            Some(((field, found), (_, expected))) => Err(RatingError::OtherStudy {
                rater: self.rater.clone(),
                field,
                found,
                expected,
            }),
        }
    }
}

impl RatedQuestion {
    /// `scores` of the texts in the order in which the sheet shows them. `None` where they are not one of the scale's for each text.
    pub fn new(study: &Study, sheet: &Sheet, scores: &[u8], milliseconds: Option<f64>) -> Option<RatedQuestion> {
        if scores.len() != sheet.order.len() || scores.iter().any(|score| !on_the_scale(*score)) {
            return None;
        }
        let item = study.items.get(sheet.item)?;
        let ratings = sheet.order.iter().zip(scores).map(|(&place, &score)| Rating {
            source: study.sources[place].clone(),
            score,
            text: item.texts[place].clone(),
        });
        Some(RatedQuestion {
            question_hash: item.question_hash.clone(),
            language: item.language,
            ratings: ratings.collect(),
            milliseconds,
        })
    }

    /// Its line in a record, ended.
    pub fn to_line(&self) -> String {
        crate::record::line(self)
    }
}

impl Ratings {
    /// Header and questions, a line each, the last one ended too.
    pub fn to_jsonl(&self) -> String {
        self.questions
            .iter()
            .fold(self.header.to_line(), |out, question| out + &question.to_line())
    }

    /// The inverse of [`Ratings::to_jsonl`].
    pub fn from_jsonl(text: &str) -> Result<Ratings, RatingError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().ok_or(RatingError::Empty)?;
        let header = header(first)?;
        let mut seen = BTreeSet::new();
        let mut questions = Vec::new();
        for (index, text) in lines {
            let line = Line::whole(index + 1);
            let question = line.question(text, &header.sources)?;
            if !seen.insert(question.question_hash.clone()) {
                return Err(line.error("question_hash", "this question was judged in an earlier line"));
            }
            questions.push(question);
        }
        Ok(Ratings { header, questions })
    }

    /// The sheets that are still to be judged, in the rater's order. The record must be of this study.
    pub fn remaining(&self, study: &Study) -> Result<Vec<Sheet>, RatingError> {
        self.header.must_equal(&RatingsHeader::new(study, &self.header.rater, "", ""))?;
        let done: BTreeSet<&str> = self.questions.iter().map(|question| question.question_hash.as_str()).collect();
        let mut sheets = study.sheets(&self.header.rater);
        sheets.retain(|sheet| !done.contains(study.items[sheet.item].question_hash.as_str()));
        Ok(sheets)
    }
}

fn on_the_scale(score: u8) -> bool {
    ANCHORS.iter().any(|anchor| anchor.score == score)
}

fn header(text: &str) -> Result<RatingsHeader, RatingError> {
    let line = Line::whole(1);
    let object: Map<String, Value> = line.object(text)?;
    let version: u32 = line.get(&object, "mmedkit_ratings")?;
    if version != RATINGS_VERSION {
        return Err(line.error(
            "mmedkit_ratings",
            &format!("version {version}; this program reads {RATINGS_VERSION}"),
        ));
    }
    let scale: String = line.get(&object, "scale")?;
    if scale != SCALE {
        return Err(line.error("scale", &format!("{scale}; this program knows {SCALE}")));
    }
    Ok(RatingsHeader {
        mmedkit_ratings: version,
        study: line.get(&object, "study")?,
        seed: line.get(&object, "seed")?,
        sources: line.get(&object, "sources")?,
        questions: line.get(&object, "questions")?,
        rater: line.get(&object, "rater")?,
        scale,
        started: line.get(&object, "started")?,
        software: line.get(&object, "software")?,
    })
}

/// A line of the file, or an object inside it, for what is said about it.
struct Line {
    number: usize,
    /// `ratings[2].`, or nothing.
    inside: String,
}

impl Line {
    fn whole(number: usize) -> Line {
        Line {
            number,
            inside: String::new(),
        }
    }

    fn error(&self, field: &str, problem: &str) -> RatingError {
        RatingError::Line {
            line: self.number,
            field: format!("{}{field}", self.inside),
            problem: problem.into(),
        }
    }

    fn object(&self, text: &str) -> Result<Map<String, Value>, RatingError> {
        serde_json::from_str(text).map_err(|error| RatingError::Json {
            line: self.number,
            reason: error.to_string(),
        })
    }

    fn get<T: DeserializeOwned>(&self, object: &Map<String, Value>, key: &str) -> Result<T, RatingError> {
        let value = object.get(key).cloned().unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|error| match object.contains_key(key) {
            true => self.error(key, &error.to_string()),
            false => self.error(key, "missing"),
        })
    }

    fn question(&self, text: &str, sources: &[String]) -> Result<RatedQuestion, RatingError> {
        let object = self.object(text)?;
        let of: Vec<Map<String, Value>> = self.get(&object, "ratings")?;
        let mut missing: BTreeSet<&String> = sources.iter().collect();
        let mut ratings = Vec::new();
        for (place, rating) in of.iter().enumerate() {
            let at = Line {
                number: self.number,
                inside: format!("ratings[{place}]."),
            };
            let rating = Rating {
                source: at.get(rating, "source")?,
                score: at.get(rating, "score")?,
                text: at.get(rating, "text")?,
            };
            if !on_the_scale(rating.score) {
                return Err(at.error("score", &format!("{} is not on the scale", rating.score)));
            }
            if !missing.remove(&rating.source) {
                let problem = format!("{} is judged twice or no source of the header", rating.source);
                return Err(at.error("source", &problem));
            }
            ratings.push(rating);
        }
        if let Some(source) = missing.first() {
            return Err(self.error("ratings", &format!("{source} is not judged")));
        }
        Ok(RatedQuestion {
            question_hash: self.get(&object, "question_hash")?,
            language: self.get(&object, "language")?,
            ratings,
            milliseconds: match object.get("milliseconds") {
                None => None,
                Some(_) => self.get(&object, "milliseconds")?,
            },
        })
    }
}

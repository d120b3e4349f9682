//! People judge rationales: which texts they see, what they may say of them, and what follows from it.
//!
//! A [`Study`] holds, for each question, one text of every source. A rater gets it as [`Sheet`]s: blind (the sources' names are not shown)
//! and in an order of questions and of texts that seed and rater fix. What the rater says is [`Ratings`], a record that grows line by line.
//! [`summary`] says what was said of each source and how far raters agree; [`correlations`] which automatic metric says the same.
//!
//! What must hold: nothing that a rater sees depends on which source wrote a text; a study and its ratings belong together by hash; every
//! text is in the ratings, so that they can be read without the study.

mod correlation;
mod ratings;
mod study;
mod summary;

pub use correlation::{Correlation, FEWEST_TEXTS, RatedText, correlation, correlations, rated_texts};
pub use ratings::{RATINGS_VERSION, RatedQuestion, Rating, RatingError, Ratings, RatingsHeader};
pub use study::{Item, STORED, Sheet, Source, Study, StudyError};
pub use summary::{Group, Rater, SourceRow, Summary, summary};

/// The scale's name and version, in every record of ratings.
pub const SCALE: &str = "rationale.1";

/// A step of the scale, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub score: u8,
    pub name: &'static str,
    /// When to give it.
    pub says: &'static str,
}

/// What a rater is asked. Texts may get the same score.
pub const QUESTION: &str = "How well does this text explain the right answer? Judge whether its facts are right, whether its reasoning leads to the \
     answer, and whether it brings the medical knowledge that the question needs; not its length or style.";

/// The scale, best first. The wording is ours: the paper's own is not among the sources that we could read. Ranks within a question, which
/// the summary gives beside the scores, compare with a study that let its raters put the texts in order.
pub const ANCHORS: [Anchor; 5] = [
    Anchor {
        score: 5,
        name: "excellent",
        says: "Every statement is right, the reasoning is complete, and nothing needed is missing.",
    },
    Anchor {
        score: 4,
        name: "good",
        says: "Right and convincing; a detail is missing, vague or beside the point.",
    },
    Anchor {
        score: 3,
        name: "fair",
        says: "The main idea is right, but a step of the reasoning is missing or a lesser statement is wrong.",
    },
    Anchor {
        score: 2,
        name: "poor",
        says: "An important statement is wrong, or the reasoning does not lead to the answer.",
    },
    Anchor {
        score: 1,
        name: "useless",
        says: "Wrong, misleading, about something else, in another language, or no explanation at all.",
    },
];

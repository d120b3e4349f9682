//! What may be said from counted answers: intervals, tests, calibration, means over groups, rank correlation, agreement, early stopping.
//!
//! Plain functions of numbers; nothing here knows a question or a model. What must hold: every formula names its source and is compared
//! with the library that the field uses (`tests/conformance_statistics.rs`); what is not defined is `None`, never a made-up 0. Next:
//! `report/` puts them together for a run.
//!
//! - [`interval`]: Wilson and Clopper–Pearson intervals of a share
//! - [`mcnemar`]: two systems on the same questions: tests, and the difference with its interval
//! - [`group`]: means, standard errors, and their pooling over tasks as in lm-evaluation-harness
//! - [`calibration`]: expected calibration error, reliability bins, Brier score
//! - [`kendall`]: rank correlation of a metric with human ratings
//! - [`agreement`]: Krippendorff's alpha between raters
//! - [`bootstrap`]: percentile intervals and standard errors by resampling
//! - [`anytime`]: an interval that stays valid however often it is looked at, for stopping early

pub mod agreement;
pub mod anytime;
pub mod bootstrap;
pub mod calibration;
pub mod distribution;
pub mod group;
pub mod interval;
pub mod kendall;
pub mod mcnemar;

pub use interval::Interval;

//! What a reader must know before comparing.

use super::Report;
use crate::published::published;

pub(super) fn of(report: &Report) -> Vec<String> {
    let mut out = Vec::new();
    let run = &report.run;
    beside_mmedbench(report, &mut out);
    if report.english.is_some() {
        out.push(format!(
            "The published rows of English benchmarks are of several protocols, each named in its row, and often of whole test sets; this run is by protocol {}.",
            run.protocol
        ));
    }
    if let Some(until) = run.until.as_ref().filter(|_| report.all.n < run.data_questions as usize) {
        out.push(format!(
            "The run was to stop by its own result ({until}). Wilson's and the exact interval are too narrow then; quote the one that the command printed."
        ));
    }
    if let Some(position) = &report.position {
        out.push(format!(
            "Every rotation of the options was asked. The rows count the options as given; over all rotations the accuracy is {:.1}%.",
            100.0 * position.mean_accuracy
        ));
    }
    if report.unread > 0 {
        out.push(format!("Answers that could not be read, and count as wrong: {}.", report.unread));
    }
    if report.truncated > 0 {
        out.push(format!(
            "Questions that did not fit the model and were cut on the left: {}.",
            report.truncated
        ));
    }
    if run.unreadable_lines > 0 {
        out.push(format!(
            "Lines of the data that are no questions, and in no score: {}.",
            run.unreadable_lines
        ));
    }
    if run.data_questions as usize > report.all.n && report.position.is_none() {
        out.push(format!(
            "{} of {} questions of the data are answered.",
            report.all.n, run.data_questions
        ));
    }
    out
}

/// The accuracies on MMedBench: another experiment, or other questions.
fn beside_mmedbench(report: &Report, out: &mut Vec<String>) {
    if report.published.is_empty() {
        return;
    }
    if report.run.protocol != "paper" {
        out.push(format!(
            "The published rows are by generation after fine-tuning, read strictly (protocol paper); this run is by protocol {}. They are different experiments: compare the \
             languages within a row, not the rows.",
            report.run.protocol
        ));
    } else {
        out.push(
            "The published models were fine-tuned on MMedBench's training set, and the GPT and Gemini rows were not. The record does not say whether this model was.".into(),
        );
    }
    let sizes = &published().test_sizes;
    let compared = |place: usize| report.published.iter().any(|row| row.percent[place].is_some());
    let other: Vec<String> = report
        .languages
        .iter()
        .enumerate()
        .filter(|(place, _)| compared(*place))
        .filter_map(|(_, row)| Some((row, *sizes.get(&row.language?)?)))
        .filter(|(row, size)| row.n != *size)
        .map(|(row, size)| format!("{} {}, there {size}", row.name, row.n))
        .collect();
    if !other.is_empty() {
        out.push(format!(
            "The published rows rest on the whole test sets of MMedBench; these are other questions, or not all of them ({}).",
            other.join("; ")
        ));
    }
}

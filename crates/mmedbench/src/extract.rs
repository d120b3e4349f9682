//! Letters out of generated text: by the paper's rule, in the trained form only (quiz), and by a chain of fallbacks (`lenient.rs`).
//!
//! What must hold: what a rule does not read is "not read" and counted as such, never a guess; every line says by which rule it was read.

use std::collections::BTreeSet;

use crate::lenient::lenient;
use crate::prompt::{ANSWER_LEAD, ANSWER_TAIL, RATIONALE_LEAD};
use crate::protocol::{Protocol, letters_to_data};
use crate::{QuestionRecord, letters_from, letters_to_string};

/// What the paper's rule makes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaperAnswer {
    /// What is left of the text.
    pub extracted: String,
    /// Whether that is the key, all or nothing.
    pub correct: bool,
}

/// The rule of the authors' script: line breaks go, `###Answer: OPTION ` and `IS CORRECT.` with the end token behind it go, white space at the
/// ends goes. One right letter: what is left is that letter. Several: split at commas, the same set. Nothing else is tried, so `A, C` is not
/// `A,C` and a rationale before the answer makes it wrong. `gold` in `answer_idx`'s form.
pub fn paper(text: &str, end_token: &str, gold: &str) -> PaperAnswer {
    let text = text.replace(['\r', '\n'], "");
    let lead = format!("{ANSWER_LEAD} ");
    let tail = format!("{}{end_token}", ANSWER_TAIL.trim_start());
    let extracted = text.replace(&lead, "").replace(&tail, "").trim().to_string();
    let correct = if gold.contains(',') {
        extracted.split(',').collect::<BTreeSet<_>>() == gold.split(',').collect::<BTreeSet<_>>()
    } else {
        extracted == gold
    };
    PaperAnswer { extracted, correct }
}

/// Reads a line's text by `protocol` and fills in prediction, correctness and rule. `rationale`: the prompt asked for a rationale first; the
/// authors' script, as it is published, counts every such answer as wrong, so here the part from the last `###Answer:` on is read.
pub fn read_line(line: &mut QuestionRecord, protocol: Protocol, rationale: bool) {
    let text = line.text.clone().unwrap_or_default();
    line.protocol = Some(protocol.name().into());
    // Letters as they were shown, behind each of which stands a letter of the data.
    let order = line.option_order.clone().unwrap_or_default();
    let data: Vec<char> = order.chars().collect();
    let mut shown = data.clone();
    shown.sort_unstable();
    let place = |letter: &char| data.iter().position(|l| l == letter);
    let gold: BTreeSet<char> = letters_from(&line.gold)
        .unwrap_or_default()
        .iter()
        .filter_map(|l| Some(shown[place(l)?]))
        .collect();
    let (read, rule) = match protocol {
        Protocol::Lenient => {
            let texts = line.choices.as_deref().unwrap_or_default();
            let options: Vec<(char, &str)> = shown
                .iter()
                .zip(&data)
                .filter_map(|(letter, from)| Some((*letter, texts.get(shown.iter().position(|l| l == from)?)?.as_str())))
                .collect();
            let answer = lenient(&text, &shown, &options);
            (answer.letters, answer.rule)
        }
        _ => {
            let part = if rationale {
                text.rfind(ANSWER_LEAD).map_or(text.as_str(), |at| &text[at..])
            } else {
                &text
            };
            let answer = paper(part, "", &letters_to_string(&gold));
            let letters = answer.extracted.split(',').map(|part| {
                let mut chars = part.chars();
                chars.next().filter(|c| chars.next().is_none() && shown.contains(c))
            });
            let letters: Option<Vec<char>> = letters.collect();
            // A letter twice is not the trained form; with several right letters the script's sets forgive it.
            let letters = letters.filter(|l| answer.correct || l.iter().collect::<BTreeSet<_>>().len() == l.len());
            match letters {
                Some(letters) => (letters.into_iter().collect(), "paper"),
                None => (BTreeSet::new(), "none"),
            }
        }
    };
    let letters = letters_to_data(&order, &read).unwrap_or_default();
    line.rule = Some(rule.into());
    line.prediction = (!letters.is_empty()).then(|| letters_to_string(&letters));
    line.correct = Some(line.prediction.as_ref() == Some(&line.gold));
}

/// The letters of `###Answer: OPTION A,C IS CORRECT.` at the end of `text` (white space and one end token such as `</s>` may follow).
pub fn strict_answer(text: &str) -> Option<BTreeSet<char>> {
    let start = text.rfind(ANSWER_LEAD)? + ANSWER_LEAD.len();
    let rest = text[start..].strip_prefix(' ')?;
    let end = rest.find(ANSWER_TAIL)?;
    let after = rest[end + ANSWER_TAIL.len()..].trim();
    let end_token = after.is_empty() || (after.starts_with('<') && after.ends_with('>') && !after.contains(char::is_whitespace));
    let letters = &rest[..end];
    (end_token && !letters.contains(' ')).then(|| letters_from(letters)).flatten()
}

/// What a person reads of a generated explanation: without `###Rationale: ` before it and the answer line after it. Works on text that
/// is still growing: a half-written `###Answer…` at the end is held back.
pub fn rationale_text(text: &str) -> &str {
    let text = text.trim_start();
    let lead = RATIONALE_LEAD.trim_end();
    let text = if lead.starts_with(text) {
        ""
    } else {
        text.strip_prefix(lead).unwrap_or(text).trim_start()
    };
    let answer = "###Answer";
    if let Some(at) = text.find(answer) {
        return text[..at].trim_end();
    }
    let held = (1..answer.len()).rev().find(|n| text.ends_with(&answer[..*n])).unwrap_or(0);
    text[..text.len() - held].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_trained_form_is_read() {
        let read = |text: &str| strict_answer(text).map(|l| crate::letters_to_string(&l));
        assert_eq!(read("###Answer: OPTION C IS CORRECT."), Some("C".into()));
        assert_eq!(
            read("###Rationale: because.\n###Answer: OPTION A,D IS CORRECT.</s>\n"),
            Some("A,D".into())
        );
        assert_eq!(read("###Answer: OPTION D,A IS CORRECT.<|eot_id|>"), Some("A,D".into()));
        for no in [
            "C",
            "OPTION C IS CORRECT.",
            "###Answer: OPTION C",
            "###Answer: OPTION K IS CORRECT.",
            "###Answer: OPTION  IS CORRECT.",
            "###Answer: OPTION C IS CORRECT. But also B.",
        ] {
            assert_eq!(read(no), None, "{no}");
        }
    }

    #[test]
    fn a_growing_text_never_shows_the_frame() {
        let whole = "###Rationale: It is # 4. \n###Answer: OPTION C IS CORRECT.";
        for (end, _) in whole.char_indices() {
            let shown = rationale_text(&whole[..end]);
            assert!("It is # 4.".starts_with(shown), "{shown:?}");
        }
        assert_eq!(rationale_text(whole), "It is # 4.");
        assert_eq!(rationale_text("Plain words."), "Plain words.");
        assert_eq!(rationale_text(""), "");
    }
}

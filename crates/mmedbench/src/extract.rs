//! Letters out of generated text, strictly as the paper's models are trained to write them; and the rationale before them.
//!
//! What must hold: anything that is not the trained form is "not read" ([`None`]), never a guess.

use std::collections::BTreeSet;

use crate::letters_from;
use crate::prompt::{ANSWER_LEAD, ANSWER_TAIL, RATIONALE_LEAD};

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

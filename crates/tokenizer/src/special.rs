//! The ids that mean something: begin, end, end of turn, padding.

use std::collections::BTreeSet;

use crate::Vocabulary;

/// Ids of the tokens with a role. `None` where the model has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begin of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// End of turn.
    pub eot: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// What the vocabulary cannot spell.
    pub unknown: Option<u32>,
    /// Generation stops at any of these: end of sequence, end of turn, and what the files name besides.
    pub stop: BTreeSet<u32>,
}

/// Texts that end a turn in the families of models that we know, for files that name no such token.
const END_OF_TURN: [&str; 6] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<end_of_turn>",
    "<|end|>",
    "<|eom_id|>",
    "<|end_of_turn|>",
];
/// Texts that end a sequence, likewise.
const END_OF_TEXT: [&str; 4] = ["<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "<eos>"];

impl SpecialTokens {
    /// Fills what the files left open from well-known texts among the control and user-defined tokens.
    pub(crate) fn complete(&mut self, vocabulary: &Vocabulary) {
        let known: Vec<(u32, &str)> = vocabulary
            .of_kind(|kind| kind.is_special() || kind == crate::TokenKind::UserDefined)
            .collect();
        let find = |text: &str| known.iter().find(|(_, known)| *known == text).map(|(id, _)| *id);
        if self.eot.is_none() {
            self.eot = END_OF_TURN.into_iter().find_map(find);
        }
        self.stop.extend(END_OF_TURN.into_iter().chain(END_OF_TEXT).filter_map(find));
        self.stop.extend(self.eos);
        self.stop.extend(self.eot);
    }
}

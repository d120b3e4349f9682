//! SentencePiece's greedy merging by score (Kudo and Richardson, 2018; the BPE kind), as GGUF files of the `llama` kind need it.
//!
//! Text is cut into characters; of all neighbours whose joint text is a token, the pair with the highest score is merged, the leftmost first
//! among equals, until none is left. What is no token then is spelled in bytes. GGUF stores scores, not merges, and two merges into one token
//! have one score, which a ranked list of merges cannot say: hence this and not the BPE of the crate `tokenizers`.
//! Cost: O(n log n) for n characters; look-ups are as long as two tokens at most.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use aho_corasick::{AhoCorasick, MatchKind};

use crate::bytes::{SPACE_MARK, from_byte_token};
use crate::{Error, Result, TokenKind, Vocabulary};

/// Finds tokens that stand in the text literally. Longest first, from the left.
struct Literals {
    finder: Option<AhoCorasick>,
    ids: Vec<u32>,
}

impl Literals {
    fn new<'a>(tokens: impl Iterator<Item = (u32, &'a str)>) -> Result<Literals> {
        let (ids, texts): (Vec<u32>, Vec<&str>) = tokens.filter(|(_, text)| !text.is_empty()).unzip();
        let finder = match texts.is_empty() {
            true => None,
            false => Some(
                AhoCorasick::builder()
                    .match_kind(MatchKind::LeftmostLongest)
                    .build(&texts)
                    .map_err(|error| Error::metadata("tokenizer.ggml.tokens", error.to_string()))?,
            ),
        };
        Ok(Literals { finder, ids })
    }
}

/// A vocabulary with scores.
pub struct Spm {
    ids: HashMap<String, u32>,
    scores: Vec<f32>,
    bytes: [Option<u32>; 256],
    unknown: Option<u32>,
    add_space_prefix: bool,
    special: Literals,
    user_defined: Literals,
}

/// A neighbouring pair that may be merged.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both when the pair was found; a pair whose members have changed since is stale.
    size: usize,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Pair {}
impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

/// A piece of text between two others.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    /// Bytes; 0 once merged into its left neighbour.
    len: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

impl Spm {
    /// Errors: scores that are no numbers or not one a token; a byte that can be spelled neither as itself nor as unknown.
    pub(crate) fn new(vocabulary: &Vocabulary, scores: Vec<f32>, unknown: Option<u32>, add_space_prefix: bool) -> Result<Spm> {
        if scores.len() != vocabulary.len() {
            return Err(Error::metadata(
                "tokenizer.ggml.scores",
                format!(
                    "{} scores for {} tokens; the file is damaged or was converted wrongly",
                    scores.len(),
                    vocabulary.len()
                ),
            ));
        }
        if let Some(id) = scores.iter().position(|score| score.is_nan()) {
            return Err(Error::metadata(
                "tokenizer.ggml.scores",
                format!("the score of token {id} is not a number"),
            ));
        }
        let mut bytes = [None; 256];
        for (id, text) in vocabulary.of_kind(|kind| kind == TokenKind::Byte) {
            if let Some(byte) = from_byte_token(text) {
                bytes[usize::from(byte)] = Some(id);
            }
        }
        if unknown.is_none() && crate::bytes::utf8_bytes().any(|byte| bytes[usize::from(byte)].is_none()) {
            return Err(Error::metadata(
                "tokenizer.ggml.tokens",
                "has neither a token for every byte nor an unknown token, so that some text has no tokens",
            ));
        }
        Ok(Spm {
            ids: (0u32..).zip(vocabulary.texts()).map(|(id, text)| (text.clone(), id)).collect(),
            scores,
            bytes,
            unknown,
            add_space_prefix,
            special: Literals::new(vocabulary.of_kind(|kind| kind.is_special() || kind == TokenKind::UserDefined))?,
            user_defined: Literals::new(vocabulary.of_kind(|kind| kind == TokenKind::UserDefined))?,
        })
    }

    /// Scores by id.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Whether text at the start and after a special token gets a space first.
    pub fn add_space_prefix(&self) -> bool {
        self.add_space_prefix
    }

    /// Ids of `text`. With `parse_special`, control tokens in the text are themselves; user-defined ones always are.
    pub fn encode(&self, text: &str, parse_special: bool) -> Vec<u32> {
        let literals = if parse_special { &self.special } else { &self.user_defined };
        let mut output = Vec::new();
        let mut done = 0;
        for found in literals.finder.iter().flat_map(|finder| finder.find_iter(text)) {
            self.encode_fragment(&text[done..found.start()], &mut output);
            output.push(literals.ids[found.pattern().as_usize()]);
            done = found.end();
        }
        self.encode_fragment(&text[done..], &mut output);
        output
    }

    /// A fragment always stands at the start or after a special token.
    fn encode_fragment(&self, fragment: &str, output: &mut Vec<u32>) {
        if fragment.is_empty() {
            return;
        }
        let mut text = String::with_capacity(fragment.len() + 3);
        if self.add_space_prefix {
            text.push(SPACE_MARK);
        }
        text.extend(
            fragment
                .chars()
                .map(|character| if character == ' ' { SPACE_MARK } else { character }),
        );

        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(index, (start, character))| Symbol {
                start,
                len: character.len_utf8(),
                previous: index.checked_sub(1),
                next: Some(index + 1),
            })
            .collect();
        symbols.last_mut().expect("the fragment is not empty").next = None;

        let mut queue = BinaryHeap::new();
        for right in 1..symbols.len() {
            self.consider(&text, &symbols, right - 1, right, &mut queue);
        }
        while let Some(pair) = queue.pop() {
            let (left, right) = (symbols[pair.left], symbols[pair.right]);
            if left.len == 0 || right.len == 0 || left.len + right.len != pair.size {
                continue;
            }
            symbols[pair.left].len = pair.size;
            symbols[pair.left].next = right.next;
            symbols[pair.right].len = 0;
            if let Some(next) = right.next {
                symbols[next].previous = Some(pair.left);
                self.consider(&text, &symbols, pair.left, next, &mut queue);
            }
            if let Some(previous) = left.previous {
                self.consider(&text, &symbols, previous, pair.left, &mut queue);
            }
        }

        for symbol in symbols.iter().filter(|symbol| symbol.len > 0) {
            let piece = &text[symbol.start..symbol.start + symbol.len];
            match self.ids.get(piece) {
                Some(id) => output.push(*id),
                None => self.encode_bytes(piece, output),
            }
        }
    }

    /// Puts the pair in the queue if its text is a token.
    fn consider(&self, text: &str, symbols: &[Symbol], left: usize, right: usize, queue: &mut BinaryHeap<Pair>) {
        let size = symbols[left].len + symbols[right].len;
        if let Some(id) = self.ids.get(&text[symbols[left].start..symbols[left].start + size]) {
            queue.push(Pair {
                score: self.scores[*id as usize],
                left,
                right,
                size,
            });
        }
    }

    fn encode_bytes(&self, piece: &str, output: &mut Vec<u32>) {
        let spelled: Option<Vec<u32>> = piece.bytes().map(|byte| self.bytes[usize::from(byte)]).collect();
        match spelled {
            Some(ids) => output.extend(ids),
            None => output.extend(self.unknown),
        }
    }
}

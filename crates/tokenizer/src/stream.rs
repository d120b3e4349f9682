//! Text that appears while tokens arrive.
//!
//! A character may be spread over several tokens; its bytes are held back until it is whole. What comes out, put together, is what decoding
//! all tokens at once gives, the space that some vocabularies add before a text excepted: a stream goes on from a prompt, where it is text.

use crate::{Result, Tokenizer};

/// Holds the bytes of a character that is not whole yet.
#[derive(Clone, Debug, Default)]
pub struct StreamDecoder {
    pending: Vec<u8>,
    keep_special: bool,
}

impl StreamDecoder {
    /// `skip_special`: control tokens give no text.
    pub fn new(skip_special: bool) -> StreamDecoder {
        StreamDecoder {
            pending: Vec::new(),
            keep_special: !skip_special,
        }
    }

    /// The text that `id` completes, maybe empty. Errors: an id outside the vocabulary.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> Result<String> {
        if tokenizer.is_special(id)? && !self.keep_special {
            return Ok(String::new());
        }
        Ok(self.push_bytes(&tokenizer.token_bytes(id)?))
    }

    /// The text that `bytes` complete. Bytes that can never become a character give U+FFFD at once.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest: &[u8] = &self.pending;
        loop {
            match std::str::from_utf8(rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    rest = &[];
                }
                Err(error) => {
                    let (whole, after) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(whole).expect("valid up to here"));
                    rest = after;
                    if let Some(wrong) = error.error_len() {
                        text.push(char::REPLACEMENT_CHARACTER);
                        rest = &rest[wrong..];
                        continue;
                    }
                }
            }
            break;
        }
        self.pending = rest.to_vec();
        text
    }

    /// What is left when no more tokens come: U+FFFD for a cut character, else nothing.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_out_whole_however_their_bytes_are_cut() {
        let mut bytes = "aé語🦙!".as_bytes().to_vec();
        bytes.extend([0xFF, b'b', 0xE8, 0xAA]); // wrong byte, text, cut character
        for cut in 1..bytes.len() {
            let mut stream = StreamDecoder::new(true);
            let mut text = String::new();
            for piece in bytes.chunks(cut) {
                let new = stream.push_bytes(piece);
                text.push_str(&new);
                assert!(stream.pending.len() < 4, "only a character's beginning is held back");
            }
            text.push_str(&stream.finish());
            assert_eq!(text, String::from_utf8_lossy(&bytes), "pieces of {cut} bytes");
        }
    }
}

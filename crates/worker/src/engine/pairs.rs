//! A context and a continuation in tokens, as lm-evaluation-harness cuts them (its `_encode_pair`).
//!
//! White space at the end of the context belongs to the continuation, because most vocabularies spell ` word` as one token. Then the whole text
//! is encoded, the context is encoded alone, and the continuation is what the whole has beyond as many tokens.

/// `(context, continuation)` in tokens, with nothing in front of the context. Either may come out empty, which is the caller's to judge.
pub fn encode_pair<E>(context: &str, continuation: &str, encode: impl Fn(&str) -> Result<Vec<u32>, E>) -> Result<(Vec<u32>, Vec<u32>), E> {
    let whole = format!("{context}{continuation}");
    let context = encode(context.trim_end())?;
    let mut whole = encode(&whole)?;
    let continuation = whole.split_off(context.len().min(whole.len()));
    Ok((context, continuation))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A toy vocabulary with longest match: pairs of letters are one token, a space joins the letter after it.
    fn encode(text: &str) -> Result<Vec<u32>, ()> {
        let known = ["", "a", "b", "ab", " ", " a", " b", "\n", "bc", "c"];
        let mut ids = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let best = (1..known.len())
                .filter(|&id| rest.starts_with(known[id]))
                .max_by_key(|&id| known[id].len())
                .ok_or(())?;
            ids.push(best as u32);
            rest = &rest[known[best].len()..];
        }
        Ok(ids)
    }

    #[test]
    fn spaces_at_the_end_of_the_context_go_to_the_continuation() {
        assert_eq!(encode_pair("a ", "b", encode), Ok((vec![1], vec![6])));
        assert_eq!(encode_pair("a", " b", encode), Ok((vec![1], vec![6])));
    }

    #[test]
    fn a_token_over_the_seam_costs_the_continuation_what_the_context_had() {
        // "a" + "b" is the one token "ab", so nothing is left: the caller refuses it.
        assert_eq!(encode_pair("a", "b", encode), Ok((vec![1], vec![])));
        // "ab" + "c" is "ab", "c".
        assert_eq!(encode_pair("ab", "c", encode), Ok((vec![3], vec![9])));
    }

    #[test]
    fn an_empty_context_has_no_tokens() {
        assert_eq!(encode_pair("", " a", encode), Ok((vec![], vec![5])));
        assert_eq!(encode_pair("  ", "a", encode), Ok((vec![], vec![4, 5])));
    }
}

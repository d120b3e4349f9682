//! A context and its continuation in tokens, cut as lm-evaluation-harness cuts them (its `_encode_pair`), so that scores can be compared:
//! white space at the end of the context belongs to the continuation; both are encoded together; what follows as many tokens as the context
//! alone has is the continuation.

use anyhow::{Result, bail};
use decoder::score::ScoreRequest;
use tokenizer::Tokenizer;

/// What stands before a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// What the model expects before a text, usually a begin token: lm-evaluation-harness's default.
    Expected,
    /// The model's begin token, also where its tokenizer leaves it out.
    Begin,
    /// Nothing: the harness's `add_bos_token=False`.
    Nothing,
    /// Nothing, and names of special tokens in the context are those tokens: a chat template wrote it.
    Rendered,
}

impl Before {
    /// What is put before a text's own tokens. Errors: a begin token is wanted of a model that has none.
    pub fn tokens(self, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        Ok(match self {
            Before::Expected => tokenizer.prefix().to_vec(),
            Before::Begin => match tokenizer.special().bos {
                Some(id) => vec![id],
                None => bail!("the model has no begin token"),
            },
            Before::Nothing | Before::Rendered => Vec::new(),
        })
    }
}

/// Tokens of a context with several continuations.
pub fn request(tokenizer: &Tokenizer, context: &str, continuations: &[String], before: Before) -> Result<ScoreRequest> {
    let encode = |text: &str| tokenizer.encode(text, false, before == Before::Rendered);
    let trimmed = context.trim_end();
    let prefix = before.tokens(tokenizer)?;
    let mut alone = encode(trimmed)?;
    let body = alone.len();
    alone.splice(0..0, prefix);
    if alone.is_empty() {
        // Something must stand before the first token.
        match tokenizer.special().bos.or(tokenizer.special().eos) {
            Some(id) => alone.push(id),
            None => bail!("the context is empty, and the model has no token to begin a text with"),
        }
    }
    let mut continuations_tokens = Vec::with_capacity(continuations.len());
    for continuation in continuations {
        let whole = encode(&format!("{context}{continuation}"))?;
        // A merge across the border would change the context's last tokens; the context keeps its own, as in the harness.
        let tokens = whole[body.min(whole.len())..].to_vec();
        if tokens.is_empty() {
            bail!("the continuation {continuation:?} has no tokens of its own after this context");
        }
        continuations_tokens.push(tokens);
    }
    Ok(ScoreRequest {
        context: alone,
        continuations: continuations_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut by lm-evaluation-harness itself (`tests/scripts/harness_pairs.py`), merges over the border and trailing white space included.
    #[test]
    fn pairs_are_cut_as_the_harness_cuts_them() {
        let vocabulary = include_bytes!("../tests/fixtures/harness_vocabulary.json");
        let tokenizer = Tokenizer::from_tokenizer_json(vocabulary, None, None).unwrap();
        let stored: serde_json::Value = serde_json::from_str(include_str!("../tests/fixtures/harness_pairs.json")).unwrap();
        let ids = |value: &serde_json::Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };
        let (mut cut, mut refused) = (0, 0);
        for pair in stored["pairs"].as_array().unwrap() {
            let (context, continuation) = (pair["context"].as_str().unwrap(), pair["continuation"].as_str().unwrap());
            let request = request(&tokenizer, context, &[continuation.to_owned()], Before::Nothing);
            let expected = ids(&pair["continuation_tokens"]);
            if expected.is_empty() {
                assert!(request.is_err(), "{context:?} {continuation:?}");
                refused += 1;
                continue;
            }
            let request = request.unwrap();
            assert_eq!(request.context, ids(&pair["context_tokens"]), "{context:?} {continuation:?}");
            assert_eq!(request.continuations, [expected], "{context:?} {continuation:?}");
            cut += 1;
        }
        assert!(cut >= 90 && refused >= 1, "{cut} cut, {refused} refused");
    }
}

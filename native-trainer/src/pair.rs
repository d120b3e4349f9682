//! A context and its continuation in tokens, cut as lm-evaluation-harness cuts them (its `_encode_pair`), so that scores can be compared:
//! white space at the end of the context belongs to the continuation; both are encoded together; what follows as many tokens as the context
//! alone has is the continuation.

use anyhow::{Result, bail};
use decoder::score::ScoreRequest;
use tokenizer::Tokenizer;

/// Tokens of a context with several continuations. `special`: begin with what the model expects before a text.
pub fn request(tokenizer: &Tokenizer, context: &str, continuations: &[String], special: bool) -> Result<ScoreRequest> {
    let trimmed = context.trim_end();
    let space = &context[trimmed.len()..];
    let prefix: &[u32] = if special { tokenizer.prefix() } else { &[] };
    let mut alone = tokenizer.encode(trimmed, false, false)?;
    let body = alone.len();
    alone.splice(0..0, prefix.iter().copied());
    if alone.is_empty() {
        // Something must stand before the first token.
        match tokenizer.special().bos.or(tokenizer.special().eos) {
            Some(id) => alone.push(id),
            None => bail!("the context is empty, and the model has no token to begin a text with"),
        }
    }
    let mut continuations_tokens = Vec::with_capacity(continuations.len());
    for continuation in continuations {
        let whole = tokenizer.encode(&format!("{trimmed}{space}{continuation}"), false, false)?;
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

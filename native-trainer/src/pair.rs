//! A context and its continuation in tokens, cut as lm-evaluation-harness cuts them (its `_encode_pair`), so that scores can be compared:
//! white space at the end of the context belongs to the continuation; both are encoded together; what follows as many tokens as the context
//! alone has is the continuation.

use anyhow::{Result, bail};
use decoder::score::ScoreRequest;
use tokenizer::Tokenizer;

/// Tokens of a context with several continuations. `special`: begin with what the model expects before a text.
pub fn request(tokenizer: &Tokenizer, context: &str, continuations: &[String], special: bool) -> Result<Vec<ScoreRequest>> {
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
    let mut requests: Vec<ScoreRequest> = Vec::new();
    for continuation in continuations {
        let whole = tokenizer.encode(&format!("{trimmed}{space}{continuation}"), false, false)?;
        let tokens = whole[body.min(whole.len())..].to_vec();
        if tokens.is_empty() {
            bail!("the continuation {continuation:?} has no tokens of its own after this context");
        }
        // A merge across the border changes the context's last tokens: then this continuation has a context of its own.
        let mut own = alone.clone();
        let start = own.len() - body;
        if body > 0 {
            own.splice(start.., whole[..body].iter().copied());
        }
        match requests.last_mut().filter(|last| last.context == own) {
            Some(last) => last.continuations.push(tokens),
            None => requests.push(ScoreRequest {
                context: own,
                continuations: vec![tokens],
            }),
        }
    }
    Ok(requests)
}

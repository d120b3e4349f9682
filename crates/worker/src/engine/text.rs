//! What happens to texts on their way to the model and back: requests to tokens, scores and tokens to replies.

use super::control::now_ms;
use super::failure;
use super::pairs::encode_pair;
use crate::protocol::*;
use decoder::Backend;
use decoder::choices::{CutScores, FirstTokens};
use decoder::generate::{Generation, StopStrings};
use decoder::sample::Sampling;
use decoder::score::{Score, ScoreRequest};
use decoder::session::Session;
use tokenizer::{Message, RenderOptions, StreamDecoder, Tokenizer};

/// Tokens that a text gets where the request does not say.
const DEFAULT_MAX_TOKENS: u32 = 256;

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::BadRequest, message)
}

/// An item in tokens. Errors: no continuations, one that adds no token of its own, or a text longer than `longest` that is not to be cut.
pub fn score_request(tokenizer: &Tokenizer, item: &ScoreItem, longest: usize) -> Result<ScoreRequest, Failure> {
    let (mut context, mut continuations) = (None, Vec::with_capacity(item.continuations.len()));
    for continuation in &item.continuations {
        let pair = pair(tokenizer, &item.context, continuation, item.rendered)?;
        let needed = pair.0.len() + pair.1.len() - 1;
        if !item.truncate && needed > longest {
            return Err(failure::decoder(decoder::Error::ContextFull {
                needed,
                available: longest,
            }));
        }
        context.get_or_insert(pair.0);
        continuations.push(pair.1);
    }
    let context = context.ok_or_else(|| bad("an item without continuations has no scores"))?;
    Ok(ScoreRequest { context, continuations })
}

/// A pair in tokens, neither of them empty.
///
/// What the model expects before a text is put there, unless the text was rendered; then names of special tokens in it are those tokens.
fn pair(tokenizer: &Tokenizer, context: &str, continuation: &str, rendered: bool) -> Result<(Vec<u32>, Vec<u32>), Failure> {
    let encode = |text: &str| tokenizer.encode(text, false, rendered);
    let (mut before, after) = encode_pair(context, continuation, encode).map_err(failure::tokenizer)?;
    if !rendered {
        before.splice(0..0, tokenizer.prefix().iter().copied());
    }
    if before.is_empty() {
        // As lm-evaluation-harness: an empty context is the token that begins (or else ends) a text.
        let special = tokenizer.special();
        let first = special
            .bos
            .or(special.eos)
            .ok_or_else(|| bad("the context is empty, and this model has no token that begins a text"))?;
        before.push(first);
    }
    if after.is_empty() {
        return Err(bad(format!(
            "the continuation {continuation:?} adds no token to the context, so it has no probability of its own"
        )));
    }
    Ok((before, after))
}

/// Scores for a page.
pub fn scores(result: CutScores, per_token: bool) -> Scores {
    let scores = &result.scores;
    let tokens = |score: &Score| score.token_log_likelihoods.iter().map(|&value| f64::from(value)).collect();
    Scores {
        log_likelihoods: scores.iter().map(Score::log_likelihood).collect(),
        token_counts: scores.iter().map(|score| score.token_log_likelihoods.len() as u32).collect(),
        greedy: scores.iter().map(|score| score.greedy).collect(),
        token_log_likelihoods: per_token.then(|| scores.iter().map(tokens).collect()),
        context_tokens: result.context_tokens as u32,
        truncated_tokens: result.cut as u32,
    }
}

/// A context and its options in tokens. Errors: as [`score_request`].
pub fn option_request(tokenizer: &Tokenizer, item: &OptionItem, longest: usize) -> Result<ScoreRequest, Failure> {
    let item = ScoreItem {
        context: item.context.clone(),
        continuations: item.options.clone(),
        rendered: item.rendered,
        truncate: item.truncate,
    };
    score_request(tokenizer, &item, longest)
}

/// Logits and their softmax among themselves.
pub fn option_result(result: FirstTokens) -> OptionResult {
    let logits: Vec<f64> = result.logits.into_iter().map(f64::from).collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let sum: f64 = weights.iter().sum();
    OptionResult {
        tokens: result.tokens,
        probabilities: weights.iter().map(|weight| weight / sum).collect(),
        logits,
        context_tokens: result.context_tokens as u32,
        truncated_tokens: result.cut as u32,
    }
}

/// The prompt that the chat template makes.
pub fn render(tokenizer: &Tokenizer, messages: &[ChatMessage], add_generation_prompt: bool) -> Result<String, Failure> {
    if messages.is_empty() {
        return Err(bad("a conversation needs at least one message"));
    }
    let messages: Vec<Message> = messages
        .iter()
        .map(|message| Message::new(&message.role, &message.content))
        .collect();
    let options = RenderOptions {
        add_generation_prompt,
        ..RenderOptions::default()
    };
    tokenizer.render_chat(&messages, &options).map_err(failure::tokenizer)
}

/// A text to be written.
pub struct Writing {
    prompt: Vec<u32>,
    /// Tokens that its left has lost.
    cut: usize,
    sampling: Sampling,
    max_tokens: usize,
    stops: StopStrings,
}

impl Writing {
    /// Errors: both or neither of prompt and messages, options out of range, a prompt that fills the context.
    pub fn new(tokenizer: &Tokenizer, request: Generate, context_length: u32) -> Result<Writing, Failure> {
        let (text, rendered) = match (request.prompt, request.messages) {
            (Some(prompt), None) => (prompt, request.rendered),
            (None, Some(messages)) => (render(tokenizer, &messages, true)?, true),
            _ => return Err(bad("give either a prompt or messages")),
        };
        let mut prompt = tokenizer.encode(&text, false, rendered).map_err(failure::tokenizer)?;
        if !rendered {
            prompt.splice(0..0, tokenizer.prefix().iter().copied());
        }
        if prompt.is_empty() {
            return Err(bad("the prompt is empty"));
        }
        let max_tokens = request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS) as usize;
        // As lm-evaluation-harness: what is to be written keeps its room, and the prompt loses its beginning.
        let room = (context_length as usize).saturating_sub(max_tokens).max(1);
        let cut = if request.truncate { prompt.len().saturating_sub(room) } else { 0 };
        prompt.drain(..cut);
        if prompt.len() >= context_length as usize {
            let error = decoder::Error::ContextFull {
                needed: prompt.len() + 1,
                available: context_length as usize,
            };
            return Err(failure::decoder(error));
        }
        let none = Sampling::default();
        let sampling = Sampling {
            temperature: request.temperature.unwrap_or(none.temperature),
            top_k: request.top_k.map_or(none.top_k, |k| k as usize),
            top_p: request.top_p.unwrap_or(none.top_p),
            min_p: request.min_p.unwrap_or(none.min_p),
            repetition_penalty: request.repetition_penalty.unwrap_or(none.repetition_penalty),
            seed: request.seed.unwrap_or(none.seed),
        };
        sampling.validate().map_err(failure::decoder)?;
        Ok(Writing {
            prompt,
            cut,
            sampling,
            max_tokens,
            stops: StopStrings::new(request.stop),
        })
    }

    /// Writes it.
    pub async fn run<B: Backend>(
        mut self,
        session: &mut Session<B>,
        tokenizer: &Tokenizer,
        events: &mut dyn FnMut(Event),
    ) -> decoder::Result<Generated> {
        let unknown = |error: tokenizer::Error| decoder::Error::Input(error.to_string());
        // The session ends silently at its context; here it is told apart from the model's own end.
        let room = session.context_length().saturating_sub(self.prompt.len());
        let stop_tokens = tokenizer.special().stop.iter().copied().collect();
        let prompt_tokens = self.prompt.len() as u32;
        let started = now_ms();
        let mut generation = Generation::new(session, &self.prompt, self.sampling, stop_tokens)?;
        let mut decoded = StreamDecoder::new(true);
        let (mut text, mut tokens, mut first_at) = (String::new(), Vec::new(), started);
        let stopped = loop {
            if tokens.len() >= self.max_tokens {
                break Stopped::MaxTokens;
            }
            if tokens.len() >= room {
                break Stopped::ContextFull;
            }
            let next = generation.next(session).await?;
            if tokens.is_empty() {
                first_at = now_ms();
            }
            let Some(token) = next else { break Stopped::EndOfText };
            tokens.push(token);
            // A vocabulary may be padded: tokens beyond the tokenizer's have no text.
            let piece = if (token as usize) < tokenizer.vocab_size() {
                decoded.push(tokenizer, token).map_err(unknown)?
            } else {
                String::new()
            };
            let piece = self.stops.push(&piece);
            text.push_str(&piece);
            events(Event::Token { token, text: piece });
            if self.stops.stopped() {
                break Stopped::StopString;
            }
        };
        let rest = self.stops.push(&decoded.finish()) + &self.stops.finish();
        if let (false, Some(&token)) = (rest.is_empty() || stopped == Stopped::StopString, tokens.last()) {
            text.push_str(&rest);
            events(Event::Token { token, text: rest });
        }
        let decode_ms = if tokens.is_empty() { 0.0 } else { now_ms() - first_at };
        Ok(Generated {
            text,
            tokens,
            prompt_tokens,
            truncated_tokens: self.cut as u32,
            prefill_ms: first_at - started,
            decode_ms,
            stopped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_options_are_a_softmax_that_does_not_overflow() {
        let result = option_result(FirstTokens {
            tokens: vec![5, 6, 7],
            logits: vec![1000.0, 1000.0, 1000.0 - std::f32::consts::LN_2],
            ..FirstTokens::default()
        });
        let rounded: Vec<f64> = result.probabilities.iter().map(|p| (p * 1e4).round() / 1e4).collect();
        assert_eq!(rounded, [0.4, 0.4, 0.2]);
    }
}

//! What a run needs of a model and of a place to write to: the two ends that differ between a server and a browser.
//!
//! What must hold: texts go out, numbers and texts come back, in the order asked, whatever batches the model's side makes of them; a text
//! longer than the model is cut on the left and the cut is told.

use std::fmt;

/// A model, wherever it runs. Natively over `decoder::Session`, in the browser over the worker's client.
#[allow(async_fn_in_trait)] // one thread on both sides
pub trait Model {
    /// What can go wrong on the model's side.
    type Error: fmt::Display + fmt::Debug;

    /// The prompt that the model's chat template makes of one message of the user, with the opening of the model's turn. Errors: the model has no
    /// template.
    async fn render(&mut self, message: &str) -> Result<String, Self::Error>;

    /// After each context, the log-probabilities of the continuations' first tokens (up to a constant that they share). Where all
    /// continuations of a request begin with the same tokens (a space that is a token of its own), those belong to the context. Errors: two
    /// continuations that begin with the same token otherwise.
    async fn letters(&mut self, requests: &[Request]) -> Result<Vec<Letters>, Self::Error>;

    /// Log-likelihoods of whole continuations, texts cut into tokens as lm-evaluation-harness cuts them. An empty context is the
    /// token that begins a text.
    async fn score(&mut self, requests: &[Request]) -> Result<Vec<Scored>, Self::Error>;

    /// Writes a text, greedily.
    async fn write(&mut self, request: &WriteRequest) -> Result<Written, Self::Error>;

    /// A clock in milliseconds that never goes back.
    fn now_ms(&self) -> f64;
}

/// A context and what may follow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub context: String,
    pub continuations: Vec<String>,
    /// The context was made by [`Model::render`]: it names its special tokens itself.
    pub rendered: bool,
}

/// What a model says about first tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Letters {
    /// One for each continuation. Logits will do: only differences count.
    pub log_probabilities: Vec<f64>,
    /// Tokens of the context as it was computed.
    pub context_tokens: u32,
    /// Tokens cut from its left.
    pub truncated_tokens: u32,
}

/// What a model says about continuations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// Σ log p(token | what stands before), natural logarithm, one for each continuation.
    pub log_likelihoods: Vec<f64>,
    pub token_counts: Vec<u32>,
    /// Whether greedy decoding would have written the continuation.
    pub greedy: Vec<bool>,
    /// Tokens of the context as it was computed.
    pub context_tokens: u32,
    /// Most tokens cut from the left for any of the continuations.
    pub truncated_tokens: u32,
}

/// A text to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteRequest {
    pub prompt: String,
    /// As in [`Request`].
    pub rendered: bool,
    pub max_tokens: u32,
    /// The text ends before the first of these.
    pub stop: Vec<String>,
}

/// A text that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub text: String,
    pub tokens: u32,
    pub prompt_tokens: u32,
    pub truncated_tokens: u32,
    /// `end-of-text`, `stop`, `max-tokens` or `context-full`.
    pub ended: String,
}

/// Where a record grows: a file, a file of the browser, memory.
#[allow(async_fn_in_trait)] // one thread on both sides
pub trait Sink {
    /// What can go wrong on the way.
    type Error: fmt::Display + fmt::Debug;
    /// Appends whole lines. They must be safe (flushed) when this returns: the questions count as done then.
    async fn append(&mut self, lines: &str) -> Result<(), Self::Error>;
}

impl Sink for Vec<u8> {
    type Error = std::convert::Infallible;

    async fn append(&mut self, lines: &str) -> Result<(), Self::Error> {
        self.extend_from_slice(lines.as_bytes());
        Ok(())
    }
}

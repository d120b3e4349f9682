//! The engine in its worker as the model of a benchmark run.

use mmedbench::run::{Letters, Model, Request, Scored, WriteRequest, Written};
use worker::client::Client;
use worker::protocol::{ChatMessage, ErrorKind, Failure, Generate, OptionItem, ScoreItem, Stopped};

pub struct PageModel(pub Client);

impl Model for PageModel {
    type Error = Failure;

    async fn render(&mut self, message: &str) -> Result<String, Failure> {
        let message = ChatMessage {
            role: "user".into(),
            content: message.into(),
        };
        self.0.render(vec![message]).await
    }

    async fn letters(&mut self, requests: &[Request]) -> Result<Vec<Letters>, Failure> {
        let items = requests.iter().map(|request| OptionItem {
            context: request.context.clone(),
            options: request.continuations.clone(),
            rendered: request.rendered,
            truncate: true,
        });
        let results = self.0.option_tokens(items.collect()).await?;
        let letters = results.into_iter().map(|result| Letters {
            log_probabilities: result.logits,
            context_tokens: result.context_tokens,
            truncated_tokens: result.truncated_tokens,
        });
        Ok(letters.collect())
    }

    async fn score(&mut self, requests: &[Request]) -> Result<Vec<Scored>, Failure> {
        let items = requests.iter().map(|request| ScoreItem {
            context: request.context.clone(),
            continuations: request.continuations.clone(),
            rendered: request.rendered,
            truncate: true,
        });
        let results = self.0.score(items.collect()).await?;
        let scored = results.into_iter().map(|result| Scored {
            log_likelihoods: result.log_likelihoods,
            token_counts: result.token_counts,
            greedy: result.greedy,
            context_tokens: result.context_tokens,
            truncated_tokens: result.truncated_tokens,
        });
        Ok(scored.collect())
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Written, Failure> {
        let generate = Generate {
            prompt: Some(request.prompt.clone()),
            rendered: request.rendered,
            truncate: true,
            max_tokens: Some(request.max_tokens),
            stop: request.stop.clone(),
            ..Generate::default()
        };
        let generated = self.0.generate(generate, |_, _| {}).await?;
        let ended = match generated.stopped {
            Stopped::EndOfText => "end-of-text",
            Stopped::StopString => "stop",
            Stopped::MaxTokens => "max-tokens",
            Stopped::ContextFull => "context-full",
        };
        Ok(Written {
            text: generated.text,
            tokens: generated.tokens.len() as u32,
            prompt_tokens: generated.prompt_tokens,
            truncated_tokens: generated.truncated_tokens,
            ended: ended.into(),
        })
    }

    fn now_ms(&self) -> f64 {
        web_sys::window()
            .and_then(|w| w.performance())
            .map_or_else(js_sys::Date::now, |p| p.now())
    }
}

/// The page stops a run by itself (pause), which is no failure of the engine.
pub fn is_of_engine(failure: &Failure) -> bool {
    failure.kind != ErrorKind::Cancelled
}

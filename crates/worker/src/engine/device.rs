//! The two devices behind one face, so that commands need not care which one holds the model.

use super::control::{Control, now_ms};
use super::failure;
use super::polite::Polite;
use super::text::Writing;
use crate::protocol::{Benched, ErrorKind, Event, Failure, Generated};
use backend_candle::CandleBackend;
use backend_webgpu::{Tuning, WebGpuBackend};
use decoder::Backend;
use decoder::choices::{CutScores, FirstTokens};
use decoder::score::ScoreRequest;
use decoder::session::Session;
use std::ops::ControlFlow;
use tokenizer::Tokenizer;

/// A loaded model on its device.
pub enum Device {
    /// The processor.
    Cpu(Box<Session<Polite<CandleBackend>>>),
    /// A GPU.
    WebGpu(Box<Session<Polite<WebGpuBackend>>>, Box<Tuning>),
}

/// The same expression for either session.
macro_rules! with {
    ($device:expr, $session:ident => $body:expr) => {
        match $device {
            Device::Cpu($session) => $body,
            Device::WebGpu($session, _) => $body,
        }
    };
}

impl Device {
    /// See [`Session::score_cut`].
    pub async fn score(&mut self, requests: &[ScoreRequest]) -> Result<Vec<CutScores>, Failure> {
        with!(self, session => session.score_cut(requests, |_| ControlFlow::Continue(())).await).map_err(failure::decoder)
    }

    /// See [`Session::first_tokens`].
    pub async fn first_tokens(&mut self, requests: &[ScoreRequest]) -> Result<Vec<FirstTokens>, Failure> {
        with!(self, session => session.first_tokens(requests).await).map_err(failure::decoder)
    }

    /// Longest text, in tokens.
    pub fn context_length(&self) -> usize {
        with!(self, session => session.context_length())
    }

    /// See [`Writing::run`]. `fast`: in the form of products that was fastest; scores never are.
    pub async fn generate(
        &mut self,
        tokenizer: &Tokenizer,
        job: Writing,
        fast: bool,
        events: &mut dyn FnMut(Event),
    ) -> Result<Generated, Failure> {
        self.choose(fast);
        let written = with!(self, session => job.run(session, tokenizer, events).await).map_err(failure::decoder);
        self.choose(false);
        written
    }

    /// Waits until the device is lost. The processor never is.
    pub async fn lost(&self) -> Failure {
        match self {
            Device::Cpu(_) => std::future::pending().await,
            Device::WebGpu(session, _) => failure::decoder(session.decoder.backend.inner().lost().await),
        }
    }

    /// Which kernels run from now on.
    fn choose(&self, fast: bool) {
        if let Device::WebGpu(session, tuning) = self {
            session
                .decoder
                .backend
                .inner()
                .set_arithmetic(if fast { tuning.fast } else { tuning.exact });
        }
    }

    /// Measures speeds. Errors: more tokens than the context holds.
    pub async fn bench(&mut self, prompt_tokens: u32, gen_tokens: u32, control: &Control) -> Result<Benched, Failure> {
        with!(self, session => bench(session, prompt_tokens, gen_tokens, control).await)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Frees pools and pipelines too, which a browser's garbage collector would keep for a while.
        if let Device::WebGpu(session, _) = self {
            session.decoder.backend.inner().destroy();
        }
    }
}

async fn bench<B: Backend>(session: &mut Session<B>, prompt_tokens: u32, gen_tokens: u32, control: &Control) -> Result<Benched, Failure> {
    if prompt_tokens == 0 || gen_tokens == 0 {
        return Err(Failure::new(
            ErrorKind::BadRequest,
            "a measurement needs at least one token of prompt and one to write",
        ));
    }
    let (prompt, generated) = (prompt_tokens as usize, gen_tokens as usize);
    if prompt + generated > session.context_length() {
        let error = decoder::Error::ContextFull {
            needed: prompt + generated,
            available: session.context_length(),
        };
        return Err(failure::decoder(error));
    }
    // Once for pipelines to be made and memory to be touched, then for the clock.
    session.probe(0, prompt).await.map_err(failure::decoder)?;
    session.probe(prompt, 1).await.map_err(failure::decoder)?;
    control.turn().await;
    let started = now_ms();
    session.probe(0, prompt).await.map_err(failure::decoder)?;
    let prefilled = now_ms();
    for written in 0..generated {
        session.probe(prompt + written, 1).await.map_err(failure::decoder)?;
    }
    // A clock may stand still for as long as its resolution.
    let rate = |tokens: u32, ms: f64| f64::from(tokens) * 1e3 / ms.max(1e-3);
    Ok(Benched {
        prefill_tps: rate(prompt_tokens, prefilled - started),
        decode_tps: rate(gen_tokens, now_ms() - prefilled),
        prompt_tokens,
        gen_tokens,
    })
}

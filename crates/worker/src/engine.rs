//! The engine: device, model and cache, and what a page can ask of them.
//!
//! Nothing here knows a browser, so all of it runs natively in tests; [`crate::host`] puts it into a worker. One command runs at a time.
//! A command that fails leaves the engine as it was, except that a lost device takes the model with it.
//!
//! Where to go next: [`load`] for how a model comes in, [`device`] for which device runs it, [`text`] for what happens to texts.

pub mod control;
pub mod device;
pub mod failure;
pub mod load;
pub mod pairs;
pub mod polite;
pub mod self_test;
pub mod text;
pub mod tiny;
pub mod tunings;
pub mod watched;

use crate::protocol::*;
use control::Control;
use device::Device;
use tokenizer::Tokenizer;
use tunings::Tunings;

/// A model, or none, and what stops a job.
pub struct Engine {
    control: Control,
    loaded: Option<Loaded>,
    /// See [`Memory::peak_in_flight`].
    peak_in_flight: u64,
    /// A better name for the adapter than the backend finds: browsers tell theirs to scripts only. Of the host.
    pub adapter: Option<String>,
    /// Which kernels are fastest; the host keeps them between visits.
    pub tunings: Tunings,
    /// Time for checking a GPU's kernels one by one, in milliseconds. A check that has begun is ended.
    pub check_ms: f64,
}

/// A model on its device.
pub struct Loaded {
    info: Info,
    tokenizer: Tokenizer,
    device: Device,
    device_bytes: u64,
}

impl Engine {
    /// Without a model. `control` stops its jobs.
    pub fn new(control: Control) -> Engine {
        Engine {
            control,
            loaded: None,
            peak_in_flight: 0,
            adapter: None,
            tunings: Tunings::default(),
            check_ms: 1000.0,
        }
    }

    /// What is loaded.
    pub fn info(&self) -> Option<&Info> {
        self.loaded.as_ref().map(|loaded| &loaded.info)
    }

    /// Bytes of a file that were in memory at once before the load proper, in a download.
    pub fn note_in_flight(&mut self, bytes: u64) {
        self.peak_in_flight = self.peak_in_flight.max(bytes);
    }

    /// Carries a command out. `Load`, `ListModels`, `DeleteModel` and `Cancel` are the host's.
    pub async fn run(&mut self, command: Command, events: &mut dyn FnMut(Event)) -> Result<Reply, Failure> {
        if let Command::Free = command {
            self.loaded = None;
            return Ok(Reply::Empty);
        }
        if let Command::Memory = command {
            return Ok(Reply::Memory(self.memory()));
        }
        let not_loaded = || Failure::new(ErrorKind::NotLoaded, "no model is loaded; load one first");
        let loaded = self.loaded.as_mut().ok_or_else(not_loaded)?;
        let result = loaded.run(command, &self.control, events).await;
        if matches!(&result, Err(failure) if failure.kind == ErrorKind::DeviceLost) {
            self.loaded = None;
        }
        result
    }

    /// Waits until the device of the loaded model is lost while nothing runs; the model is gone then. Without a model, or on the processor, for ever.
    pub async fn lost(&mut self) -> Failure {
        let device = self.loaded.as_ref().map(|loaded| &loaded.device);
        let failure = match device {
            Some(device) => device.lost().await,
            None => std::future::pending().await,
        };
        self.loaded = None;
        failure
    }

    fn memory(&self) -> Memory {
        Memory {
            wasm_bytes: wasm_bytes(),
            device_bytes: self.loaded.as_ref().map_or(0, |loaded| loaded.device_bytes),
            peak_in_flight: self.peak_in_flight,
        }
    }
}

impl Loaded {
    async fn run(&mut self, command: Command, control: &Control, events: &mut dyn FnMut(Event)) -> Result<Reply, Failure> {
        let tokenizer = &self.tokenizer;
        match command {
            Command::Info => Ok(Reply::Loaded { info: self.info.clone() }),
            Command::Score { items, per_token } => {
                let longest = self.device.context_length();
                let requests = items
                    .iter()
                    .map(|item| text::score_request(tokenizer, item, longest))
                    .collect::<Result<Vec<_>, _>>()?;
                let scores = self.device.score(&requests).await?;
                Ok(Reply::Scores {
                    scores: scores.into_iter().map(|scores| text::scores(scores, per_token)).collect(),
                })
            }
            Command::OptionTokens { items } => {
                let longest = self.device.context_length();
                let requests = items
                    .iter()
                    .map(|item| text::option_request(tokenizer, item, longest))
                    .collect::<Result<Vec<_>, _>>()?;
                let results = self.device.first_tokens(&requests).await?;
                Ok(Reply::OptionTokens {
                    results: results.into_iter().map(text::option_result).collect(),
                })
            }
            Command::Generate(generate) => {
                let fast = generate.fast;
                let job = text::Writing::new(tokenizer, generate, self.info.context_length)?;
                Ok(Reply::Generated(self.device.generate(tokenizer, job, fast, events).await?))
            }
            Command::Render {
                messages,
                add_generation_prompt,
            } => Ok(Reply::Text {
                text: text::render(tokenizer, &messages, add_generation_prompt)?,
            }),
            Command::Tokenize { text, special } => Ok(Reply::Tokens {
                tokens: tokenizer.encode(&text, special, false).map_err(failure::tokenizer)?,
            }),
            Command::Detokenize { tokens } => Ok(Reply::Text {
                text: tokenizer.decode(&tokens, true).map_err(failure::tokenizer)?,
            }),
            Command::Bench { prompt_tokens, gen_tokens } => {
                Ok(Reply::Benched(self.device.bench(prompt_tokens, gen_tokens, control).await?))
            }
            Command::Load(_)
            | Command::ListModels
            | Command::DeleteModel { .. }
            | Command::Cancel { .. }
            | Command::Memory
            | Command::Free => Err(Failure::new(ErrorKind::Internal, "a command of the host reached the model")),
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn wasm_bytes() -> u64 {
    (core::arch::wasm32::memory_size::<0>() as u64) << 16
}

#[cfg(not(target_arch = "wasm32"))]
fn wasm_bytes() -> u64 {
    0
}

//! The model of this page: which one is loaded, how a load goes, and what is asked of it. Talks to the worker through `worker::client`.
//!
//! What must hold: no worker is started before a model is asked for; a failure never leaves the page without a way on (a [`Remedy`]); an
//! older load that ends late changes nothing.

use leptos::prelude::*;
use mmedbench::record::ModelId;
use mmedbench::scoring::{self, Protocol};
use mmedbench::{PromptVariant, Question};
use worker::client::{Canceller, Client, Pending};
use worker::protocol::*;

use crate::catalogue::PromptStyle;
use crate::notices::{Notice, Notices, Remedy, Topic};
use crate::session::ModelEntry;

/// The worker's script, beside the page.
const LOADER: &str = "./worker_loader.js";
/// Longest explanation, in tokens.
const EXPLANATION_TOKENS: u32 = 320;

/// What is loaded, or becomes so.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // there is one of it
pub enum ModelState {
    None,
    Loading {
        name: String,
        progress: Option<Progress>,
    },
    Ready {
        name: String,
        info: Info,
    },
    /// `why`: the failure in a sentence.
    Failed {
        name: String,
        why: String,
    },
}

impl ModelState {
    /// For `data-state`.
    pub fn name(&self) -> &'static str {
        match self {
            ModelState::None => "none",
            ModelState::Loading { .. } => "loading",
            ModelState::Ready { .. } => "ready",
            ModelState::Failed { .. } => "error",
        }
    }
}

/// A model that was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: String,
    pub source: Source,
    pub file: Option<web_sys::File>,
    pub prompt: PromptStyle,
}

impl Wanted {
    pub fn demo() -> Wanted {
        Wanted {
            name: "Demo model".into(),
            source: Source::Demo,
            file: None,
            prompt: PromptStyle::Paper,
        }
    }
}

#[derive(Clone, Copy)]
pub struct Engine {
    pub state: RwSignal<ModelState>,
    /// The student's wish; GPU where it works, by default.
    pub backend: RwSignal<BackendChoice>,
    client: StoredValue<Option<Client>, LocalStorage>,
    wanted: StoredValue<Option<Wanted>, LocalStorage>,
    load: StoredValue<(u32, Option<Canceller>), LocalStorage>,
    notices: Notices,
}

impl Engine {
    pub fn new(notices: Notices) -> Engine {
        Engine {
            state: RwSignal::new(ModelState::None),
            backend: RwSignal::new(BackendChoice::Auto),
            client: StoredValue::new_local(None),
            wanted: StoredValue::new_local(None),
            load: StoredValue::new_local((0, None)),
            notices,
        }
    }

    pub fn is_ready(self) -> bool {
        self.state.with(|s| matches!(s, ModelState::Ready { .. }))
    }

    /// Takes a model in, in place of the one before.
    pub fn load(self, wanted: Wanted) {
        self.cancel_load();
        let number = self.load.with_value(|(n, _)| n + 1);
        let name = wanted.name.clone();
        self.wanted.set_value(Some(wanted.clone()));
        self.notices.clear(Topic::Model);
        self.state.set(ModelState::Loading {
            name: name.clone(),
            progress: None,
        });
        let client = match self.client() {
            Ok(client) => client,
            Err(failure) => return self.fail(failure),
        };
        let current = move || self.load.with_value(|(n, _)| *n == number);
        let load = Load {
            source: wanted.source,
            backend: self.backend.get_untracked(),
            context_length: None,
        };
        let shown = name.clone();
        let pending = client.load(load, wanted.file.as_ref(), move |progress| {
            if current() {
                self.state.set(ModelState::Loading {
                    name: shown.clone(),
                    progress: Some(progress),
                });
            }
        });
        self.load.set_value((number, Some(pending.canceller())));
        leptos::task::spawn_local(async move {
            let result = pending.await;
            if !current() {
                return;
            }
            self.load.update_value(|(_, canceller)| *canceller = None);
            match result {
                Ok(info) => self.state.set(ModelState::Ready { name, info }),
                Err(failure) if failure.kind == ErrorKind::Cancelled => self.state.set(ModelState::None),
                Err(failure) => self.fail(failure),
            }
        });
    }

    /// Stops a load; nothing is loaded then.
    pub fn cancel_load(self) {
        if let Some(canceller) = self.load.with_value(|(_, c)| c.clone()) {
            canceller.cancel();
            self.load.update_value(|(n, c)| {
                *n += 1;
                *c = None;
            });
            self.state.set(ModelState::None);
        }
    }

    pub fn remedy(self, remedy: Remedy) {
        let wanted = self.wanted.get_value().unwrap_or_else(Wanted::demo);
        match remedy {
            Remedy::LoadAgain => self.load(wanted),
            Remedy::UseCpu => {
                self.backend.set(BackendChoice::Cpu);
                self.load(wanted);
            }
            Remedy::LoadDemo => self.load(Wanted::demo()),
        }
    }

    /// The model's answer to a question.
    pub async fn answer(self, question: &Question) -> Result<ModelEntry, Failure> {
        let client = self.client()?;
        let task = scoring::task(question, &PromptVariant::Answer.prompt());
        let start = js_sys::Date::now();
        let (context, continuations) = (task.context.clone(), task.continuations.clone());
        let missing = || Failure::new(ErrorKind::Internal, "the engine gave no scores");
        let scores = match task.protocol {
            Protocol::Letters => {
                let item = OptionItem {
                    context,
                    options: continuations,
                    ..Default::default()
                };
                client.option_tokens(vec![item]).await?.pop().ok_or_else(missing)?.logits
            }
            Protocol::LetterSets => {
                let item = ScoreItem {
                    context,
                    continuations,
                    ..Default::default()
                };
                client.score(vec![item]).await?.pop().ok_or_else(missing)?.log_likelihoods
            }
        };
        let milliseconds = js_sys::Date::now() - start;
        let answer = scoring::interpret(question, &task, &scores).map_err(|e| Failure::new(ErrorKind::BadRequest, e.to_string()))?;
        Ok(ModelEntry::new(answer, milliseconds))
    }

    /// Lets the model write an explanation; `on_text` gets its pieces. Dropping the result stops it.
    pub fn explain(self, question: &Question, mut on_text: impl FnMut(String) + 'static) -> Result<Pending<Generated>, Failure> {
        let prompt = PromptVariant::Rationale.prompt();
        let style = self.wanted.with_value(|w| w.as_ref().map(|w| w.prompt).unwrap_or_default());
        let template = self
            .state
            .with_untracked(|s| matches!(s, ModelState::Ready { info, .. } if info.chat_template));
        let mut generate = Generate {
            max_tokens: Some(EXPLANATION_TOKENS),
            repetition_penalty: Some(1.1),
            stop: vec![mmedbench::prompt::ANSWER_LEAD.into()],
            // Read by a student, never scored.
            fast: true,
            ..Generate::default()
        };
        if style == PromptStyle::Chat && template {
            generate.messages = Some(vec![ChatMessage {
                role: "user".into(),
                content: prompt.render_message(question),
            }]);
        } else {
            generate.prompt = Some(prompt.render(question));
        }
        Ok(self.client()?.generate(generate, move |_, text| on_text(text)))
    }

    /// The loaded model's identity, for records.
    pub fn model_id(self) -> Option<ModelId> {
        self.state.with_untracked(|state| match state {
            ModelState::Ready { name, info } => Some(ModelId {
                name: name.clone(),
                architecture: info.architecture.clone(),
                quantization: info.quantization.clone(),
                parameters: info.parameters,
                sha256: info.sha256.clone(),
                backend: backend_name(info.backend).to_lowercase(),
                adapter: info.adapter.clone(),
                kernels: info.kernels.clone(),
            }),
            _ => None,
        })
    }

    pub async fn stored_models(self) -> Result<Models, Failure> {
        self.client()?.list_models().await
    }

    pub async fn delete_model(self, name: String) -> Result<(), Failure> {
        self.client()?.delete_model(name).await
    }

    /// A failure while the model was at work. Where the engine cannot go on as it is, the model counts as gone.
    pub fn failed_at_work(self, failure: Failure) {
        if failure.kind == ErrorKind::Cancelled {
            return;
        }
        if failure.recoverable && failure.kind != ErrorKind::NotLoaded {
            let title = match failure.kind {
                ErrorKind::ContextFull => "This question is too long for the model; it is left out of the model's score.",
                _ => "The model could not answer this question.",
            };
            return self.notices.show(Notice {
                topic: Topic::Scoring,
                title: title.into(),
                details: vec![failure.message],
                remedies: Vec::new(),
            });
        }
        // Where one cause fails several requests, the first has told it.
        if self.state.with_untracked(|s| matches!(s, ModelState::Ready { .. })) {
            self.fail(failure);
        }
    }

    /// The engine's worker; started where it is not there.
    pub fn client(self) -> Result<Client, Failure> {
        if let Some(client) = self.client.get_value().filter(Client::is_alive) {
            return Ok(client);
        }
        let client = Client::start(LOADER)?;
        client.on_stray_failure(move |failure| {
            // A worker that dies during a load is told by the load itself.
            if self.state.with_untracked(|s| matches!(s, ModelState::Ready { .. })) {
                self.fail(failure);
            }
        });
        self.client.set_value(Some(client.clone()));
        Ok(client)
    }

    fn fail(self, failure: Failure) {
        let was_ready = self.state.with_untracked(|s| matches!(s, ModelState::Ready { .. }));
        let wanted = self.wanted.get_value();
        let demo = wanted.as_ref().is_none_or(|w| w.source == Source::Demo);
        let name = wanted.map(|w| w.name).unwrap_or_default();
        let mut details = vec![failure.message.clone()];
        if was_ready {
            details.push("Your answers are kept. You can go on without the model, or choose below.".into());
        }
        let mut remedies = remedies(failure.kind);
        if !demo && !was_ready {
            remedies.push(Remedy::LoadDemo);
        }
        self.notices.show(Notice {
            topic: Topic::Model,
            title: format!("{name}: {}", title(failure.kind)),
            details,
            remedies,
        });
        self.state.set(ModelState::Failed {
            name,
            why: failure.message,
        });
    }
}

/// For people.
pub fn backend_name(backend: BackendChoice) -> &'static str {
    match backend {
        BackendChoice::Auto => "Auto",
        BackendChoice::WebGpu => "WebGPU",
        BackendChoice::Cpu => "CPU",
    }
}

/// What is done now, for people.
pub fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Header => "Reading the file’s header",
        Stage::Download => "Fetching the file",
        Stage::Device => "Choosing a device",
        Stage::Weights => "Loading weights",
        Stage::SelfTest => "Testing the model on this device",
    }
}

fn title(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::BadFile => "this file is not a model that can be read.",
        ErrorKind::Unsupported => "this kind of model is not supported.",
        ErrorKind::Corrupt => "the file is damaged or is not the expected one.",
        ErrorKind::Network => "the address cannot be reached from this page.",
        ErrorKind::NotFound => "there is no model at this address.",
        ErrorKind::NoRanges => "the server does not give out parts of a file, so a model cannot be streamed from it.",
        ErrorKind::Quota => "the browser’s storage is full.",
        ErrorKind::Busy => "another tab is using this model.",
        ErrorKind::NoAdapter => "this browser offers no WebGPU device.",
        ErrorKind::SelfTest => "the GPU computes wrong numbers, so it is not used.",
        ErrorKind::OutOfMemory => "there is not enough memory for this model.",
        ErrorKind::DeviceLost => "the graphics device went away.",
        ErrorKind::ContextFull => "the text is too long for this model.",
        ErrorKind::BadRequest | ErrorKind::NotLoaded | ErrorKind::Cancelled | ErrorKind::Internal => "the engine has stopped.",
    }
}

fn remedies(kind: ErrorKind) -> Vec<Remedy> {
    match kind {
        ErrorKind::DeviceLost => vec![Remedy::LoadAgain, Remedy::UseCpu],
        ErrorKind::NoAdapter | ErrorKind::SelfTest | ErrorKind::OutOfMemory => vec![Remedy::UseCpu],
        ErrorKind::BadFile | ErrorKind::Unsupported | ErrorKind::NoRanges => vec![],
        _ => vec![Remedy::LoadAgain],
    }
}

//! The page's end of the protocol, in Rust: starts the worker, posts commands, awaits their replies.
//!
//! What must hold: every request ends exactly once (reply, failure, or the worker's death), and a [`Pending`] that is dropped cancels its
//! request, so that a component that goes away stops what it started. Commands posted before the worker has started wait here, because a
//! module worker drops messages until its program listens.
//!
//! ```ignore
//! let engine = Client::start("./worker_loader.js")?;
//! let info = engine.load(load, None, |progress| …).await?;
//! let pending = engine.generate(generate, |token, text| …);
//! stop_button.set(pending.canceller());
//! let generated = pending.await?;
//! ```

mod wire;

use crate::protocol::*;
use futures::channel::oneshot;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use wasm_bindgen::prelude::*;

/// An engine in its worker. Cloning shares it; the worker ends with the last clone.
#[derive(Clone)]
pub struct Client(Rc<Inner>);

struct Inner {
    worker: web_sys::Worker,
    next: Cell<u32>,
    started: Cell<bool>,
    dead: RefCell<Option<Failure>>,
    waiting: RefCell<Vec<JsValue>>,
    running: RefCell<BTreeMap<u32, Running>>,
    stray: RefCell<Listener<Failure>>,
    listeners: RefCell<Option<(Closure<dyn FnMut(web_sys::MessageEvent)>, Closure<dyn FnMut(web_sys::Event)>)>>,
}

/// Shared, so that it can be called while nothing is borrowed: a listener may itself post, cancel or replace.
type Listener<T> = Rc<RefCell<dyn FnMut(T)>>;

struct Running {
    on_event: Listener<Event>,
    done: oneshot::Sender<Result<Reply, Failure>>,
}

/// A request on its way; a future of its result. Dropping it cancels the request.
pub struct Pending<T> {
    id: u32,
    inner: Rc<Inner>,
    done: oneshot::Receiver<Result<Reply, Failure>>,
    unpack: fn(Reply) -> Option<T>,
}

/// Stops a request from elsewhere.
#[derive(Clone)]
pub struct Canceller {
    id: u32,
    inner: Weak<Inner>,
}

impl Client {
    /// Starts a worker from its loader script (`worker_loader.js`, an ES module). Errors: the browser cannot start module workers. A script that
    /// is missing shows as the failure of every command.
    pub fn start(loader: &str) -> Result<Client, Failure> {
        let options = web_sys::WorkerOptions::new();
        options.set_type(web_sys::WorkerType::Module);
        let worker = web_sys::Worker::new_with_options(loader, &options).map_err(|error| {
            Failure::new(
                ErrorKind::Internal,
                format!("the engine's worker `{loader}` does not start: {error:?}"),
            )
        })?;
        let inner = Rc::new(Inner {
            worker,
            next: Cell::new(1),
            started: Cell::new(false),
            dead: RefCell::default(),
            waiting: RefCell::default(),
            running: RefCell::default(),
            stray: RefCell::new(Rc::new(RefCell::new(|_| {}))),
            listeners: RefCell::default(),
        });
        let weak = Rc::downgrade(&inner);
        let on_message = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            let Some(inner) = weak.upgrade() else { return };
            match wire::message(&event.data()) {
                Ok(message) => inner.receive(message),
                Err(error) => inner.die(Failure::new(
                    ErrorKind::Internal,
                    format!("the engine sent a message of another version: {error}"),
                )),
            }
        });
        let weak = Rc::downgrade(&inner);
        let on_error = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
            let Some(inner) = weak.upgrade() else { return };
            let text = event
                .dyn_ref::<web_sys::ErrorEvent>()
                .map(|event| event.message())
                .filter(|text| !text.is_empty());
            let text = text.unwrap_or_else(|| "its script cannot be loaded".to_owned());
            inner.die(Failure::new(ErrorKind::Internal, format!("the engine's worker ended: {text}")));
        });
        inner.worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        inner.worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        inner.listeners.replace(Some((on_message, on_error)));
        Ok(Client(inner))
    }

    /// What to do with failures that belong to no request: a device lost while nothing runs, the worker's death.
    pub fn on_stray_failure(&self, listener: impl FnMut(Failure) + 'static) {
        *self.0.stray.borrow_mut() = Rc::new(RefCell::new(listener));
    }

    /// False after the worker's death; start a new one then.
    pub fn is_alive(&self) -> bool {
        self.0.dead.borrow().is_none()
    }

    /// Posts any command. `file` goes with [`Source::File`]; `on_event` sees what comes before the last event.
    pub fn post(&self, command: Command, file: Option<&web_sys::File>, on_event: impl FnMut(Event) + 'static) -> Pending<Reply> {
        self.request(command, file, on_event, Some)
    }

    /// [`Command::Load`].
    pub fn load(&self, load: Load, file: Option<&web_sys::File>, mut on_progress: impl FnMut(Progress) + 'static) -> Pending<Info> {
        let on_event = move |event| {
            if let Event::Progress(progress) = event {
                on_progress(progress)
            }
        };
        self.request(Command::Load(load), file, on_event, |reply| {
            if let Reply::Loaded { info } = reply { Some(info) } else { None }
        })
    }

    /// [`Command::Generate`]; `on_token` gets each token and the text it brings.
    pub fn generate(&self, generate: Generate, mut on_token: impl FnMut(u32, String) + 'static) -> Pending<Generated> {
        let on_event = move |event| {
            if let Event::Token { token, text } = event {
                on_token(token, text)
            }
        };
        self.request(Command::Generate(generate), None, on_event, |reply| {
            if let Reply::Generated(value) = reply { Some(value) } else { None }
        })
    }

    /// [`Command::Score`] without the scores of single tokens.
    pub fn score(&self, items: Vec<ScoreItem>) -> Pending<Vec<Scores>> {
        let command = Command::Score { items, per_token: false };
        self.request(
            command,
            None,
            |_| {},
            |reply| if let Reply::Scores { scores } = reply { Some(scores) } else { None },
        )
    }

    /// [`Command::OptionTokens`].
    pub fn option_tokens(&self, items: Vec<OptionItem>) -> Pending<Vec<OptionResult>> {
        let unpack = |reply| {
            if let Reply::OptionTokens { results } = reply {
                Some(results)
            } else {
                None
            }
        };
        self.request(Command::OptionTokens { items }, None, |_| {}, unpack)
    }

    /// [`Command::Render`] with the opening of the model's turn.
    pub fn render(&self, messages: Vec<ChatMessage>) -> Pending<String> {
        let command = Command::Render {
            messages,
            add_generation_prompt: true,
        };
        self.request(
            command,
            None,
            |_| {},
            |reply| if let Reply::Text { text } = reply { Some(text) } else { None },
        )
    }

    /// [`Command::ListModels`].
    pub fn list_models(&self) -> Pending<Models> {
        self.request(
            Command::ListModels,
            None,
            |_| {},
            |reply| if let Reply::Models(models) = reply { Some(models) } else { None },
        )
    }

    /// [`Command::DeleteModel`].
    pub fn delete_model(&self, name: String) -> Pending<()> {
        self.request(
            Command::DeleteModel { name },
            None,
            |_| {},
            |reply| (reply == Reply::Empty).then_some(()),
        )
    }

    /// [`Command::Free`].
    pub fn free(&self) -> Pending<()> {
        self.request(Command::Free, None, |_| {}, |reply| (reply == Reply::Empty).then_some(()))
    }

    fn request<T>(
        &self,
        command: Command,
        file: Option<&web_sys::File>,
        on_event: impl FnMut(Event) + 'static,
        unpack: fn(Reply) -> Option<T>,
    ) -> Pending<T> {
        let id = self.0.next.get();
        self.0.next.set(id.wrapping_add(1).max(1));
        let (sender, done) = oneshot::channel();
        match &*self.0.dead.borrow() {
            Some(failure) => {
                let _ = sender.send(Err(failure.clone())); // the receiver is three lines below
            }
            None => {
                self.0.running.borrow_mut().insert(
                    id,
                    Running {
                        on_event: Rc::new(RefCell::new(on_event)),
                        done: sender,
                    },
                );
                self.0.send(id, command, file);
            }
        }
        Pending {
            id,
            inner: self.0.clone(),
            done,
            unpack,
        }
    }
}

impl Inner {
    fn send(&self, id: u32, command: Command, file: Option<&web_sys::File>) {
        let request = match serde_wasm_bindgen::to_value(&Request { id, command }) {
            Ok(request) => request,
            Err(error) => return self.finish(id, Err(Failure::new(ErrorKind::BadRequest, error.to_string()))),
        };
        if let Some(file) = file {
            let _ = js_sys::Reflect::set(&request, &"file".into(), file); // a plain object takes any property
        }
        if !self.started.get() {
            self.waiting.borrow_mut().push(request);
        } else if let Err(error) = self.worker.post_message(&request) {
            self.finish(
                id,
                Err(Failure::new(
                    ErrorKind::BadRequest,
                    format!("the command cannot be posted: {error:?}"),
                )),
            );
        }
    }

    fn receive(&self, message: Message) {
        match message.event {
            Event::Started { version: VERSION } => {
                self.started.set(true);
                for request in self.waiting.take() {
                    let _ = self.worker.post_message(&request); // it was made by `send`: plain data and maybe a File
                }
            }
            Event::Started { version } => {
                let text = format!("the engine speaks version {version} of the protocol, this page {VERSION}; reload the page");
                self.die(Failure::new(ErrorKind::Internal, text));
            }
            Event::Done { reply } => self.finish(message.id, Ok(reply)),
            Event::Failed { error } if message.id == NO_REQUEST && error.kind == ErrorKind::Internal => self.die(error),
            Event::Failed { error } if message.id == NO_REQUEST => self.tell_stray(error),
            Event::Failed { error } => self.finish(message.id, Err(error)),
            event => {
                let listener = self.running.borrow().get(&message.id).map(|running| running.on_event.clone());
                if let Some(listener) = listener {
                    (listener.borrow_mut())(event);
                }
            }
        }
    }

    fn finish(&self, id: u32, result: Result<Reply, Failure>) {
        if let Some(running) = self.running.borrow_mut().remove(&id) {
            let _ = running.done.send(result); // nobody waits for a cancelled request
        }
    }

    fn tell_stray(&self, failure: Failure) {
        let listener = self.stray.borrow().clone();
        (listener.borrow_mut())(failure);
    }

    fn die(&self, failure: Failure) {
        self.worker.terminate();
        self.dead.replace(Some(failure.clone()));
        for (_, running) in self.running.take() {
            let _ = running.done.send(Err(failure.clone())); // nobody waits for a cancelled request
        }
        self.tell_stray(failure);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Canceller {
    /// Asks the engine to stop; the request then ends with [`ErrorKind::Cancelled`], unless it was over already.
    pub fn cancel(&self) {
        if let Some(inner) = self.inner.upgrade()
            && inner.running.borrow().contains_key(&self.id)
        {
            // Id 0: its reply interests nobody.
            inner.send(NO_REQUEST, Command::Cancel { request: self.id }, None);
        }
    }
}

impl<T> Pending<T> {
    /// A handle that stops this request.
    pub fn canceller(&self) -> Canceller {
        Canceller {
            id: self.id,
            inner: Rc::downgrade(&self.inner),
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.done).poll(context).map(|result| {
            let reply = result.unwrap_or_else(|_| Err(Failure::new(ErrorKind::Internal, "the engine's worker is gone")))?;
            (self.unpack)(reply).ok_or_else(|| Failure::new(ErrorKind::Internal, "the engine's reply does not belong to the command"))
        })
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.canceller().cancel();
    }
}

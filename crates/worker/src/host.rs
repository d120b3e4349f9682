//! The worker itself: hears messages, carries commands out one after the other, posts what happens.
//!
//! What must hold: every request gets exactly one last message; `cancel` is seen while a command runs; a device that is lost between commands is told as a
//! failure of no request; a panic is told to the page before the program ends, for nothing can be trusted after it.

mod open;
mod tunings;

use crate::engine::Engine;
use crate::engine::control::Control;
use crate::protocol::*;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::{Either, select};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::pin;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, File, MessageEvent};

/// What the message handler and the command loop share.
#[derive(Default)]
struct Desk {
    control: Control,
    running: Cell<u32>,
    /// Requests that wait and are not to run.
    withdrawn: RefCell<BTreeSet<u32>>,
    /// Requests that wait.
    waiting: RefCell<BTreeSet<u32>>,
}

/// Starts the worker. Called once, from `main`.
pub fn start() {
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&panic.to_string().into());
        let message = format!("the engine failed by an error of its own ({panic}); load the model again");
        post(
            NO_REQUEST,
            Event::Failed {
                error: Failure::new(ErrorKind::Internal, message),
            },
        );
    }));
    let desk = Rc::new(Desk::default());
    let (sender, receiver) = mpsc::unbounded();
    let hears = desk.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| hears.hear(&event.data(), &sender));
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget(); // lives as long as the worker
    wasm_bindgen_futures::spawn_local(work(desk, receiver));
    post(NO_REQUEST, Event::Started { version: VERSION });
}

impl Desk {
    fn hear(&self, data: &JsValue, queue: &mpsc::UnboundedSender<(Request, Option<File>)>) {
        let request = match serde_wasm_bindgen::from_value::<Request>(data.clone()) {
            Ok(request) => request,
            Err(error) => {
                let id = js_sys::Reflect::get(data, &"id".into())
                    .ok()
                    .and_then(|id| id.as_f64())
                    .map_or(NO_REQUEST, |id| id as u32);
                let error = Failure::new(ErrorKind::BadRequest, format!("this is no command: {error}"));
                return post(id, Event::Failed { error });
            }
        };
        if let Command::Cancel { request: target } = request.command {
            if target == self.running.get() {
                self.control.cancel();
            } else if self.waiting.borrow().contains(&target) {
                self.withdrawn.borrow_mut().insert(target);
            }
            return post(request.id, Event::Done { reply: Reply::Empty });
        }
        let file = js_sys::Reflect::get(data, &"file".into())
            .ok()
            .and_then(|file| file.dyn_into::<File>().ok());
        self.waiting.borrow_mut().insert(request.id);
        if queue.unbounded_send((request, file)).is_err() {
            // The loop ends only with the worker.
            web_sys::console::error_1(&"mmedkit: a command came after the end".into());
        }
    }

    /// True where the request was cancelled before it ran.
    fn begin(&self, id: u32) -> bool {
        self.waiting.borrow_mut().remove(&id);
        self.running.set(id);
        self.control.reset();
        self.withdrawn.borrow_mut().remove(&id)
    }
}

async fn work(desk: Rc<Desk>, mut queue: mpsc::UnboundedReceiver<(Request, Option<File>)>) {
    let mut engine = Engine::new(desk.control.clone());
    loop {
        // A device that goes away while nothing runs is told at once, and not by the next command.
        let next = match select(queue.next(), pin!(engine.lost())).await {
            Either::Left((next, _)) => next,
            Either::Right((error, _)) => {
                post(NO_REQUEST, Event::Failed { error });
                continue;
            }
        };
        let Some((Request { id, command }, file)) = next else { return };
        let result = if desk.begin(id) {
            Err(Failure::new(ErrorKind::Cancelled, "stopped"))
        } else {
            carry_out(&mut engine, command, file, &desk.control, &mut |event| post(id, event)).await
        };
        desk.running.set(NO_REQUEST);
        post(
            id,
            match result {
                Ok(reply) => Event::Done { reply },
                Err(error) => Event::Failed { error },
            },
        );
    }
}

async fn carry_out(
    engine: &mut Engine,
    command: Command,
    file: Option<File>,
    control: &Control,
    events: &mut dyn FnMut(Event),
) -> Result<Reply, Failure> {
    match command {
        Command::Load(load) => open::load(engine, load, file, control, events)
            .await
            .map(|info| Reply::Loaded { info }),
        Command::ListModels => open::list().await.map(Reply::Models),
        Command::DeleteModel { name } => open::delete(&name).await.map(|()| Reply::Empty),
        other => engine.run(other, events).await,
    }
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into() // only ever started as a dedicated worker
}

fn post(id: u32, event: Event) {
    let posted = serde_wasm_bindgen::to_value(&Message { id, event })
        .map_err(JsValue::from)
        .and_then(|message| scope().post_message(&message));
    if let Err(error) = posted {
        web_sys::console::error_2(&"mmedkit: a message cannot be posted".into(), &error);
    }
}

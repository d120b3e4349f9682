//! How a job in the worker lets the event loop run, and hears that it should stop.
//!
//! The worker has one thread. A page's `cancel` is a message like any other, so a long job must give way now and then or never hear of it.
//! [`Control::breathe`] does both and is called between the pieces of every job: chunks of weights, passes, tokens.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Milliseconds between two turns of the event loop while a job runs.
const SLICE_MS: f64 = 12.0;

/// Shared between the host, which hears messages, and the job that runs.
#[derive(Clone, Default)]
pub struct Control(Rc<State>);

#[derive(Default)]
struct State {
    cancelled: Cell<bool>,
    last_turn: Cell<f64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Control {
    /// A new job begins.
    pub fn reset(&self) {
        self.0.cancelled.set(false);
        self.0.waiting.borrow_mut().clear();
    }

    /// The running job is to stop.
    pub fn cancel(&self) {
        self.0.cancelled.set(true);
        self.0.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Comes back when the running job is to stop: for what waits on something slow, such as a server.
    pub async fn cancelled(&self) {
        std::future::poll_fn(|context| {
            if self.is_cancelled() {
                return Poll::Ready(());
            }
            let mut waiting = self.0.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Whether the running job is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.get()
    }

    /// Lets the event loop run if it has not for a while. Errors: [`decoder::Error::Cancelled`].
    pub async fn breathe(&self) -> decoder::Result<()> {
        if now_ms() - self.0.last_turn.get() >= SLICE_MS {
            self.turn().await;
        }
        if self.is_cancelled() {
            Err(decoder::Error::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Lets the event loop run once.
    pub async fn turn(&self) {
        turn_event_loop().await;
        self.0.last_turn.set(now_ms());
    }
}

/// A monotonic clock in milliseconds.
#[cfg(target_arch = "wasm32")]
pub fn now_ms() -> f64 {
    js_sys::Reflect::get(&js_sys::global(), &"performance".into())
        .ok()
        .and_then(|clock| wasm_bindgen::JsCast::dyn_into::<web_sys::Performance>(clock).ok())
        .map_or_else(js_sys::Date::now, |clock| clock.now())
}

/// A monotonic clock in milliseconds.
#[cfg(not(target_arch = "wasm32"))]
pub fn now_ms() -> f64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}

/// Comes back after the messages that wait now. A `MessageChannel` rather than `setTimeout`, which browsers stretch to 4 ms.
#[cfg(target_arch = "wasm32")]
async fn turn_event_loop() {
    use wasm_bindgen::prelude::*;
    let Ok(channel) = web_sys::MessageChannel::new() else { return };
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        channel.port1().set_onmessage(Some(&resolve));
    });
    if channel.port2().post_message(&JsValue::NULL).is_ok() {
        let _ = wasm_bindgen_futures::JsFuture::from(promise).await; // it only resolves
    }
    channel.port1().set_onmessage(None);
    channel.port1().close();
}

/// Natively nothing else waits for this thread.
#[cfg(not(target_arch = "wasm32"))]
async fn turn_event_loop() {}

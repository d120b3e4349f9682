//! A lock among all tabs of the site (Web Locks), so that one of them at a time writes a run.
//!
//! What must hold: the lock lasts until [`Lock`] is dropped or the tab ends, however it ends.

use std::cell::Cell;
use std::rc::Rc;

use futures::channel::oneshot;
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A lock that is held.
#[derive(Debug)]
pub struct Lock {
    /// Settles the promise until which the browser holds the lock.
    release: Function,
}

impl Lock {
    /// Takes the lock `name`; none where another tab holds it. A browser without locks is an exception.
    pub async fn take(name: &str) -> Result<Option<Lock>, JsValue> {
        let locks = Reflect::get(&leptos::prelude::window().navigator(), &"locks".into())?;
        let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
        let options = Object::new();
        Reflect::set(&options, &"ifAvailable".into(), &true.into())?;
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        let (told, tell) = oneshot::channel();
        let told = Rc::new(Cell::new(Some(told)));
        let teller = told.clone();
        // The browser calls back with the lock or with null, and holds the lock until what is returned is settled.
        let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            let got = lock.is_truthy();
            // Somebody waits for it, below.
            let _ = teller.take().map(|told| told.send(got));
            if got { held.into() } else { JsValue::UNDEFINED }
        });
        let outcome: Promise = request.call3(&locks, &name.into(), &options, &granted)?.dyn_into()?;
        wasm_bindgen_futures::spawn_local(async move {
            // Ends when the lock is given back. A request that has failed ends without calling back: then nobody holds anything.
            let _ = JsFuture::from(outcome).await;
            drop(told.take());
        });
        let got = tell.await.map_err(|_| js_sys::Error::new("the lock was refused"))?;
        Ok(release.filter(|_| got).map(|release| Lock { release }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Without a result.
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

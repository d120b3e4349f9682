//! A few stores of texts by key in IndexedDB.
//!
//! What must hold: a write has happened when its future is done (the transaction has completed). Every operation opens the database anew
//! and closes it, so that another tab with a newer version is never blocked.

use futures::channel::oneshot;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbOpenDbRequest, IdbRequest, IdbTransaction, IdbTransactionMode};

use super::StorageError;

const NAME: &str = "mmedkit";
const VERSION: u32 = 4;

/// A store. When one is added or removed, the version is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A run as JSON, by its id.
    Runs,
    /// What is known about a set of a student's own questions, without them.
    Decks,
    /// The questions of a deck, as JSON.
    DeckQuestions,
    /// A rater's ratings of a study, with what it was made from.
    Ratings,
}

impl Store {
    const ALL: [Store; 4] = [Store::Runs, Store::Decks, Store::DeckQuestions, Store::Ratings];

    fn name(self) -> &'static str {
        match self {
            Store::Runs => "runs",
            Store::Decks => "decks",
            Store::DeckQuestions => "deck-questions",
            Store::Ratings => "ratings",
        }
    }
}

/// Writes or replaces.
pub async fn put(store: Store, key: &str, value: &str) -> Result<(), StorageError> {
    write(&[store], |tx| {
        tx.object_store(store.name())?.put_with_key(&value.into(), &key.into())?;
        Ok(())
    })
    .await
}

/// Removes, if it is there.
pub async fn delete(stores: &[Store], key: &str) -> Result<(), StorageError> {
    write(stores, |tx| {
        for store in stores {
            tx.object_store(store.name())?.delete(&key.into())?;
        }
        Ok(())
    })
    .await
}

/// One value.
pub async fn get(store: Store, key: &str) -> Result<Option<String>, StorageError> {
    let db = open().await?;
    let request = db
        .transaction_with_str(store.name())?
        .object_store(store.name())?
        .get(&key.into())?;
    let value = finished(&request).await?;
    db.close();
    Ok(value.as_string())
}

/// All values, in the order of their keys.
pub async fn all(store: Store) -> Result<Vec<String>, StorageError> {
    let db = open().await?;
    let request = db.transaction_with_str(store.name())?.object_store(store.name())?.get_all()?;
    let values = finished(&request).await?;
    db.close();
    Ok(js_sys::Array::from(&values).iter().filter_map(|v| v.as_string()).collect())
}

async fn write(stores: &[Store], work: impl FnOnce(&IdbTransaction) -> Result<(), JsValue>) -> Result<(), StorageError> {
    let db = open().await?;
    let names: js_sys::Array = stores.iter().map(|s| JsValue::from_str(s.name())).collect();
    let tx = db.transaction_with_str_sequence_and_mode(&names, IdbTransactionMode::Readwrite)?;
    let (done, wait) = oneshot::channel();
    let done = std::rc::Rc::new(std::cell::Cell::new(Some(done)));
    let on = |ok: bool| {
        let (done, tx) = (done.clone(), tx.clone());
        Closure::<dyn FnMut()>::new(move || {
            if let Some(done) = done.take() {
                let _ = done.send(if ok {
                    Ok(())
                } else {
                    Err(tx.error().map(JsValue::from).unwrap_or(JsValue::NULL))
                });
            }
        })
    };
    let (complete, abort) = (on(true), on(false));
    tx.set_oncomplete(Some(complete.as_ref().unchecked_ref()));
    tx.set_onabort(Some(abort.as_ref().unchecked_ref()));
    work(&tx)?;
    let result = wait.await.unwrap_or(Err(JsValue::NULL));
    db.close();
    Ok(result?)
}

async fn open() -> Result<IdbDatabase, StorageError> {
    let factory = leptos::prelude::window().indexed_db()?.ok_or(JsValue::NULL)?;
    let request: IdbOpenDbRequest = factory.open_with_u32(NAME, VERSION)?;
    let upgraded = request.clone();
    let upgrade = Closure::<dyn FnMut()>::new(move || {
        let Some(db) = upgraded.result().ok().and_then(|r| r.dyn_into::<IdbDatabase>().ok()) else {
            return;
        };
        let names = db.object_store_names();
        let there: Vec<String> = (0..names.length()).filter_map(|i| names.get(i)).collect();
        let wanted = Store::ALL.map(Store::name);
        // A failure here aborts the upgrade, and opening fails with its error.
        for name in wanted.iter().filter(|name| !there.iter().any(|t| t == *name)) {
            let _ = db.create_object_store(name);
        }
        for name in there.iter().filter(|name| !wanted.contains(&name.as_str())) {
            let _ = db.delete_object_store(name);
        }
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    let db = finished(&request).await?;
    request.set_onupgradeneeded(None);
    db.dyn_into::<IdbDatabase>()
        .map_err(|_| StorageError::new("the browser's database did not open"))
}

/// The result of a request, once it is there.
async fn finished(request: &IdbRequest) -> Result<JsValue, StorageError> {
    let (done, wait) = oneshot::channel();
    let done = std::rc::Rc::new(std::cell::Cell::new(Some(done)));
    let on = |ok: bool| {
        let (done, request) = (done.clone(), request.clone());
        Closure::<dyn FnMut()>::new(move || {
            if let Some(done) = done.take() {
                let failure = || Err(request.error().ok().flatten().map(JsValue::from).unwrap_or(JsValue::NULL));
                let _ = done.send(if ok { request.result() } else { failure() });
            }
        })
    };
    let (success, error) = (on(true), on(false));
    request.set_onsuccess(Some(success.as_ref().unchecked_ref()));
    request.set_onerror(Some(error.as_ref().unchecked_ref()));
    let result = wait.await.unwrap_or(Err(JsValue::NULL));
    request.set_onsuccess(None);
    request.set_onerror(None);
    Ok(result?)
}

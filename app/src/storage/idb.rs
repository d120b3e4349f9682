//! A few stores of texts by key in IndexedDB.
//!
//! What must hold: a write has happened when its future is done (the transaction has completed). Every operation opens the database anew
//! and closes it, so that another tab with a newer version is never blocked.

use futures::channel::oneshot;
use js_sys::Reflect;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbOpenDbRequest, IdbRequest, IdbTransaction, IdbTransactionMode};

const NAME: &str = "mmedkit";
const VERSION: u32 = 3;

/// A store. New ones are added at the end, and the version raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A run as JSON, by its id.
    Runs,
    /// What is known about a set of a student's own questions, without them.
    Decks,
    /// The questions of a deck, as JSON.
    DeckQuestions,
    /// What is known about a benchmark run, without its records, by its id.
    BenchRuns,
    /// Lines of a benchmark run's record, by `ID/NUMBER` of the batch that they were written in.
    BenchRecords,
    /// A rater's ratings of a study, with what it was made from.
    Ratings,
}

impl Store {
    const ALL: [Store; 6] = [
        Store::Runs,
        Store::Decks,
        Store::DeckQuestions,
        Store::BenchRuns,
        Store::BenchRecords,
        Store::Ratings,
    ];

    fn name(self) -> &'static str {
        match self {
            Store::Runs => "runs",
            Store::Decks => "decks",
            Store::DeckQuestions => "deck-questions",
            Store::BenchRuns => "bench-runs",
            Store::BenchRecords => "bench-records",
            Store::Ratings => "ratings",
        }
    }
}

/// Why the browser's database did not do it, in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbError(pub String);

impl From<JsValue> for DbError {
    fn from(error: JsValue) -> DbError {
        let name = Reflect::get(&error, &"name".into())
            .ok()
            .and_then(|n| n.as_string())
            .unwrap_or_default();
        let message = Reflect::get(&error, &"message".into())
            .ok()
            .and_then(|n| n.as_string())
            .unwrap_or_default();
        DbError(match name.as_str() {
            "ConstraintError" => "another tab has written there already".into(),
            "QuotaExceededError" => "the browser's storage for this site is full; delete a model or old runs".into(),
            "" => "the browser gives this page no database (private window?)".into(),
            name => format!("{name}: {message}"),
        })
    }
}

/// Writes or replaces.
pub async fn put(store: Store, key: &str, value: &str) -> Result<(), DbError> {
    write(&[store], |tx| {
        tx.object_store(store.name())?.put_with_key(&value.into(), &key.into())?;
        Ok(())
    })
    .await
}

/// Writes or replaces `known` and adds `new`: both or, where `new`'s key is taken, neither.
pub async fn put_with_new(known: (Store, &str, &str), new: (Store, &str, &str)) -> Result<(), DbError> {
    write(&[known.0, new.0], |tx| {
        tx.object_store(new.0.name())?.add_with_key(&new.2.into(), &new.1.into())?;
        tx.object_store(known.0.name())?.put_with_key(&known.2.into(), &known.1.into())?;
        Ok(())
    })
    .await
}

/// Removes what has a key that begins with `prefix`.
pub async fn delete_prefix(store: Store, prefix: &str) -> Result<(), DbError> {
    write(&[store], |tx| {
        tx.object_store(store.name())?.delete(&beginning_with(prefix)?)?;
        Ok(())
    })
    .await
}

/// The values whose keys begin with `prefix`, in the order of the keys.
pub async fn with_prefix(store: Store, prefix: &str) -> Result<Vec<String>, DbError> {
    let db = open().await?;
    let request = db
        .transaction_with_str(store.name())?
        .object_store(store.name())?
        .get_all_with_key(&beginning_with(prefix)?)?;
    let values = finished(&request).await?;
    db.close();
    Ok(js_sys::Array::from(&values).iter().filter_map(|v| v.as_string()).collect())
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = IDBKeyRange, js_name = bound, catch)]
    fn keys_between(low: &str, high: &str) -> Result<JsValue, JsValue>;
}

fn beginning_with(prefix: &str) -> Result<JsValue, JsValue> {
    keys_between(prefix, &format!("{prefix}\u{ffff}"))
}

/// Removes, if it is there.
pub async fn delete(stores: &[Store], key: &str) -> Result<(), DbError> {
    write(stores, |tx| {
        for store in stores {
            tx.object_store(store.name())?.delete(&key.into())?;
        }
        Ok(())
    })
    .await
}

/// One value.
pub async fn get(store: Store, key: &str) -> Result<Option<String>, DbError> {
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
pub async fn all(store: Store) -> Result<Vec<String>, DbError> {
    let db = open().await?;
    let request = db.transaction_with_str(store.name())?.object_store(store.name())?.get_all()?;
    let values = finished(&request).await?;
    db.close();
    Ok(js_sys::Array::from(&values).iter().filter_map(|v| v.as_string()).collect())
}

async fn write(stores: &[Store], work: impl FnOnce(&IdbTransaction) -> Result<(), JsValue>) -> Result<(), DbError> {
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

async fn open() -> Result<IdbDatabase, DbError> {
    let factory = leptos::prelude::window().indexed_db()?.ok_or(JsValue::NULL)?;
    let request: IdbOpenDbRequest = factory.open_with_u32(NAME, VERSION)?;
    let upgraded = request.clone();
    let upgrade = Closure::<dyn FnMut()>::new(move || {
        let Some(db) = upgraded.result().ok().and_then(|r| r.dyn_into::<IdbDatabase>().ok()) else {
            return;
        };
        let names = db.object_store_names();
        for store in Store::ALL {
            if !(0..names.length()).any(|i| names.get(i).as_deref() == Some(store.name())) {
                // A failure here aborts the upgrade, and opening fails with its error.
                let _ = db.create_object_store(store.name());
            }
        }
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    let db = finished(&request).await?;
    request.set_onupgradeneeded(None);
    db.dyn_into::<IdbDatabase>()
        .map_err(|_| DbError("the browser's database did not open".into()))
}

/// The result of a request, once it is there.
async fn finished(request: &IdbRequest) -> Result<JsValue, DbError> {
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

//! Where a model's bytes are: beside the page, at an address, in the page's hands, in the browser's storage.
//!
//! An address is stored first and loaded from storage, so that the next load needs no network. Its header is checked before anything is
//! stored: gigabytes of the wrong file would help nobody. Where the browser lets nobody store, the model is loaded from the address itself.

use crate::engine::Engine;
use crate::engine::control::Control;
use crate::engine::failure;
use crate::engine::load::FileFacts;
use crate::engine::tunings::Tunings;
use crate::protocol::*;
use checkpoint::hash;
use checkpoint::source::{BlobSource, HttpSource, IN_FLIGHT_LIMIT};
use checkpoint::store::{Addition, Opfs, Reopen, estimate};
use checkpoint::{BoxedSource, ByteSource, Memory, Store, StoredSource};
use futures::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, Response};

/// The demo model, from the worker's script.
const DEMO: &str = "models/demo.gguf";

/// Opens `load.source` and loads it.
pub async fn load(
    engine: &mut Engine,
    load: Load,
    file: Option<File>,
    control: &Control,
    events: &mut dyn FnMut(Event),
) -> Result<Info, Failure> {
    let (source, facts, peak) = match &load.source {
        Source::Demo => unless_cancelled(control, demo()).await?,
        Source::File => {
            let file = file.ok_or_else(|| {
                Failure::new(
                    ErrorKind::BadRequest,
                    "a load from a file needs the File in the message's field `file`",
                )
            })?;
            from_file(engine, &load, file, control, events).await?
        }
        Source::Stored { name } => {
            let store = Store::new(Opfs::open().await.map_err(failure::checkpoint)?);
            let source = store.open(name, Some(reopen())).await.map_err(failure::checkpoint)?;
            stored(source, name)
        }
        Source::Url { url, sha256, name } => from_address(engine, &load, url, sha256.as_deref(), name.as_deref(), control, events).await?,
    };
    if load.backend != BackendChoice::Cpu {
        engine.adapter = adapter_name().await;
        if engine.tunings == Tunings::default() {
            engine.tunings = super::tunings::read().await;
        }
    }
    let result = engine.load(source, facts, &load, events).await;
    engine.note_in_flight(peak);
    if engine.tunings.changed {
        super::tunings::write(&engine.tunings).await;
        engine.tunings.changed = false;
    }
    result
}

/// What the browser tells of its adapter, which wgpu does not pass on (wgpu 30, 2026-11): `google swiftshader`.
async fn adapter_name() -> Option<String> {
    let get = |object: &JsValue, name: &str| js_sys::Reflect::get(object, &name.into()).ok();
    let gpu = get(&get(&js_sys::global(), "navigator")?, "gpu")?;
    let options = js_sys::Object::new();
    js_sys::Reflect::set(&options, &"powerPreference".into(), &"high-performance".into()).ok()?;
    let request = get(&gpu, "requestAdapter")?.dyn_into::<js_sys::Function>().ok()?;
    let promise = request.call1(&gpu, &options).ok()?.dyn_into::<js_sys::Promise>().ok()?;
    let info = get(&JsFuture::from(promise).await.ok()?, "info")?;
    let parts = ["vendor", "architecture", "device", "description"].into_iter();
    let parts: Vec<String> = parts
        .filter_map(|part| get(&info, part)?.as_string())
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

type Opened = (BoxedSource, FileFacts, u64);

fn facts(name: &str, sha256: Option<String>) -> FileFacts {
    FileFacts {
        name: name.to_owned(),
        sha256,
    }
}

fn stored(source: StoredSource<Opfs>, name: &str) -> Opened {
    let facts = facts(name, Some(source.sha256()));
    (BoxedSource::new(source), facts, 0)
}

/// How a stored model fetches a damaged block again.
fn reopen() -> Reopen {
    Box::new(|url| {
        let url = url.to_owned();
        Box::pin(async move { HttpSource::open(&url).await.map(BoxedSource::new) })
    })
}

/// Ends early with [`ErrorKind::Cancelled`]; dropping the work aborts its requests.
async fn unless_cancelled<T>(control: &Control, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match select(pin!(work), pin!(control.cancelled())).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(failure::checkpoint(checkpoint::Error::Cancelled)),
    }
}

async fn from_address(
    engine: &mut Engine,
    load: &Load,
    url: &str,
    sha256: Option<&str>,
    name: Option<&str>,
    control: &Control,
    events: &mut dyn FnMut(Event),
) -> Result<Opened, Failure> {
    let short = name.map_or_else(|| last_part(url), str::to_owned);
    let store = match Opfs::open().await {
        Ok(files) => Store::new(files),
        Err(error) => {
            web_sys::console::warn_1(&format!("mmedkit: {error}; the model is loaded without being kept").into());
            let source = unless_cancelled(control, open_address(url)).await?;
            return Ok((BoxedSource::new(source), facts(&short, None), 0));
        }
    };
    // Models of different addresses may share a file name; the second is kept under its whole address.
    let found = store.find(&short).await.map_err(failure::checkpoint)?;
    let name = match &found {
        Some(model) if model.url.as_deref().is_some_and(|known| known != url) && name.is_none() => url.to_owned(),
        _ => short,
    };
    let found = store.find(&name).await.map_err(failure::checkpoint)?;
    let is_it = |model: &checkpoint::StoredModel| {
        let same = |expected: &str| model.sha256.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(expected));
        model.is_complete() && model.url.as_deref() == Some(url) && sha256.is_none_or(same)
    };
    if !found.as_ref().is_some_and(is_it) {
        let source = unless_cancelled(control, open_address(url)).await?;
        engine.check_header(&source, load, events).await?;
        let addition = Addition {
            name: name.clone(),
            url: Some(url.to_owned()),
            validator: source.validator().map(str::to_owned),
            sha256: sha256.map(str::to_owned),
        };
        let on_progress = |loaded, total| {
            events(Event::Progress(Progress {
                stage: Stage::Download,
                loaded,
                total,
            }))
        };
        unless_cancelled(control, async {
            store.add(&addition, &source, on_progress).await.map_err(failure::checkpoint)
        })
        .await?;
    }
    let source = store.open(&name, Some(reopen())).await.map_err(failure::checkpoint)?;
    let peak = store.budget().peak() as u64;
    let (source, facts, _) = stored(source, &name);
    Ok((source, facts, peak))
}

async fn open_address(url: &str) -> Result<HttpSource, Failure> {
    HttpSource::open(url).await.map_err(failure::checkpoint)
}

/// The last part of an address's path.
fn last_part(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(url);
    js_sys::decode_uri_component(last).map_or_else(|_| last.to_owned(), String::from)
}

/// The demo model is small enough to be fetched whole, also from file hosts that know no ranges.
async fn demo() -> Result<Opened, Failure> {
    let bytes = fetch_whole(DEMO).await?;
    let facts = facts("demo", Some(hash::hex(&hash::sha256(&bytes))));
    Ok((BoxedSource::new(Memory::new(DEMO, bytes)), facts, 0))
}

/// A file of the page's: nothing of it is kept, so it is read once more than it is loaded, for its hash, by which records know the model.
async fn from_file(
    engine: &mut Engine,
    load: &Load,
    file: File,
    control: &Control,
    events: &mut dyn FnMut(Event),
) -> Result<Opened, Failure> {
    let name = file.name();
    let source = BlobSource::from_file(file);
    engine.check_header(&source, load, events).await?;
    let total = source.len();
    let on_progress = |loaded| {
        events(Event::Progress(Progress {
            stage: Stage::Download,
            loaded,
            total,
        }))
    };
    let hash = unless_cancelled(control, async {
        hash::of_source(&source, on_progress).await.map_err(failure::checkpoint)
    })
    .await?;
    Ok((BoxedSource::new(source), facts(&name, Some(hash::hex(&hash))), 0))
}

async fn fetch_whole(url: &str) -> Result<Vec<u8>, Failure> {
    let failed = |problem: String| Failure::new(ErrorKind::Network, format!("{url}: {problem}"));
    let unreachable = |error: wasm_bindgen::JsValue| failed(format!("the file could not be fetched ({error:?})"));
    let response: Response = JsFuture::from(super::scope().fetch_with_str(url))
        .await
        .map_err(unreachable)?
        .unchecked_into();
    if !response.ok() {
        return Err(failed(format!("the server answered with HTTP status {}", response.status())));
    }
    let length = response
        .headers()
        .get("content-length")
        .ok()
        .flatten()
        .and_then(|text| text.parse::<usize>().ok());
    if length.is_some_and(|length| length > IN_FLIGHT_LIMIT) {
        return Err(failure::checkpoint(checkpoint::Error::NoRanges { url: url.to_owned() }));
    }
    let buffer = JsFuture::from(response.array_buffer().map_err(unreachable)?)
        .await
        .map_err(unreachable)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Models kept in this browser.
pub async fn list() -> Result<Models, Failure> {
    let store = Store::new(Opfs::open().await.map_err(failure::checkpoint)?);
    let describe = |model: checkpoint::StoredModel| StoredModel {
        name: model.name,
        bytes: model.bytes,
        stored: model.stored,
        url: model.url,
    };
    let models = store.list().await.map_err(failure::checkpoint)?.into_iter().map(describe).collect();
    let (usage, quota) = estimate().await.unwrap_or_default();
    Ok(Models { models, usage, quota })
}

/// Removes one.
pub async fn delete(name: &str) -> Result<(), Failure> {
    let store = Store::new(Opfs::open().await.map_err(failure::checkpoint)?);
    store.delete(name).await.map_err(failure::checkpoint)
}

//! A file at an HTTP(S) address, read by ranges. Only in browsers.
//!
//! What must hold: the file is never asked for whole; a connection that breaks goes on at the byte where it broke; a file that changes in
//! between is noticed; dropping a read aborts its request.
//!
//! Of the request's headers only `Range` is ours, in a form that browsers send to other sites without asking first (Fetch standard,
//! "simple range header value").

use super::js;
use super::{ByteSource, check_range};
use crate::error::{Error, Result};
use js_sys::Uint8Array;
use std::cell::Cell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader, RequestCache, RequestInit, Response};

/// Attempts without a single new byte before a read gives up.
const ATTEMPTS: u32 = 5;
/// Wait before the second attempt, in milliseconds; doubled each time.
const FIRST_WAIT: i32 = 500;

/// A file at an address.
#[derive(Debug)]
pub struct HttpSource {
    url: String,
    len: u64,
    validator: Option<String>,
    received: Cell<u64>,
}

/// Aborts its request when dropped.
struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer whose body is still to come.
struct Answer {
    response: Response,
    _abort: Abort,
}

impl HttpSource {
    /// Asks for the file's length. `url` is absolute, or relative to the page or worker.
    pub async fn open(url: &str) -> Result<HttpSource> {
        let mut source = HttpSource {
            url: url.to_owned(),
            len: 0,
            validator: None,
            received: Cell::new(0),
        };
        let answer = source.request("GET", Some((0, 0))).await?;
        source.validator = header(&answer.response, "etag");
        match answer.response.status() {
            206 => {}
            // A file without bytes has no first byte.
            416 if total(&answer.response) == Some(0) => return Ok(source),
            status => return Err(source.refusal(status)),
        }
        source.len = match total(&answer.response) {
            Some(len) => len,
            // A server of another site may hide Content-Range; Content-Length is always shown.
            None => source.length_by_head().await?,
        };
        Ok(source)
    }

    /// What the server calls this state of the file (its ETag), where it says so.
    pub fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// Bytes that came over the network so far.
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    async fn length_by_head(&self) -> Result<u64> {
        let answer = self.request("HEAD", None).await?;
        let length = header(&answer.response, "content-length").and_then(|text| text.parse().ok());
        match answer.response.status() {
            200 => length.ok_or_else(|| Error::NoRanges { url: self.url.clone() }),
            status => Err(self.refusal(status)),
        }
    }

    /// Sends a request for the bytes `first..=last`.
    async fn request(&self, method: &str, range: Option<(u64, u64)>) -> Result<Answer> {
        let unreachable = |error: JsValue| Error::Unreachable {
            url: self.url.clone(),
            problem: js::error_message(&error),
        };
        let init = RequestInit::new();
        init.set_method(method);
        // The store keeps the file; the browser's own cache should not keep it a second time.
        init.set_cache(RequestCache::NoStore);
        let headers = js_sys::Object::new();
        if let Some((first, last)) = range {
            let value = format!("bytes={first}-{last}");
            js_sys::Reflect::set(&headers, &"Range".into(), &value.into()).map_err(unreachable)?;
        }
        init.set_headers_record_from_str_to_str(&headers);
        let abort = AbortController::new().map_err(unreachable)?;
        init.set_signal(Some(&abort.signal()));
        let abort = Abort(abort);
        let response = js::call(&js_sys::global(), "fetch", &[&self.url.as_str().into(), &init])
            .await
            .map_err(unreachable)?;
        Ok(Answer {
            response: response.unchecked_into(),
            _abort: abort,
        })
    }

    /// What a status that is not the expected one means.
    fn refusal(&self, status: u16) -> Error {
        let url = self.url.clone();
        let hint = match status {
            200 => return Error::NoRanges { url },
            404 | 410 => return Error::Gone { url, status },
            416 => {
                return Error::Changed {
                    url,
                    problem: "it is shorter now".to_owned(),
                };
            }
            401 | 403 => ": the file needs a login, or a licence that has to be accepted first",
            429 => ": too many requests; wait a while, then go on",
            500..=599 => ": the server has a problem; try again later",
            _ => "",
        };
        Error::Status { url, status, hint }
    }

    /// Fills `buffer` from `offset` as far as one connection carries; `done` says how far, also after an error.
    async fn receive(&self, offset: u64, buffer: &mut [u8], done: &mut usize) -> Result<()> {
        let first = offset + *done as u64;
        let last = offset + buffer.len() as u64 - 1;
        let answer = self.request("GET", Some((first, last))).await?;
        let response = &answer.response;
        if response.status() != 206 {
            return Err(self.refusal(response.status()));
        }
        let changed = |problem: String| Error::Changed {
            url: self.url.clone(),
            problem,
        };
        if let Some(total) = total(response)
            && total != self.len
        {
            return Err(changed(format!("it had {} bytes, now {total}", self.len)));
        }
        if let (Some(old), Some(new)) = (&self.validator, header(response, "etag"))
            && *old != new
        {
            return Err(changed("the server's tag for it is another one".to_owned()));
        }
        let broken = |error: JsValue| Error::Unreachable {
            url: self.url.clone(),
            problem: js::error_message(&error),
        };
        let body = response
            .body()
            .ok_or_else(|| broken(JsError::new("the answer has no body").into()))?;
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        while *done < buffer.len() {
            let piece = JsFuture::from(reader.read()).await.map_err(broken)?;
            if js::get(&piece, "done").is_truthy() {
                return Err(broken(JsError::new("the connection ended early").into()));
            }
            let piece: Uint8Array = js::get(&piece, "value").unchecked_into();
            let len = piece.length() as usize;
            self.received.set(self.received.get() + len as u64);
            if len > buffer.len() - *done {
                return Err(changed("the server sent more than was asked for".to_owned()));
            }
            piece.copy_to(&mut buffer[*done..*done + len]);
            *done += len;
        }
        Ok(())
    }
}

/// A header's value, where it is there and other sites may read it.
fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).ok().flatten()
}

/// The length that `Content-Range: bytes 0-0/LENGTH` names.
fn total(response: &Response) -> Option<u64> {
    header(response, "content-range")?.rsplit_once('/')?.1.trim().parse().ok()
}

/// True for what may pass by itself.
fn passes(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } => true,
        Error::Status { status, .. } => *status == 429 || *status >= 500,
        _ => false,
    }
}

impl ByteSource for HttpSource {
    fn name(&self) -> &str {
        &self.url
    }

    fn len(&self) -> u64 {
        self.len
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check_range(self, offset, buffer.len())?;
        let mut done = 0;
        let mut failures = 0;
        while done < buffer.len() {
            let before = done;
            let Err(error) = self.receive(offset, buffer, &mut done).await else {
                return Ok(());
            };
            failures = if done > before { 1 } else { failures + 1 };
            if !passes(&error) || failures == ATTEMPTS {
                return Err(error);
            }
            js::sleep(FIRST_WAIT << (failures - 1)).await;
        }
        Ok(())
    }
}

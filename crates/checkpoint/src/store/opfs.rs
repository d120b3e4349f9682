//! The store's files in the browser's private file system (OPFS). Only in a dedicated worker: only there are files read and written
//! directly, into and out of wasm memory.
//!
//! A writer holds a `FileSystemSyncAccessHandle`, which excludes everybody else. Readers hold one in the mode `read-only`, which they share;
//! browsers without that mode (2026-11: all but Chromium's) give the first reader an exclusive one, and later readers slices of a `File`.
//! A folder's lock is a Web Lock, which ends with its tab.

use super::files::{Files, StoredFile};
use crate::error::{Error, Result};
use crate::source::js;
use crate::source::{BlobSource, ByteSource};
use js_sys::{Function, Object, Promise, Reflect};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions, FileSystemReadWriteOptions,
    FileSystemRemoveOptions, FileSystemSyncAccessHandle,
};

/// The folder of this project, in the root of the site's file system.
const ROOT: &str = "mmedkit-models";

/// The store's files.
#[derive(Clone, Debug)]
pub struct Opfs {
    root: FileSystemDirectoryHandle,
}

fn fail(model: &str) -> impl Fn(JsValue) -> Error {
    move |error| js::file_error(model, &error)
}

fn storage() -> JsValue {
    js::get(&js::get(&js_sys::global(), "navigator"), "storage")
}

/// Bytes that this site uses, and that it may use, as the browser estimates.
pub async fn estimate() -> Option<(u64, u64)> {
    let estimate = js::call(&storage(), "estimate", &[]).await.ok()?;
    let number = |name| js::get(&estimate, name).as_f64().map(|value| value as u64);
    Some((number("usage")?, number("quota")?))
}

impl Opfs {
    /// Opens the store's folder, and creates it.
    pub async fn open() -> Result<Opfs> {
        let what = "the browser's storage";
        let top = js::call(&storage(), "getDirectory", &[])
            .await
            .map_err(|error| match js::error_name(&error).as_str() {
                // Firefox' private windows, and pages that are not served over HTTPS.
                "SecurityError" => Error::Io {
                    file: what.to_owned(),
                    problem: "this browser does not let the page store files here".to_owned(),
                },
                _ => js::file_error(what, &error),
            })?;
        let root = folder(&top.unchecked_into(), ROOT, true, what).await?;
        Ok(Opfs {
            root: root.ok_or_else(|| Error::Io {
                file: what.to_owned(),
                problem: "its folder was not created".to_owned(),
            })?,
        })
    }

    async fn handle(&self, folder_name: &str, file: &str, create: bool, model: &str) -> Result<Option<FileSystemFileHandle>> {
        let Some(folder) = folder(&self.root, folder_name, create, model).await? else {
            return Ok(None);
        };
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        match JsFuture::from(folder.get_file_handle_with_options(file, &options)).await {
            Ok(handle) => Ok(Some(handle.unchecked_into())),
            Err(error) if js::error_name(&error) == "NotFoundError" => Ok(None),
            Err(error) => Err(js::file_error(model, &error)),
        }
    }
}

async fn folder(parent: &FileSystemDirectoryHandle, name: &str, create: bool, model: &str) -> Result<Option<FileSystemDirectoryHandle>> {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    match JsFuture::from(parent.get_directory_handle_with_options(name, &options)).await {
        Ok(handle) => Ok(Some(handle.unchecked_into())),
        Err(error) if js::error_name(&error) == "NotFoundError" => Ok(None),
        Err(error) => Err(js::file_error(model, &error)),
    }
}

async fn sync_handle(handle: &FileSystemFileHandle, mode: &str) -> std::result::Result<FileSystemSyncAccessHandle, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"mode".into(), &mode.into())?;
    Ok(js::call(handle, "createSyncAccessHandle", &[&options]).await?.unchecked_into())
}

impl Files for Opfs {
    type File = OpfsFile;
    type Lock = WebLock;

    async fn folders(&self) -> Result<Vec<String>> {
        let what = "the browser's storage";
        let keys = self.root.keys();
        let mut names = Vec::new();
        loop {
            let step = JsFuture::from(keys.next().map_err(fail(what))?).await.map_err(fail(what))?;
            if js::get(&step, "done").is_truthy() {
                return Ok(names);
            }
            names.extend(js::get(&step, "value").as_string());
        }
    }

    async fn read_small(&self, folder: &str, file: &str) -> Result<Option<Vec<u8>>> {
        // Through a snapshot, so that a writer in another tab is no obstacle.
        let Some(handle) = self.handle(folder, file, false, file).await? else {
            return Ok(None);
        };
        let snapshot = JsFuture::from(handle.get_file()).await.map_err(fail(file))?;
        let source = BlobSource::from_file(snapshot.unchecked_into());
        let mut bytes = vec![0; source.len() as usize];
        source.read(0, &mut bytes).await?;
        Ok(Some(bytes))
    }

    async fn open(&self, folder: &str, file: &str, model: &str) -> Result<OpfsFile> {
        let handle = self.handle(folder, file, true, model).await?;
        let handle = handle.ok_or_else(|| Error::Io {
            file: model.to_owned(),
            problem: "its file was not created".to_owned(),
        })?;
        let sync = sync_handle(&handle, "readwrite").await.map_err(fail(model))?;
        Ok(OpfsFile {
            model: model.to_owned(),
            access: Access::Direct(sync),
        })
    }

    async fn open_shared(&self, folder: &str, file: &str, model: &str) -> Result<Option<OpfsFile>> {
        let Some(handle) = self.handle(folder, file, false, model).await? else {
            return Ok(None);
        };
        let access = match sync_handle(&handle, "read-only").await {
            Ok(sync) => Access::Direct(sync),
            Err(_) => {
                let snapshot = JsFuture::from(handle.get_file()).await.map_err(fail(model))?;
                Access::Snapshot(BlobSource::from_file(snapshot.unchecked_into()))
            }
        };
        Ok(Some(OpfsFile {
            model: model.to_owned(),
            access,
        }))
    }

    async fn remove(&self, folder: &str, model: &str) -> Result<()> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        match JsFuture::from(self.root.remove_entry_with_options(folder, &options)).await {
            Ok(_) => Ok(()),
            Err(error) if js::error_name(&error) == "NotFoundError" => Ok(()),
            Err(error) => Err(js::file_error(model, &error)),
        }
    }

    async fn lock(&self, folder: &str, model: &str) -> Result<WebLock> {
        match WebLock::take(&format!("{ROOT}/{folder}")).await {
            Some(lock) => Ok(lock),
            None => Err(Error::InUse { file: model.to_owned() }),
        }
    }

    async fn room(&self) -> Option<u64> {
        estimate().await.map(|(usage, quota)| quota.saturating_sub(usage))
    }
}

#[derive(Debug)]
enum Access {
    Direct(FileSystemSyncAccessHandle),
    /// Of the file as it was when it was opened; for reading.
    Snapshot(BlobSource),
}

/// An open file.
#[derive(Debug)]
pub struct OpfsFile {
    model: String,
    access: Access,
}

impl OpfsFile {
    fn direct(&self) -> Result<&FileSystemSyncAccessHandle> {
        match &self.access {
            Access::Direct(handle) => Ok(handle),
            Access::Snapshot(_) => Err(Error::InUse { file: self.model.clone() }),
        }
    }
}

fn at(offset: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(offset as f64);
    options
}

impl StoredFile for OpfsFile {
    async fn len(&self) -> Result<u64> {
        match &self.access {
            Access::Direct(handle) => handle.get_size().map(|size| size as u64).map_err(fail(&self.model)),
            Access::Snapshot(blob) => Ok(blob.len()),
        }
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match &self.access {
            Access::Direct(handle) => {
                let read = handle
                    .read_with_u8_array_and_options(buffer, &at(offset))
                    .map_err(fail(&self.model))?;
                if read as usize == buffer.len() {
                    Ok(())
                } else {
                    Err(Error::Io {
                        file: self.model.clone(),
                        problem: "ends too early".to_owned(),
                    })
                }
            }
            Access::Snapshot(blob) => blob.read(offset, buffer).await,
        }
    }

    async fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let written = self
            .direct()?
            .write_with_u8_array_and_options(bytes, &at(offset))
            .map_err(fail(&self.model))?;
        if written as usize == bytes.len() {
            Ok(())
        } else {
            Err(Error::Quota {
                file: self.model.clone(),
                problem: "the browser stored only a part".to_owned(),
            })
        }
    }

    async fn truncate(&self, len: u64) -> Result<()> {
        self.direct()?.truncate_with_f64(len as f64).map_err(fail(&self.model))
    }

    async fn flush(&self) -> Result<()> {
        self.direct()?.flush().map_err(fail(&self.model))
    }
}

impl Drop for OpfsFile {
    fn drop(&mut self) {
        if let Access::Direct(handle) = &self.access {
            handle.close();
        }
    }
}

/// A lock among all tabs of the site. Given back when dropped, and by the browser when the tab ends.
#[derive(Debug)]
pub struct WebLock {
    /// Ends the promise that the browser waits for; none where a browser has no Web Locks (then open files exclude each other still).
    release: Option<Function>,
}

impl WebLock {
    /// Takes the lock `name`, or `None` where another holds it.
    async fn take(name: &str) -> Option<WebLock> {
        let locks = js::get(&js::get(&js_sys::global(), "navigator"), "locks");
        let Ok(request) = js::get(&locks, "request").dyn_into::<Function>() else {
            return Some(WebLock { release: None });
        };
        let options = Object::new();
        Reflect::set(&options, &"ifAvailable".into(), &true.into()).ok()?;
        // The browser holds the lock until the promise that its callback returns is settled.
        let release: Rc<RefCell<Option<Function>>> = Rc::default();
        let kept = release.clone();
        let got = Promise::new(&mut |resolve, reject| {
            let kept = kept.clone();
            let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
                if lock.is_null() || lock.is_undefined() {
                    let _ = resolve.call1(&JsValue::UNDEFINED, &false.into());
                    return JsValue::UNDEFINED;
                }
                let held = Promise::new(&mut |end, _| *kept.borrow_mut() = Some(end));
                let _ = resolve.call1(&JsValue::UNDEFINED, &true.into());
                held.into()
            });
            // An error of the request itself (a scope without the right) shows as a rejected promise.
            match request.call3(&locks, &name.into(), &options, &callback) {
                Ok(outcome) => {
                    let refused = Closure::once_into_js(move |error: JsValue| {
                        let _ = reject.call1(&JsValue::UNDEFINED, &error);
                    });
                    let catch: Function = js::get(&outcome, "catch").unchecked_into();
                    let _ = catch.call1(&outcome, &refused);
                }
                Err(error) => {
                    let _ = reject.call1(&JsValue::UNDEFINED, &error);
                }
            }
        });
        match JsFuture::from(got).await {
            Ok(got) if got.is_truthy() => Some(WebLock {
                release: release.borrow_mut().take(),
            }),
            Ok(_) => None,
            Err(_) => Some(WebLock { release: None }),
        }
    }
}

impl Drop for WebLock {
    fn drop(&mut self) {
        if let Some(release) = &self.release {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

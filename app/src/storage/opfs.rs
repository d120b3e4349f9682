//! Folders and files of texts in the browser's private file system (OPFS), as a page may use it.
//!
//! What must hold: a write has happened when its future is done, and a file is replaced whole or not at all: `createWritable` writes beside it, and
//! `close` puts the new one in its place. A file that was never closed is empty, as it was created. (The engine's models lie in the same file
//! system, in a folder of their own; they are written by the worker, `crates/checkpoint/src/store`.)

use js_sys::Reflect;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemRemoveOptions, FileSystemWritableFileStream,
};

use super::StorageError;
use super::problem;

/// A folder that is there.
#[derive(Clone, Debug)]
pub struct Folder(FileSystemDirectoryHandle);

/// What is not there is none; every other failure is one.
fn perhaps(result: Result<JsValue, JsValue>) -> Result<Option<JsValue>, StorageError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if problem::name(&error) == "NotFoundError" => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn created(handle: Option<JsValue>) -> Result<JsValue, StorageError> {
    handle.ok_or_else(|| StorageError::new("what was to be stored was removed at the same time"))
}

impl Folder {
    /// A folder in the root of the site's file system, created where it is missing.
    pub async fn of_site(name: &str) -> Result<Folder, StorageError> {
        let navigator = leptos::prelude::window().navigator();
        let storage = Reflect::get(&navigator, &"storage".into())?;
        // Missing where the page is not served over HTTPS.
        if !storage.is_object() {
            return Err(JsValue::UNDEFINED.into());
        }
        let root = JsFuture::from(navigator.storage().get_directory()).await?;
        Folder(root.unchecked_into()).create(name).await
    }

    /// The folder of this name in this one, created where it is missing.
    pub async fn create(&self, name: &str) -> Result<Folder, StorageError> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let handle = JsFuture::from(self.0.get_directory_handle_with_options(name, &options)).await;
        Ok(Folder(created(perhaps(handle)?)?.unchecked_into()))
    }

    /// The folder of this name in this one, if it is there.
    pub async fn folder(&self, name: &str) -> Result<Option<Folder>, StorageError> {
        let handle = JsFuture::from(self.0.get_directory_handle(name)).await;
        Ok(perhaps(handle)?.map(|handle| Folder(handle.unchecked_into())))
    }

    /// Names of what is in it, in no order.
    pub async fn names(&self) -> Result<Vec<String>, StorageError> {
        let keys = self.0.keys();
        let mut names = Vec::new();
        loop {
            let step = JsFuture::from(keys.next()?).await?;
            if Reflect::get(&step, &"done".into())?.is_truthy() {
                return Ok(names);
            }
            names.extend(Reflect::get(&step, &"value".into())?.as_string());
        }
    }

    /// A file as it is now, if it is there. Its bytes are read when they are asked for.
    pub async fn file(&self, name: &str) -> Result<Option<File>, StorageError> {
        let Some(handle) = perhaps(JsFuture::from(self.0.get_file_handle(name)).await)? else {
            return Ok(None);
        };
        let file = perhaps(JsFuture::from(handle.unchecked_into::<FileSystemFileHandle>().get_file()).await)?;
        Ok(file.map(JsCast::unchecked_into))
    }

    /// Writes a file, or replaces it.
    pub async fn write(&self, name: &str, text: &str) -> Result<(), StorageError> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let handle = JsFuture::from(self.0.get_file_handle_with_options(name, &options)).await;
        let handle: FileSystemFileHandle = created(perhaps(handle)?)?.unchecked_into();
        if !Reflect::has(&handle, &"createWritable".into())? {
            return Err(StorageError::new("this browser cannot write files for a page; a newer version can"));
        }
        let stream: FileSystemWritableFileStream = JsFuture::from(handle.create_writable()).await?.unchecked_into();
        JsFuture::from(stream.write_with_str(text)?).await?;
        JsFuture::from(stream.close()).await?;
        Ok(())
    }

    /// Removes a file, or a folder with all that is in it, if it is there.
    pub async fn remove(&self, name: &str) -> Result<(), StorageError> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        perhaps(JsFuture::from(self.0.remove_entry_with_options(name, &options)).await).map(|_| ())
    }
}

/// The whole of a file.
pub async fn text(file: &File) -> Result<String, StorageError> {
    let text = JsFuture::from(file.text()).await?;
    text.as_string().ok_or_else(|| StorageError::new("a stored file is no text"))
}

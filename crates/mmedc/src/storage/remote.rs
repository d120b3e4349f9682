//! Object stores, through the crate `object_store`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;

use super::{Entry, Fetched};
use crate::{Error, Result};

/// What is sent at once. S3 allows 10,000 parts: files up to 160 GB.
pub const PART_BYTES: usize = 16 << 20;

pub struct Remote {
    /// As the user wrote it.
    shown: String,
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    scratch: tempfile::TempDir,
    runtime: Runtime,
}

impl Remote {
    /// An address such as `s3://bucket/prefix`.
    pub fn open(location: &str) -> Result<Remote> {
        let refused = |problem: String| Error::Refused(format!("{location}: {problem}"));
        let url = url::Url::parse(location).map_err(|error| refused(error.to_string()))?;
        let environment = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, prefix) = object_store::parse_url_opts(&url, environment).map_err(|error| refused(error.to_string()))?;
        Remote::new(location, Arc::from(store), prefix)
    }

    pub fn new(shown: &str, store: Arc<dyn ObjectStore>, prefix: Key) -> Result<Remote> {
        let scratch = tempfile::Builder::new().prefix("mmedkit-").tempdir();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Ok(Remote {
            shown: shown.trim_end_matches('/').to_owned(),
            store,
            prefix,
            scratch: scratch.map_err(|error| Error::io(std::env::temp_dir(), error))?,
            runtime: runtime.map_err(|error| Error::io(shown, error))?,
        })
    }

    pub fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.shown)
    }

    /// The last part of the prefix.
    pub fn file_name(&self) -> Option<&str> {
        self.prefix.filename()
    }

    /// The folder of this machine that the store is used through.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    pub fn size(&self, path: &str) -> Result<Option<u64>> {
        let key = self.key(path)?;
        match self.runtime.block_on(self.store.head(&key)) {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.problem(path, &error)),
        }
    }

    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let key = self.key(path)?;
        let read = async { self.store.get(&key).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.problem(path, &error)),
        }
    }

    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let key = self.key(path)?;
        let put = self.store.put(&key, PutPayload::from(bytes.to_vec()));
        self.runtime.block_on(put).map(drop).map_err(|error| self.problem(path, &error))
    }

    /// Names come from this program or from a listing, so nothing in them is rewritten.
    fn key(&self, path: &str) -> Result<Key> {
        let whole = if path.is_empty() {
            self.prefix.to_string()
        } else {
            format!("{}/{path}", self.prefix)
        };
        Key::parse(whole.trim_start_matches('/')).map_err(|error| self.problem(path, &error.into()))
    }

    fn problem(&self, path: &str, error: &object_store::Error) -> Error {
        Error::Refused(format!("{}/{path}: {error}", self.shown))
    }

    pub fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let folder = self.key(prefix)?;
        let mut entries = Vec::new();
        self.runtime.block_on(async {
            let mut listed = self.store.list(Some(&folder));
            while let Some(object) = listed.next().await {
                let object = object.map_err(|error| self.problem(prefix, &error))?;
                let inside = object.location.prefix_match(&self.prefix).map(|parts| {
                    let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
                    parts.join("/")
                });
                if let Some(path) = inside {
                    entries.push(Entry { path, bytes: object.size });
                }
            }
            Ok(entries)
        })
    }

    pub fn upload(&self, path: &str, here: &Path) -> Result<()> {
        let mut file = File::open(here).map_err(|error| Error::io(here, error))?;
        let mut part = || -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            let read = (&mut file).take(PART_BYTES as u64).read_to_end(&mut bytes);
            read.map_err(|error| Error::io(here, error))?;
            Ok(bytes)
        };
        let key = self.key(path)?;
        let problem = |error: object_store::Error| self.problem(path, &error);
        let first = part()?;
        if first.len() < PART_BYTES {
            return self.runtime.block_on(self.store.put(&key, first.into())).map(drop).map_err(problem);
        }
        self.runtime.block_on(async {
            let mut upload = self.store.put_multipart(&key).await.map_err(problem)?;
            let sent = async {
                let mut next = first;
                while !next.is_empty() {
                    upload.put_part(next.into()).await.map_err(problem)?;
                    next = part()?;
                }
                upload.complete().await.map_err(problem)
            };
            match sent.await {
                Ok(_) => Ok(()),
                Err(error) => {
                    // Parts that were sent cost money until they are given up.
                    let _ = upload.abort().await;
                    Err(error)
                }
            }
        })
    }

    pub fn download(&self, path: &str, name: &str) -> Result<Fetched> {
        let here = self.scratch.path().join("fetched").join(name);
        let folder = here.parent().expect("has a folder");
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        // From here on a failure removes what arrived.
        let fetched = Fetched {
            path: here.clone(),
            temporary: true,
        };
        let mut file = File::create(&here).map_err(|error| Error::io(&here, error))?;
        let key = self.key(path)?;
        self.runtime.block_on(async {
            let problem = |error: object_store::Error| self.problem(path, &error);
            let mut bytes = self.store.get(&key).await.map_err(problem)?.into_stream();
            while let Some(chunk) = bytes.next().await {
                file.write_all(&chunk.map_err(problem)?).map_err(|error| Error::io(&here, error))?;
            }
            Ok(())
        })?;
        Ok(fetched)
    }
}

//! Where a build reads and writes: a folder of this machine, or a place in an object store (S3, Google Cloud Storage, Azure, HTTP).
//!
//! Programs that write files want paths. So a store is used through a folder of this machine: [`Storage::fetch`] brings a file here, and
//! [`Storage::publish`] sends one there when it is whole. In a local build both do nothing, for the file is already where it belongs.
//!
//! What must hold: nothing appears under its name before it is whole (a rename here, a finished upload there); at most one part of a file is
//! in memory.

use std::path::{Path, PathBuf};

use crate::read::Format;
use crate::write::write_file;
use crate::{Error, Result};

mod remote;

use remote::Remote;

/// A place for files.
pub struct Storage {
    place: Place,
}

enum Place {
    Local(PathBuf),
    Remote(Remote),
}

/// A file as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Inside the storage, with `/` on every system.
    pub path: String,
    pub bytes: u64,
}

/// A file on this machine; one that was brought from elsewhere is removed with this.
pub struct Fetched {
    pub path: PathBuf,
    temporary: bool,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether `location` is the address of an object store, not a path.
pub fn is_remote(location: &str) -> bool {
    location.contains("://") && !location.starts_with("file://")
}

impl Storage {
    /// Opens a path or an address such as `s3://bucket/prefix`. Relative paths start in `base`. Credentials and endpoints come from the
    /// environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY` and their like).
    pub fn open(location: &str, base: &Path) -> Result<Storage> {
        if !is_remote(location) {
            return Ok(Storage::local(base.join(location.trim_start_matches("file://"))));
        }
        Ok(Storage {
            place: Place::Remote(Remote::open(location)?),
        })
    }

    /// Opens what may be a single file: then its folder, and its name in there.
    pub fn open_input(location: &str, base: &Path) -> Result<(Storage, Option<String>)> {
        let storage = Storage::open(location, base)?;
        let file = match &storage.place {
            Place::Local(path) if path.is_file() => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                path.parent().map(Storage::local).zip(name)
            }
            Place::Local(_) => None,
            // In a store there are no folders: what has the name of a file that can be read is looked for.
            Place::Remote(remote) => match (location.rsplit_once('/'), remote.file_name()) {
                (Some((folder, _)), Some(name)) if Format::of(name).is_some() && remote.size("")?.is_some() => {
                    Some((Storage::open(folder, base)?, name.to_owned()))
                }
                _ => None,
            },
        };
        Ok(match file {
            Some((folder, name)) => (folder, Some(name)),
            None => (storage, None),
        })
    }

    /// A folder, which need not exist yet.
    pub fn local(root: impl Into<PathBuf>) -> Storage {
        Storage {
            place: Place::Local(root.into()),
        }
    }

    /// Everything below `prefix` of a store; `shown` is its name in messages.
    pub fn remote(shown: &str, store: std::sync::Arc<dyn object_store::ObjectStore>, prefix: object_store::path::Path) -> Result<Storage> {
        Ok(Storage {
            place: Place::Remote(Remote::new(shown, store, prefix)?),
        })
    }

    /// The name of a file for people.
    pub fn shown(&self, path: &str) -> String {
        match &self.place {
            Place::Local(root) => root.join(path).display().to_string(),
            Place::Remote(remote) => remote.shown(path),
        }
    }

    /// The folder, if it is one of this machine.
    pub fn local_root(&self) -> Option<&Path> {
        match &self.place {
            Place::Local(root) => Some(root),
            Place::Remote(_) => None,
        }
    }

    /// All files below `prefix`, sorted. A folder that is not there is empty.
    pub fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let mut entries = match &self.place {
            Place::Local(root) => list_folder(root, prefix)?,
            Place::Remote(remote) => remote.list(prefix)?,
        };
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// Bytes of a file; none if it is not there.
    pub fn size(&self, path: &str) -> Result<Option<u64>> {
        match &self.place {
            Place::Local(root) => match std::fs::metadata(root.join(path)) {
                Ok(meta) => Ok(Some(meta.len())),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::io(root.join(path), error)),
            },
            Place::Remote(remote) => remote.size(path),
        }
    }

    /// A small file; none if it is not there.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match &self.place {
            Place::Local(root) => match std::fs::read(root.join(path)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::io(root.join(path), error)),
            },
            Place::Remote(remote) => remote.read(path),
        }
    }

    /// Writes a small file, whole or not at all.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        match &self.place {
            Place::Local(root) => write_file(root.join(path), bytes),
            Place::Remote(remote) => remote.write(path, bytes),
        }
    }

    /// Where on this machine a file may be written that [`Storage::publish`] then puts in place.
    pub fn writable(&self, path: &str) -> PathBuf {
        match &self.place {
            Place::Local(root) => root.join(path),
            Place::Remote(remote) => remote.scratch().join(path),
        }
    }

    /// Puts a finished file in its place. Returns its size.
    pub fn publish(&self, path: &str) -> Result<u64> {
        let here = self.writable(path);
        let bytes = std::fs::metadata(&here).map_err(|error| Error::io(&here, error))?.len();
        if let Place::Remote(remote) = &self.place {
            let uploaded = remote.upload(path, &here);
            // The copy here is of no more use, whether it arrived or not.
            let _ = std::fs::remove_file(&here);
            uploaded?;
        }
        Ok(bytes)
    }

    /// Brings a file to this machine.
    pub fn fetch(&self, path: &str) -> Result<Fetched> {
        match &self.place {
            Place::Local(root) => Ok(Fetched {
                path: root.join(path),
                temporary: false,
            }),
            Place::Remote(remote) => remote.download(path, &format!("{}-{}", unique(), path.replace('/', "-"))),
        }
    }

    /// Brings files here that must lie beside each other under their own names.
    pub fn fetch_together<const N: usize>(&self, paths: [&str; N]) -> Result<[Fetched; N]> {
        let folder = unique();
        let mut fetched = Vec::with_capacity(N);
        for path in paths {
            fetched.push(match &self.place {
                Place::Local(_) => self.fetch(path)?,
                Place::Remote(remote) => {
                    let name = path.rsplit('/').next().unwrap_or(path);
                    remote.download(path, &format!("{folder}/{name}"))?
                }
            });
        }
        Ok(fetched.try_into().unwrap_or_else(|_| unreachable!("one for each")))
    }

    /// Removes what killed tasks left behind. Only when no task is running.
    pub fn remove_partial_files(&self) -> Result<u64> {
        let Place::Local(root) = &self.place else { return Ok(0) };
        let partial = |name: &str| name.starts_with('.') && name.ends_with(".partial");
        let mut removed = 0;
        for entry in list_folder(root, "")? {
            // A folder can be half-written too.
            let parts: Vec<&str> = entry.path.split('/').collect();
            let Some(depth) = parts.iter().position(|part| partial(part)) else {
                continue;
            };
            let path = root.join(parts[..=depth].join("/"));
            let gone = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            match gone {
                Ok(()) => removed += 1,
                // With the folder, by an earlier turn of this loop.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(path, error)),
            }
        }
        Ok(removed)
    }
}

fn unique() -> u64 {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// Files below `root/prefix`, without following links to folders.
fn list_folder(root: &Path, prefix: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut folders = vec![prefix.trim_end_matches('/').to_owned()];
    while let Some(inside) = folders.pop() {
        let folder = root.join(&inside);
        let listed = match std::fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(folder, error)),
        };
        for entry in listed {
            let entry = entry.map_err(|error| Error::io(&folder, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
            let kind = entry.file_type().map_err(|error| Error::io(entry.path(), error))?;
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            match std::fs::metadata(entry.path()) {
                Ok(meta) if meta.is_file() => entries.push(Entry { path, bytes: meta.len() }),
                Ok(_) => {}
                // Another task renamed it since it was listed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(entry.path(), error)),
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn both() -> (tempfile::TempDir, [Storage; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let local = Storage::local(folder.path().join("out"));
        let remote = Storage::remote("memory://bucket/a b", Arc::new(object_store::memory::InMemory::new()), "a b".into()).unwrap();
        (folder, [local, remote])
    }

    #[test]
    fn a_folder_and_a_store_behave_the_same() {
        let (_folder, storages) = both();
        for storage in storages {
            assert_eq!(storage.list("").unwrap(), []);
            assert_eq!(storage.read("none").unwrap(), None);
            storage.write("b/marker.json", b"{}").unwrap();
            storage.write("a.txt", b"text").unwrap();
            storage.write("a.txt", b"other").unwrap();
            assert_eq!(storage.size("b/marker.json").unwrap(), Some(2));
            assert_eq!(storage.size("b/none").unwrap(), None);
            let here = storage.writable("c/big");
            let bytes: Vec<u8> = (0..remote::PART_BYTES + 1000).map(|n| (n % 251) as u8).collect();
            write_file(&here, &bytes).unwrap();
            assert_eq!(storage.publish("c/big").unwrap(), bytes.len() as u64);
            let listed: Vec<(String, u64)> = storage
                .list("")
                .unwrap()
                .into_iter()
                .map(|entry| (entry.path, entry.bytes))
                .collect();
            let expected = [
                ("a.txt".to_owned(), 5),
                ("b/marker.json".to_owned(), 2),
                ("c/big".to_owned(), bytes.len() as u64),
            ];
            assert_eq!(listed, expected);
            assert_eq!(storage.list("b").unwrap().len(), 1);
            let fetched = storage.fetch("c/big").unwrap();
            assert!(std::fs::read(&fetched.path).unwrap() == bytes);
            assert_eq!(storage.read("a.txt").unwrap().unwrap(), b"other");
            let path = fetched.path.clone();
            drop(fetched);
            assert_eq!(path.exists(), storage.local_root().is_some(), "only copies are removed");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error_that_names_it() {
        let (_folder, [_, remote]) = both();
        let error = remote.fetch("c/none").err().unwrap().to_string();
        assert!(error.starts_with("memory://bucket/a b/c/none: "), "{error}");
    }

    #[test]
    fn leftovers_of_killed_tasks_go() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::local(folder.path());
        storage.write("a/b.txt", b"whole").unwrap();
        std::fs::write(folder.path().join("a/.b.txt.77-0.partial"), b"half").unwrap();
        storage.write(".windows.77.partial/1.npy", b"half").unwrap();
        storage.write(".windows.77.partial/2.npy", b"half").unwrap();
        assert_eq!(storage.remove_partial_files().unwrap(), 2);
        assert_eq!(storage.list("").unwrap().len(), 1);
    }
}

//! A file system in memory: for tests, and for browsers that give a page no storage of its own.
//!
//! It behaves as OPFS does where that matters: one writer or many readers of a file, a quota, locks across clones ("tabs").

use super::files::{Files, StoredFile};
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

#[derive(Debug, Default)]
struct Entry {
    bytes: Vec<u8>,
    readers: usize,
    writer: bool,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<(String, String), Entry>,
    locks: BTreeSet<String>,
    quota: Option<u64>,
}

/// Clones share one disk, as tabs do.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(Rc<RefCell<Disk>>);

impl MemoryFiles {
    /// A disk with room for `quota` bytes.
    pub fn with_quota(quota: u64) -> MemoryFiles {
        let files = MemoryFiles::default();
        files.0.borrow_mut().quota = Some(quota);
        files
    }

    /// Changes the room there is.
    pub fn set_quota(&self, quota: Option<u64>) {
        self.0.borrow_mut().quota = quota;
    }

    /// Changes bytes of a file behind everybody's back, as a failing disk does. The folder is the only one there is.
    pub fn damage(&self, file: &str, offset: usize) {
        let mut disk = self.0.borrow_mut();
        let (_, entry) = disk.files.iter_mut().find(|((_, name), _)| name == file).expect("the file exists");
        entry.bytes[offset] ^= 0x10;
    }

    /// Cuts a file off behind everybody's back, as a crash does.
    pub fn cut(&self, file: &str, len: usize) {
        let mut disk = self.0.borrow_mut();
        let (_, entry) = disk.files.iter_mut().find(|((_, name), _)| name == file).expect("the file exists");
        entry.bytes.truncate(len);
    }
}

impl Files for MemoryFiles {
    type File = MemoryFile;
    type Lock = MemoryLock;

    async fn folders(&self) -> Result<Vec<String>> {
        let folders: BTreeSet<String> = self.0.borrow().files.keys().map(|(folder, _)| folder.clone()).collect();
        Ok(folders.into_iter().collect())
    }

    async fn read_small(&self, folder: &str, file: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().files.get(&key(folder, file)).map(|entry| entry.bytes.clone()))
    }

    async fn open(&self, folder: &str, file: &str, model: &str) -> Result<MemoryFile> {
        let mut disk = self.0.borrow_mut();
        let entry = disk.files.entry(key(folder, file)).or_default();
        if entry.writer || entry.readers > 0 {
            return Err(Error::InUse { file: model.to_owned() });
        }
        entry.writer = true;
        Ok(MemoryFile {
            disk: self.0.clone(),
            key: key(folder, file),
            model: model.to_owned(),
            writes: true,
        })
    }

    async fn open_shared(&self, folder: &str, file: &str, model: &str) -> Result<Option<MemoryFile>> {
        let mut disk = self.0.borrow_mut();
        let Some(entry) = disk.files.get_mut(&key(folder, file)) else {
            return Ok(None);
        };
        if entry.writer {
            return Err(Error::InUse { file: model.to_owned() });
        }
        entry.readers += 1;
        Ok(Some(MemoryFile {
            disk: self.0.clone(),
            key: key(folder, file),
            model: model.to_owned(),
            writes: false,
        }))
    }

    async fn remove(&self, folder: &str, model: &str) -> Result<()> {
        let mut disk = self.0.borrow_mut();
        if disk
            .files
            .iter()
            .any(|((name, _), entry)| name == folder && (entry.writer || entry.readers > 0))
        {
            return Err(Error::InUse { file: model.to_owned() });
        }
        disk.files.retain(|(name, _), _| name != folder);
        Ok(())
    }

    async fn lock(&self, folder: &str, model: &str) -> Result<MemoryLock> {
        if !self.0.borrow_mut().locks.insert(folder.to_owned()) {
            return Err(Error::InUse { file: model.to_owned() });
        }
        Ok(MemoryLock {
            disk: self.0.clone(),
            folder: folder.to_owned(),
        })
    }

    async fn room(&self) -> Option<u64> {
        let disk = self.0.borrow();
        let used: usize = disk.files.values().map(|entry| entry.bytes.len()).sum();
        disk.quota.map(|quota| quota.saturating_sub(used as u64))
    }
}

fn key(folder: &str, file: &str) -> (String, String) {
    (folder.to_owned(), file.to_owned())
}

/// A lock on a folder.
#[derive(Debug)]
pub struct MemoryLock {
    disk: Rc<RefCell<Disk>>,
    folder: String,
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.borrow_mut().locks.remove(&self.folder);
    }
}

/// An open file.
#[derive(Debug)]
pub struct MemoryFile {
    disk: Rc<RefCell<Disk>>,
    key: (String, String),
    model: String,
    writes: bool,
}

impl MemoryFile {
    fn with<T>(&self, f: impl FnOnce(&mut Entry) -> T) -> Result<T> {
        let mut disk = self.disk.borrow_mut();
        let entry = disk.files.get_mut(&self.key);
        entry.map(f).ok_or_else(|| Error::Io {
            file: self.model.clone(),
            problem: "was deleted".to_owned(),
        })
    }
}

impl StoredFile for MemoryFile {
    async fn len(&self) -> Result<u64> {
        self.with(|entry| entry.bytes.len() as u64)
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let start = offset as usize;
        let found = self.with(|entry| match entry.bytes.get(start..start + buffer.len()) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                true
            }
            None => false,
        })?;
        if found {
            Ok(())
        } else {
            Err(Error::Io {
                file: self.model.clone(),
                problem: "ends too early".to_owned(),
            })
        }
    }

    async fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        assert!(self.writes, "opened for reading");
        let end = offset as usize + bytes.len();
        {
            let disk = self.disk.borrow();
            let used: usize = disk.files.values().map(|entry| entry.bytes.len()).sum();
            let grows = end.saturating_sub(disk.files.get(&self.key).map_or(0, |entry| entry.bytes.len()));
            if disk.quota.is_some_and(|quota| (used + grows) as u64 > quota) {
                return Err(Error::Quota {
                    file: self.model.clone(),
                    problem: "the quota is used up".to_owned(),
                });
            }
        }
        self.with(|entry| {
            entry.bytes.resize(entry.bytes.len().max(end), 0);
            entry.bytes[offset as usize..end].copy_from_slice(bytes);
        })
    }

    async fn truncate(&self, len: u64) -> Result<()> {
        self.with(|entry| entry.bytes.resize(len as usize, 0))
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let writes = self.writes;
        // Nothing to close where the file is gone.
        let _ = self.with(|entry| if writes { entry.writer = false } else { entry.readers -= 1 });
    }
}

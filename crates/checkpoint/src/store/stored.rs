//! Reads a stored model. Every block is checked when it is first read; a damaged one is fetched again, alone.

use super::files::{Files, StoredFile};
use super::layout::{self, BLOCK, Blocks, Manifest};
use super::{Store, folder_of};
use crate::error::{Error, Result};
use crate::hash;
use crate::source::{BoxedSource, Budget, ByteSource, check_range};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// Opens the place a model came from, when a block has to be fetched again.
pub type Reopen = Box<dyn Fn(&str) -> Pin<Box<dyn Future<Output = Result<BoxedSource>>>>>;

/// A complete model of a store, as a source of bytes.
pub struct StoredSource<F: Files> {
    files: F,
    folder: String,
    manifest: Manifest,
    blocks: Blocks,
    budget: Budget,
    data: RefCell<Option<Rc<F::File>>>,
    checked: RefCell<Vec<bool>>,
    reopen: Option<Reopen>,
    repaired: Cell<usize>,
}

impl<F: Files + Clone> Store<F> {
    /// Opens the complete model `name` for reading. `reopen` gets its address when a block is damaged.
    pub async fn open(&self, name: &str, reopen: Option<Reopen>) -> Result<StoredSource<F>> {
        let missing = |hint| Error::NotStored {
            file: name.to_owned(),
            hint,
        };
        let folder = folder_of(name);
        let (manifest, blocks) = self.read(&folder).await?.ok_or_else(|| missing(""))?;
        if blocks.whole().is_none() {
            return Err(missing(" as a whole; load it again from its address to fetch the rest"));
        }
        let source = StoredSource {
            files: self.files.clone(),
            folder,
            budget: self.budget.clone(),
            data: RefCell::new(None),
            checked: RefCell::new(vec![false; blocks.total()]),
            reopen,
            repaired: Cell::new(0),
            manifest,
            blocks,
        };
        source.data().await?;
        Ok(source)
    }
}

impl<F: Files> StoredSource<F> {
    /// SHA-256 of the whole file, in hexadecimal.
    pub fn sha256(&self) -> String {
        hash::hex(&self.blocks.whole().expect("only complete models are opened"))
    }

    /// Blocks that were damaged and fetched again.
    pub fn repaired(&self) -> usize {
        self.repaired.get()
    }

    /// The open file.
    async fn data(&self) -> Result<Rc<F::File>> {
        if let Some(data) = &*self.data.borrow() {
            return Ok(data.clone());
        }
        let name = &self.manifest.name;
        let opened = self.files.open_shared(&self.folder, layout::DATA, name).await?;
        let data = Rc::new(opened.ok_or_else(|| Error::NotStored {
            file: name.clone(),
            hint: "; its data are gone",
        })?);
        *self.data.borrow_mut() = Some(data.clone());
        Ok(data)
    }

    /// Reads block `index` whole, checks it, repairs it where it must, and copies the part from `skip` into `out`.
    async fn read_checked(&self, index: usize, skip: usize, out: &mut [u8]) -> Result<()> {
        let (start, len) = self.blocks.range(index);
        let _permit = self.budget.take(len).await;
        let mut bytes = vec![0; len];
        let read = self.data().await?.read(start, &mut bytes).await;
        if read.is_err() || &hash::sha256(&bytes) != self.blocks.hash(index) {
            self.repair(index, start, &mut bytes).await?;
        }
        self.checked.borrow_mut()[index] = true;
        out.copy_from_slice(&bytes[skip..skip + out.len()]);
        Ok(())
    }

    async fn repair(&self, index: usize, start: u64, bytes: &mut [u8]) -> Result<()> {
        let end = start + bytes.len() as u64;
        let damaged = |problem: String| Error::Damaged {
            file: self.manifest.name.clone(),
            start,
            end,
            problem,
        };
        let (Some(reopen), Some(url)) = (&self.reopen, &self.manifest.url) else {
            return Err(damaged("its address is not known".to_owned()));
        };
        let source = reopen(url).await.map_err(|error| damaged(error.to_string()))?;
        if source.len() != self.manifest.length {
            return Err(damaged(format!("the file at {url} is another one now")));
        }
        if let Err(error) = source.read(start, bytes).await {
            return Err(damaged(error.to_string()));
        }
        if &hash::sha256(bytes) != self.blocks.hash(index) {
            return Err(damaged(format!("the file at {url} is another one now")));
        }
        self.repaired.set(self.repaired.get() + 1);
        // What was fetched is right and will be used; where another tab has the file open, it is written back another time.
        match self.write_back(start, bytes).await {
            Ok(()) | Err(Error::InUse { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn write_back(&self, start: u64, bytes: &[u8]) -> Result<()> {
        let name = &self.manifest.name;
        let _lock = self.files.lock(&self.folder, name).await?;
        // Readers and a writer exclude each other, in one tab too.
        self.data.borrow_mut().take();
        let data = self.files.open(&self.folder, layout::DATA, name).await?;
        data.write(start, bytes).await?;
        data.flush().await
    }
}

impl<F: Files> ByteSource for StoredSource<F> {
    fn name(&self) -> &str {
        &self.manifest.name
    }

    fn len(&self) -> u64 {
        self.manifest.length
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check_range(self, offset, buffer.len())?;
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let index = (at / BLOCK as u64) as usize;
            let skip = (at % BLOCK as u64) as usize;
            let part = (BLOCK - skip).min(buffer.len() - done);
            let out = &mut buffer[done..done + part];
            if self.checked.borrow()[index] {
                self.data().await?.read(at, out).await?;
            } else {
                self.read_checked(index, skip, out).await?;
            }
            done += part;
        }
        Ok(())
    }
}

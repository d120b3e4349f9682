//! Takes a model in, or goes on taking it in.

use super::files::{Files, StoredFile};
use super::layout::{self, BLOCK, Blocks, Manifest};
use super::{Store, StoredModel, folder_of, wrong_hash};
use crate::error::{Error, Result};
use crate::hash;
use crate::source::{ByteSource, Permit};
use futures::stream::{FuturesOrdered, StreamExt};

/// Blocks that are fetched at the same time.
const PARALLEL: usize = 3;

/// What to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addition {
    /// The name under which it will be found.
    pub name: String,
    /// Where it comes from, for lists and repairs.
    pub url: Option<String>,
    /// What the server calls this state of the file (its ETag), to notice that a half-fetched file was replaced.
    pub validator: Option<String>,
    /// SHA-256 of the whole file in hexadecimal, where a catalogue knows it.
    pub sha256: Option<String>,
}

impl<F: Files> Store<F> {
    /// Stores the file `source`, from where an earlier call stopped. `progress` hears of bytes stored and bytes in all, first and after
    /// each block.
    ///
    /// Dropping the future stops; what is stored stays. A model that is here already, complete, with the same length and the expected hash,
    /// is left as it is. [`Error::Hash`] where the whole is not what `addition` promises: then nothing is kept.
    pub async fn add(&self, addition: &Addition, source: &impl ByteSource, mut progress: impl FnMut(u64, u64)) -> Result<StoredModel> {
        let name = addition.name.as_str();
        let expected = match &addition.sha256 {
            None => None,
            Some(text) => Some(hash::from_hex(text).ok_or_else(|| {
                Error::Values(format!(
                    "the expected SHA-256 of {name} is `{text}`, which is not 64 hexadecimal digits"
                ))
            })?),
        };
        let folder = folder_of(name);
        let _lock = self.files.lock(&folder, name).await?;
        let length = source.len();
        let wanted = Manifest {
            version: 1,
            name: name.to_owned(),
            url: addition.url.clone(),
            validator: addition.validator.clone(),
            length,
            block: BLOCK as u64,
            sha256: addition.sha256.clone(),
        };
        let mut blocks = match self.read(&folder).await? {
            Some((manifest, blocks)) if continues(&manifest, &wanted) => blocks,
            _ => {
                self.files.remove(&folder, name).await?;
                Blocks::parse(&[], length)
            }
        };
        if let (Some(whole), Some(expected)) = (blocks.whole(), expected)
            && whole != expected
        {
            // Stored without a promise, or with another one.
            self.files.remove(&folder, name).await?;
            blocks = Blocks::parse(&[], length);
        }
        if blocks.whole().is_some() && length > 0 {
            progress(length, length);
            return Ok(wanted.describe(&blocks));
        }
        self.check_room(name, length - blocks.stored_bytes()).await?;
        let manifest = self.files.open(&folder, layout::MANIFEST, name).await?;
        let json = serde_json::to_vec(&wanted).expect("strings and numbers are JSON");
        manifest.truncate(0).await?;
        manifest.write(0, &json).await?;
        manifest.flush().await?;
        drop(manifest);
        let data = self.files.open(&folder, layout::DATA, name).await?;
        let log = self.files.open(&folder, layout::BLOCKS, name).await?;
        self.trust_only_what_is_there(&mut blocks, &data, &log).await?;
        progress(blocks.stored_bytes(), length);

        let mut running = blocks.running();
        let mut under_way = FuturesOrdered::new();
        let mut next = blocks.stored();
        loop {
            while next < blocks.total() && under_way.len() < PARALLEL.min(self.budget.limit() / BLOCK) {
                let (start, len) = blocks.range(next);
                under_way.push_back(self.fetch(source, start, len));
                next += 1;
            }
            let Some(fetched) = under_way.next().await else { break };
            let (bytes, permit) = fetched?;
            let (start, _) = blocks.range(blocks.stored());
            data.write(start, &bytes).await?;
            data.flush().await?;
            let at = (blocks.stored() * layout::ENTRY) as u64;
            let entry = blocks.push(&bytes, &mut running);
            drop((bytes, permit));
            if let (Some(whole), Some(expected)) = (blocks.whole(), expected)
                && whole != expected
            {
                drop((data, log));
                self.files.remove(&folder, name).await?;
                return Err(wrong_hash(name, "the whole file", &expected, &whole));
            }
            log.write(at, &entry).await?;
            log.flush().await?;
            progress(blocks.stored_bytes(), length);
        }
        match (blocks.whole(), expected) {
            // Only a file without bytes comes here: others were compared before their last block counted.
            (Some(whole), Some(expected)) if whole != expected => Err(wrong_hash(name, "the whole file", &expected, &whole)),
            _ => Ok(wanted.describe(&blocks)),
        }
    }

    async fn fetch(&self, source: &impl ByteSource, start: u64, len: usize) -> Result<(Vec<u8>, Permit)> {
        let permit = self.budget.take(len).await;
        let mut bytes = vec![0; len];
        source.read(start, &mut bytes).await?;
        Ok((bytes, permit))
    }

    async fn check_room(&self, name: &str, needed: u64) -> Result<()> {
        match self.files.room().await {
            Some(room) if room < needed => {
                let problem = format!(
                    "it needs {} MB more, but there is room for {} MB",
                    needed.div_ceil(1_000_000),
                    room / 1_000_000
                );
                Err(Error::Quota {
                    file: name.to_owned(),
                    problem,
                })
            }
            _ => Ok(()),
        }
    }

    /// Drops entries whose data did not reach the disk, the last one by its hash: a crash damages what was written last.
    async fn trust_only_what_is_there(&self, blocks: &mut Blocks, data: &F::File, log: &F::File) -> Result<()> {
        let there = data.len().await?;
        while blocks.stored() > 0 {
            let last = blocks.stored() - 1;
            let (start, len) = blocks.range(last);
            if start + len as u64 <= there {
                let _permit = self.budget.take(len).await;
                let mut bytes = vec![0; len];
                data.read(start, &mut bytes).await?;
                if &hash::sha256(&bytes) == blocks.hash(last) {
                    break;
                }
            }
            blocks.truncate(last);
        }
        log.truncate((blocks.stored() * layout::ENTRY) as u64).await
    }
}

/// True where blocks stored for `old` are blocks of `new`.
fn continues(old: &Manifest, new: &Manifest) -> bool {
    let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b));
    old.length == new.length && !differ(&old.validator, &new.validator) && !differ(&old.sha256, &new.sha256)
}

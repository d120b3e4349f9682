//! Stage `write`: a unit's documents without copies, as parquet and as tokens, with statistics.

use std::collections::BTreeMap;
use std::io::BufWriter;

use rayon::prelude::*;

use super::copies::removals;
use super::finish::DATASET;
use super::map::{DOCUMENTS, documents, get_or_try, statistics};
use super::pack::{metadata, shard};
use super::plan::Unit;
use super::runner::{Build, Marker, Progress, Stage};
use crate::batches::in_batches;
use crate::dedup::resolve::{Kind, Removals};
use crate::publish::ParquetWriter;
use crate::shards::{Metadata, ShardWriter};
use crate::statistics::{LanguageTag, Statistics, Tally};
use crate::{AtomicFile, Document, Error, Result, read_documents};

/// Text that is encoded between two writes.
const BATCH_BYTES: usize = 8 << 20;

/// Units that have documents of a language: the files of that language are numbered by them.
pub(super) type UnitsByLanguage = BTreeMap<LanguageTag, Vec<u64>>;

const STEP: &str = "duplicates";

impl Build {
    fn units_by_language(&self) -> Result<&UnitsByLanguage> {
        get_or_try(&self.units_by_language, || {
            let mut units = UnitsByLanguage::new();
            for unit in 0..self.units(Stage::Map)? {
                for name in self.marker(Stage::Map, unit)?.counts.0.keys() {
                    if let Some(language) = name.strip_prefix(DOCUMENTS).and_then(LanguageTag::parse) {
                        units.entry(language).or_default().push(unit);
                    }
                }
            }
            Ok(units)
        })
    }
}

/// `dataset/data/en/train-00003-of-00042.parquet`
fn parquet(language: LanguageTag, number: usize, all: usize) -> String {
    format!("{DATASET}/data/{language}/train-{number:05}-of-{all:05}.parquet")
}

/// The language of such a name.
pub(super) fn parquet_language(path: &str) -> Option<LanguageTag> {
    let inside = path.strip_prefix(DATASET)?.strip_prefix("/data/")?;
    LanguageTag::parse(inside.split('/').next()?)
}

type Files = BTreeMap<LanguageTag, (String, ParquetWriter<BufWriter<AtomicFile>>)>;

pub(super) fn run(build: &Build, unit: u64, progress: &dyn Progress) -> Result<Marker> {
    let fetched = build.output.fetch(&documents(unit))?;
    let mut sink = Sink::open(build, unit)?;
    let copies = Copies::open(build, unit)?;
    let mut all = Statistics::default();
    let Unit {
        input, bytes: mut left, ..
    } = build.plan()?.units[unit as usize];
    let longest = build.settings.config.input[input].options().max_document_bytes;
    let stays = Stays {
        documents: (0u64..).zip(read_documents(&fetched.path, longest)?),
        copies,
        all: &mut all,
        seen: |bytes: u64| {
            let done = left.min(bytes);
            left -= done;
            progress.advance(done);
        },
    };
    in_batches(stays, BATCH_BYTES, |batch| sink.write(&batch))?;
    progress.advance(left);
    let (written, mut marker) = sink.commit()?;
    all.merge(&written);
    let json = serde_json::to_vec(&all).expect("plain data");
    build.output.write(&statistics(Stage::Write, unit), &json)?;
    marker.counts.add("documents", all.kept.total().documents);
    Ok(marker)
}

/// The documents without copies.
struct Stays<'a, D, S> {
    documents: D,
    copies: Option<Copies>,
    all: &'a mut Statistics,
    /// Hears the bytes of every text.
    seen: S,
}

impl<D: Iterator<Item = (u64, Result<Document>)>, S: FnMut(u64)> Stays<'_, D, S> {
    fn next_kept(&mut self) -> Result<Option<Document>> {
        for (number, document) in self.documents.by_ref() {
            let document = document?;
            (self.seen)(document.text.len() as u64);
            if let Some(copies) = &mut self.copies
                && copies.drops(number, &document, self.all)?
            {
                continue;
            }
            return Ok(Some(document));
        }
        match self.copies.take() {
            Some(copies) => copies.end().map(|()| None),
            None => Ok(None),
        }
    }
}

impl<D: Iterator<Item = (u64, Result<Document>)>, S: FnMut(u64)> Iterator for Stays<'_, D, S> {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Result<Document>> {
        self.next_kept().transpose()
    }
}

/// Where the documents go.
struct Sink<'a> {
    build: &'a Build,
    unit: u64,
    parquet: Files,
    shard: Option<ShardWriter>,
    all: Statistics,
}

impl<'a> Sink<'a> {
    fn open(build: &'a Build, unit: u64) -> Result<Sink<'a>> {
        let shard = match build.tokens()? {
            Some(tokens) => Some(ShardWriter::create(&build.output.writable(&shard(unit)), &tokens.vocabulary)?),
            None => None,
        };
        Ok(Sink {
            build,
            unit,
            parquet: open_parquet(build, unit)?,
            shard,
            all: Statistics::default(),
        })
    }

    fn write(&mut self, batch: &[Document]) -> Result<()> {
        let encoded = match self.build.tokens()? {
            Some(tokens) => batch
                .par_iter()
                .map(|document| tokens.encode(document).map(Some))
                .collect::<Result<Vec<_>>>()?,
            None => batch.iter().map(|_| None).collect(),
        };
        for (document, ids) in batch.iter().zip(encoded) {
            let count = ids.as_ref().map(|ids| ids.len() as u64);
            self.all.samples.offer("kept", "kept", document, String::new);
            self.all.add_kept(document, count);
            if let Some((_, file)) = self.parquet.get_mut(&LanguageTag::of(document.language)) {
                file.write(document, count.unwrap_or(0))?;
            }
            if let (Some(shard), Some(ids), Some(tokens)) = (&mut self.shard, ids, self.build.tokens()?) {
                let ids = [&tokens.vocabulary.prefix, ids.as_slice(), &[tokens.vocabulary.end]].concat();
                shard.add(&ids, &Metadata::new(document, ids.len()))?;
            }
        }
        Ok(())
    }

    fn commit(self) -> Result<(Statistics, Marker)> {
        let output = &self.build.output;
        let mut marker = Marker::default();
        let mut names = Vec::new();
        for (name, file) in self.parquet.into_values() {
            let (writer, _, _) = file.finish()?;
            writer
                .into_inner()
                .map_err(|error| Error::io(output.shown(&name), error.into_error()))?
                .commit()?;
            names.push(name);
        }
        if let Some(writer) = self.shard {
            marker.counts.add("tokens", writer.commit()?.tokens);
            names.extend([shard(self.unit), metadata(self.unit)]);
        }
        for name in names {
            let bytes = output.publish(&name)?;
            marker.files.push((name, bytes));
        }
        Ok((self.all, marker))
    }
}

fn open_parquet(build: &Build, unit: u64) -> Result<Files> {
    let mut files = Files::new();
    if !build.settings.config.dataset.parquet {
        return Ok(files);
    }
    for (language, units) in build.units_by_language()? {
        if let Ok(number) = units.binary_search(&unit) {
            let name = parquet(*language, number, units.len());
            let path = build.output.writable(&name);
            let file = BufWriter::with_capacity(1 << 20, AtomicFile::create(&path)?);
            let writer = ParquetWriter::new(&path, file, build.settings.config.tokenize.is_some())?;
            files.insert(*language, (name, writer));
        }
    }
    Ok(files)
}

/// What the stage `resolve` said about a unit's documents, in their order.
struct Copies {
    list: Removals,
    next: Option<crate::dedup::resolve::Removal>,
    shown: String,
}

impl Copies {
    fn open(build: &Build, unit: u64) -> Result<Option<Copies>> {
        if !build.settings.finds_copies() {
            return Ok(None);
        }
        let fetched = build.output.fetch(&removals(unit))?;
        // The list is small; it stays open when the copy of it here is gone.
        let mut list = Removals::open(&fetched.path)?;
        let next = list.next().transpose()?;
        let shown = build.output.shown(&removals(unit));
        Ok(Some(Copies { list, next, shown }))
    }

    /// Whether a document goes; counts either way.
    fn drops(&mut self, number: u64, document: &Document, all: &mut Statistics) -> Result<bool> {
        let language = LanguageTag::of(document.language);
        let tally = Tally::of(&document.text);
        let Some(removal) = self.next.take_if(|removal| removal.document == number) else {
            *all.step(STEP).kept.entry(language).or_default() += tally;
            return Ok(false);
        };
        let reason = match removal.kind {
            Kind::Exact => "exact_copy",
            Kind::Near => "near_copy",
        };
        *all.step(STEP)
            .dropped
            .entry(reason.into())
            .or_default()
            .entry(language)
            .or_default() += tally;
        let outcome = format!("dropped: {reason}");
        all.samples
            .offer(STEP, &outcome, document, || format!("the copy that stays: {}", removal.kept));
        self.next = self.list.next().transpose()?;
        Ok(true)
    }

    fn end(self) -> Result<()> {
        match self.next {
            None => Ok(()),
            Some(removal) => Err(Error::format(
                self.shown,
                format!("names document {}, which its unit does not have", removal.document),
            )),
        }
    }
}
